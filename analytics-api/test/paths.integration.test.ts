import type { PathsAnswer, PeopleAnswer } from '@sluice/contracts';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openApiFixture, type ApiFixture, type Project, type TestEvent } from './api-fixture.js';

let api: ApiFixture;
let project: Project;

beforeAll(async () => {
  api = await openApiFixture();
  await api.completeThrough('2026-01-01T00:00:00Z');
});
afterAll(async () => api.close());
beforeEach(async () => {
  project = await api.createProject();
});

const START = Date.parse('2024-03-01T10:00:00Z');
const MINUTE = 60_000;
const RANGE = { from: '2024-03-01', to: '2024-03-02', timezone: 'UTC' };

async function paths(query: Record<string, unknown> = {}): Promise<PathsAnswer> {
  const response = await api.ask(project.key, { kind: 'paths', ...RANGE, ...query });
  expect(response.statusCode, response.body).toBe(200);
  return response.json<PathsAnswer>();
}

async function peopleOn(query: Record<string, unknown>, point: unknown): Promise<string[]> {
  const response = await api.app.inject({
    method: 'POST',
    url: '/v1/people',
    headers: { authorization: `Bearer ${project.key}`, 'content-type': 'application/json' },
    payload: JSON.stringify({ query: { kind: 'paths', ...RANGE, ...query }, point }),
  });
  expect(response.statusCode, response.body).toBe(200);
  const { total, people } = response.json<PeopleAnswer>();
  expect(people).toHaveLength(total);
  return people.map(({ user_id }) => user_id).sort();
}

const sessionOf = (n: number): string => `018f3a5e-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;

/** One session for each story: pages a minute after each other; a number before a page sets the minute. */
function visits(stories: [string | undefined, string][]): TestEvent[] {
  return stories.flatMap(([userId, story], n) => {
    let minute = -1;
    return story.split(' ').map((word): TestEvent => {
      const [, at, path] = /^(\d*)(.+)$/.exec(word)!;
      minute = at === '' ? minute + 1 : Number(at);
      return {
        ...(userId === undefined ? {} : { userId }),
        type: 'page',
        at: START + minute * MINUTE,
        sessionId: sessionOf(n + 1),
        columns: { page_path: `/${path!}` },
      };
    });
  });
}

const shown = ({ edges }: PathsAnswer): string[] =>
  edges.map(
    ({ source, target, paths: count }) =>
      `${source.step}${source.name}>${target.step}${target.name} ${count}`,
  );

describe('paths of sessions', () => {
  it('count each step with the one after it, the most used first', async () => {
    await api.land(
      project.projectId,
      visits([
        ['a', '0home 2price 7buy'],
        ['b', '0home 4price'],
        ['a', 'home blog'],
        ['c', 'home'],
      ]),
    );
    const answer = await paths();
    expect(answer.edges).toEqual([
      {
        source: { step: 0, name: '/home' },
        target: { step: 1, name: '/price' },
        paths: 2,
        users: 2,
        median_seconds: 180,
      },
      {
        source: { step: 0, name: '/home' },
        target: { step: 1, name: '/blog' },
        paths: 1,
        users: 1,
        median_seconds: 60,
      },
      {
        source: { step: 1, name: '/price' },
        target: { step: 2, name: '/buy' },
        paths: 1,
        users: 1,
        median_seconds: 300,
      },
    ]);
    expect(answer).toMatchObject({
      paths: 3,
      edges_left_out: 0,
      exact: true,
      additive: false,
      complete: true,
    });
  });

  it('take repeats of a step as one, unless told otherwise', async () => {
    await api.land(project.projectId, visits([['a', 'home home price home home']]));
    expect(shown(await paths())).toEqual(['0/home>1/price 1', '1/price>2/home 1']);
    expect(shown(await paths({ collapse_loops: false }))).toEqual([
      '0/home>1/home 1',
      '1/home>2/price 1',
      '2/price>3/home 1',
      '3/home>4/home 1',
    ]);
  });

  it('start at the first of a step and end at the last of another', async () => {
    await api.land(
      project.projectId,
      visits([
        ['a', 'x home y home buy z buy w'],
        ['b', 'buy home'],
        ['c', 'home x'],
      ]),
    );
    expect(shown(await paths({ from_step: '/home', max_steps: 3 }))).toEqual([
      '0/home>1/x 1',
      '0/home>1/y 1',
      '1/y>2/home 1',
    ]);
    // The last three steps.
    expect(shown(await paths({ to_step: '/buy', max_steps: 3 }))).toEqual(['0/buy>1/z 1', '1/z>2/buy 1']);
    const between = await paths({ from_step: '/home', to_step: '/buy', max_steps: 20 });
    expect(between.paths).toBe(1);
    expect(shown(between)).toEqual([
      '0/home>1/y 1',
      '1/y>2/home 1',
      '2/home>3/buy 1',
      '3/buy>4/z 1',
      '4/z>5/buy 1',
    ]);
  });

  it('are no longer than asked for', async () => {
    await api.land(project.projectId, visits([['a', 'p q r s t u v']]));
    expect(shown(await paths())).toHaveLength(4);
    expect(shown(await paths({ max_steps: 2 }))).toEqual(['0/p>1/q 1']);
  });

  it('say how many edges are left out, and are the same each time where edges are equal', async () => {
    await api.land(
      project.projectId,
      visits([
        ['a', 'h d'],
        ['a', 'h b'],
        ['a', 'h c'],
        ['a', 'h z'],
        ['b', 'h z'],
      ]),
    );
    const limited = await paths({ limit: 2 });
    expect(shown(limited)).toEqual(['0/h>1/z 2', '0/h>1/b 1']);
    expect(limited).toMatchObject({ paths: 5, edges_left_out: 2 });
    const frequent = await paths({ min_paths: 2 });
    expect(shown(frequent)).toEqual(['0/h>1/z 2']);
    expect(frequent).toMatchObject({ paths: 5, edges_left_out: 3 });
    expect(await paths({ min_paths: 9 })).toMatchObject({ paths: 5, edges: [], edges_left_out: 4 });
  });

  it('are of pages and screens, of events, or of both', async () => {
    const sessionId = sessionOf(1);
    await api.land(project.projectId, [
      { userId: 'a', sessionId, at: START, type: 'page', columns: { page_path: '/home' } },
      { userId: 'a', sessionId, at: START + MINUTE, event: 'Search', columns: { page_path: '/home' } },
      { userId: 'a', sessionId, at: START + 2 * MINUTE, type: 'identify' },
      { userId: 'a', sessionId, at: START + 3 * MINUTE, type: 'screen', columns: { page_path: '/result' } },
      { userId: 'a', sessionId, at: START + 4 * MINUTE, event: 'Buy' },
      { userId: 'a', sessionId, at: START + 5 * MINUTE, type: 'page' },
    ]);
    expect(shown(await paths())).toEqual(['0/home>1/result 1']);
    expect(shown(await paths({ step: 'event' }))).toEqual(['0Search>1Buy 1']);
    expect(shown(await paths({ step: 'page_or_event' }))).toEqual([
      '0/home>1Search 1',
      '1Search>2/result 1',
      '2/result>3Buy 1',
    ]);
  });

  it('belong to who is known at their end, after merges, or to nobody', async () => {
    const sessionId = sessionOf(9);
    await api.land(project.projectId, [
      ...visits([
        ['a', 'home price'],
        [undefined, 'home price'],
      ]),
      { anonymousId: 'anon', sessionId, at: START, type: 'page', columns: { page_path: '/home' } },
      { userId: 'b', sessionId, at: START + MINUTE, type: 'page', columns: { page_path: '/price' } },
    ]);
    const edge = { source: { step: 0, name: '/home' }, target: { step: 1, name: '/price' } };
    expect((await paths()).edges).toMatchObject([{ ...edge, paths: 3, users: 2 }]);
    expect(await peopleOn({}, edge)).toEqual(['a', 'b']);
    await api.merge(project.projectId, 'b', 'a');
    expect((await paths()).edges).toMatchObject([{ ...edge, paths: 3, users: 1 }]);
    expect(await peopleOn({}, edge)).toEqual(['a']);
  });

  it('leave out robots, events beyond the range and those that do not meet the filters', async () => {
    await api.land(project.projectId, [
      ...visits([['a', 'home price']]),
      ...visits([['b', 'home price']]).map((event) => ({ ...event, isBot: true, sessionId: sessionOf(2) })),
      ...visits([['c', 'home price']]).map((event) => ({
        ...event,
        sessionId: sessionOf(3),
        at: Number(event.at) - 86_400_000,
      })),
    ]);
    expect((await paths()).paths).toBe(2);
    expect((await paths({ bots: 'exclude' })).paths).toBe(1);
    expect(
      (await paths({ filters: [{ column: 'page_path', operator: 'is', values: ['/home'] }] })).paths,
    ).toBe(0);
  });
});

describe('paths of people', () => {
  it('end after more than 30 minutes without a step, whatever the session', async () => {
    const stories: TestEvent[] = [0, 30, 61].map((minute, n) => ({
      userId: 'a',
      type: 'page',
      at: START + minute * MINUTE + (n === 2 ? -MINUTE + 1 : 0),
      sessionId: sessionOf(n + 1),
      columns: { page_path: ['/x', '/y', '/z'][n]! },
    }));
    await api.land(project.projectId, stories);
    expect(shown(await paths({ scope: 'user' }))).toEqual(['0/x>1/y 1']);
    expect(shown(await paths())).toEqual([]);
  });
});

describe('a question about paths', () => {
  it('answers nothing where there is nothing, and can be estimated', async () => {
    expect(await paths()).toMatchObject({ paths: 0, edges: [], edges_left_out: 0 });
    const response = await api.ask(project.key, { kind: 'paths', ...RANGE, dry_run: true });
    expect(response.json()).toMatchObject({ kind: 'estimate' });
  });

  it('has people on edges to the next step alone', async () => {
    const response = await api.app.inject({
      method: 'POST',
      url: '/v1/people',
      headers: { authorization: `Bearer ${project.key}`, 'content-type': 'application/json' },
      payload: JSON.stringify({
        query: { kind: 'paths', ...RANGE },
        point: { source: { step: 0, name: '/a' }, target: { step: 2, name: '/b' } },
      }),
    });
    expect(response.json()).toMatchObject({ code: 'invalid_query', field: '/point/target/step' });
  });
});

describe('any visits', () => {
  const stories = fc.array(
    fc.record({
      person: fc.nat(5),
      pages: fc.array(fc.constantFrom('p', 'q', 'r', 's'), { minLength: 1, maxLength: 8 }),
    }),
    { minLength: 10, maxLength: 30 },
  );
  const step = fc.option(fc.constantFrom('/p', '/q'), { nil: undefined });
  const queries = fc.record({
    from_step: step,
    to_step: step,
    collapse_loops: fc.boolean(),
    max_steps: fc.integer({ min: 2, max: 6 }),
  });

  it('give the edges that following each path gives', async () => {
    await fc.assert(
      fc.asyncProperty(
        stories,
        fc.array(queries, { minLength: 6, maxLength: 6 }),
        async (sessions, asked) => {
          project = await api.createProject();
          await api.land(
            project.projectId,
            visits(sessions.map(({ person, pages }) => [`u${person}`, pages.join(' ')])),
          );
          for (const query of asked) {
            const counts = new Map<string, number>();
            for (const { pages } of sessions) {
              const path = partOf(
                pages.map((page) => `/${page}`),
                query,
              );
              for (const [place, name] of path.slice(0, -1).entries()) {
                const edge = `${place}${name}>${place + 1}${path[place + 1]!}`;
                counts.set(edge, (counts.get(edge) ?? 0) + 1);
              }
            }
            const answer = await paths({ ...query, limit: 500 });
            expect(shown(answer).sort()).toEqual(
              [...counts].map(([edge, count]) => `${edge} ${count}`).sort(),
            );
          }
        },
      ),
      { numRuns: 4, endOnFailure: true },
    );
  }, 300_000);
});

function partOf(
  pages: string[],
  query: {
    from_step: string | undefined;
    to_step: string | undefined;
    collapse_loops: boolean;
    max_steps: number;
  },
): string[] {
  const { from_step, to_step, collapse_loops, max_steps } = query;
  const steps = collapse_loops ? pages.filter((page, index) => page !== pages[index - 1]) : pages;
  const first = from_step === undefined ? 0 : steps.indexOf(from_step);
  const last = to_step === undefined ? steps.length - 1 : steps.lastIndexOf(to_step);
  if (first === -1 || last === -1 || last < first) return [];
  const part = steps.slice(first, last + 1);
  return from_step === undefined && to_step !== undefined ? part.slice(-max_steps) : part.slice(0, max_steps);
}
