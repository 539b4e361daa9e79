import type { LiveAnswer, PeopleAnswer } from '@sluice/contracts';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openApiFixture, type ApiFixture, type Project, type TestEvent } from './api-fixture.js';

let api: ApiFixture;
let project: Project;

beforeAll(async () => {
  api = await openApiFixture();
});
afterAll(async () => api.close());
beforeEach(async () => {
  project = await api.createProject();
});

async function live(query: Record<string, unknown> = {}, key = project.key): Promise<LiveAnswer> {
  const response = await api.ask(key, { kind: 'live', ...query });
  expect(response.statusCode, response.body).toBe(200);
  return response.json<LiveAnswer>();
}

async function people(query: Record<string, unknown>, key = project.key): Promise<PeopleAnswer> {
  const response = await api.app.inject({
    method: 'POST',
    url: '/v1/people',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    payload: JSON.stringify({ query: { kind: 'live', ...query }, point: {} }),
  });
  expect(response.statusCode, response.body).toBe(200);
  return response.json<PeopleAnswer>();
}

const MINUTE_MS = 60_000;
/** Half a minute from the edges of minutes: the clock may go on while a test runs. */
const ago = (minutes: number): number => Date.now() - minutes * MINUTE_MS - MINUTE_MS / 2;

function view(userId: string, at: number, page_path: string, more: Partial<TestEvent> = {}): TestEvent {
  return { userId, at, type: 'page', ...more, columns: { page_path, ...more.columns } };
}

describe('the present', () => {
  it('is who was active in the last minutes, and what happened minute by minute', async () => {
    await api.land(project.projectId, [
      view('a', ago(0), '/'),
      view('a', ago(4), '/buy'),
      view('b', ago(4), '/'),
      view('c', ago(5), '/'),
      view('c', ago(9), '/'),
      view('d', ago(10), '/'),
      view('late', Date.now() + 10 * MINUTE_MS, '/'),
    ]);
    const answer = await live({ minutes: 10, active_minutes: 5 });
    expect(answer).toMatchObject({ active_users: 2, events: 5 });
    expect(answer.minutes.map(({ events, users }) => [events, users])).toEqual([
      [1, 1],
      [0, 0],
      [0, 0],
      [0, 0],
      [1, 1],
      [2, 2],
      [0, 0],
      [0, 0],
      [0, 0],
      [1, 1],
    ]);
    expect(Date.parse(answer.now) - Date.parse(answer.minutes.at(-1)!.start)).toBe(MINUTE_MS);
    expect((await people({ active_minutes: 5 })).people.map(({ user_id }) => user_id).sort()).toEqual([
      'a',
      'b',
    ]);
  });

  it('tells who is here also when that reaches further back than the minutes', async () => {
    await api.land(project.projectId, [view('a', ago(0), '/'), view('b', ago(3), '/')]);
    const answer = await live({ minutes: 2, active_minutes: 5 });
    expect(answer).toMatchObject({ active_users: 2, events: 1 });
    expect(answer.minutes).toHaveLength(2);
    expect(answer.pages).toEqual([{ value: '/', users: 1, events: 1 }]);
  });

  it('lists pages, names, channels and countries, those with most people first, without empty ones', async () => {
    await api.land(project.projectId, [
      view('a', ago(0), '/', { columns: { channel: 'search', country: 'DE' } }),
      view('a', ago(1), '/', { columns: { channel: 'search', country: 'DE' } }),
      view('a', ago(1), '/', { columns: { channel: 'search', country: 'FR' } }),
      view('a', ago(1), '/buy'),
      view('b', ago(1), '/buy', { type: 'track', event: 'Buy' }),
    ]);
    const answer = await live({ limit: 2 });
    expect(answer.pages).toEqual([
      { value: '/buy', users: 2, events: 2 },
      { value: '/', users: 1, events: 3 },
    ]);
    expect(answer.names).toEqual([{ value: 'Buy', users: 1, events: 1 }]);
    expect(answer.channels).toEqual([{ value: 'search', users: 1, events: 3 }]);
    expect(answer.countries.map(({ value }) => value)).toEqual(['DE', 'FR']);
    expect((await live({ limit: 1 })).pages).toHaveLength(1);
  });

  it('leaves robots out unless asked for, and looks only at what meets the filters', async () => {
    await api.land(project.projectId, [
      view('a', ago(0), '/'),
      view('a', ago(0), '/x'),
      view('r', ago(0), '/x', { isBot: true }),
    ]);
    const filters = [{ column: 'page_path', operator: 'is', values: ['/x'] }];
    expect(await live()).toMatchObject({ active_users: 1, events: 2 });
    expect(await live({ bots: 'include' })).toMatchObject({ active_users: 2, events: 3 });
    expect(await live({ bots: 'include', filters })).toMatchObject({ active_users: 2, events: 2 });
    expect(await live({ filters: [{ has_done: { event: 'other' } }] })).toMatchObject({ events: 0 });
  });

  it('is looked at anew each time: what came meanwhile is there, and people who turned out to be one', async () => {
    await api.land(project.projectId, [view('a', ago(0), '/')]);
    expect(await live()).toMatchObject({ active_users: 1, statistics: { cache: 'miss' } });
    await api.land(project.projectId, [{ anonymousId: 'anon', at: ago(0), type: 'page' }]);
    expect(await live()).toMatchObject({ active_users: 2, statistics: { cache: 'miss' } });
    await api.merge(project.projectId, 'anon', 'a');
    expect(await live()).toMatchObject({ active_users: 1, events: 2 });
    expect((await people({})).people).toEqual([{ user_id: 'a' }]);
  });

  it('is only estimated on a dry run', async () => {
    const response = await api.ask(project.key, { kind: 'live', dry_run: true });
    expect(response.json()).toMatchObject({
      kind: 'estimate',
      statements: [{ name: 'live-minutes' }, { name: 'live-top' }],
    });
  });

  it('is what a count by hand says, for any events', async () => {
    const event = fc.record({
      minutes: fc.integer({ min: 0, max: 20 }),
      id: fc.constantFrom('', 'u1', 'u2', 'a1', 'a2'),
      path: fc.constantFrom('', '/', '/x', '/y'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { minLength: 1, maxLength: 40 }),
        fc.constantFrom<[string, string][]>([], [['a1', 'u1']]),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 20 }),
        async (events, merges, minutes, active_minutes) => {
          const { projectId, key } = await api.createProject();
          await api.land(
            projectId,
            events.map(({ minutes: passed, id, path }) => ({
              at: ago(passed),
              type: 'page',
              ...(id.startsWith('a') ? { anonymousId: id } : { userId: id }),
              columns: { page_path: path },
            })),
          );
          for (const [from, to] of merges) await api.merge(projectId, from, to);
          const merged = new Map(merges);
          const peopleOf = (list: typeof events): number =>
            new Set(list.map(({ id }) => merged.get(id) ?? id).filter((id) => id !== '')).size;
          const within = (count: number): typeof events => events.filter((one) => one.minutes < count);

          const answer = await live({ minutes, active_minutes, limit: 3 }, key);
          expect(answer.active_users).toBe(peopleOf(within(active_minutes)));
          expect(answer.events).toBe(within(minutes).length);
          expect(answer.minutes.map(({ events, users }) => [events, users])).toEqual(
            Array.from({ length: minutes }, (_, place) => {
              const own = events.filter((one) => one.minutes === minutes - 1 - place);
              return [own.length, peopleOf(own)];
            }),
          );
          const pages = ['/', '/x', '/y']
            .map((value) => ({ value, own: within(minutes).filter(({ path }) => path === value) }))
            .filter(({ own }) => own.length > 0)
            .map(({ value, own }) => ({ value, users: peopleOf(own), events: own.length }))
            .sort((a, b) => b.users - a.users || b.events - a.events || (a.value < b.value ? -1 : 1));
          expect(answer.pages).toEqual(pages);
          expect((await people({ minutes, active_minutes }, key)).total).toBe(answer.active_users);
        },
      ),
      { numRuns: 15 },
    );
  });
});
