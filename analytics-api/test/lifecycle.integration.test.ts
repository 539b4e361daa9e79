import type { LifecycleAnswer, PeopleAnswer } from '@sluice/contracts';
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

async function lifecycle(query: Record<string, unknown>): Promise<LifecycleAnswer> {
  const response = await api.ask(project.key, { kind: 'lifecycle', timezone: 'UTC', ...query });
  expect(response.statusCode, response.body).toBe(200);
  return response.json<LifecycleAnswer>();
}

async function askPeople(query: Record<string, unknown>, point: Record<string, unknown>) {
  return api.app.inject({
    method: 'POST',
    url: '/v1/people',
    headers: { authorization: `Bearer ${project.key}` },
    payload: { query: { kind: 'lifecycle', timezone: 'UTC', ...query }, point },
  });
}

function event(userId: string, at: string, more: Partial<TestEvent> = {}): TestEvent {
  return { userId, at, event: 'PV', ...more };
}
const days = (userId: string, ...of: number[]): TestEvent[] =>
  of.map((day) => event(userId, `2020-01-${String(day).padStart(2, '0')}T12:00:00Z`));

/** Holds for every event, but only single events can tell: the same numbers, read the other way. */
const RAW = { filters: [{ property: 'nothing', operator: 'is_not_set' }] };

describe.each([
  ['the tables of days, of one event,', { event: 'PV' }],
  ['the tables of days, of all events,', {}],
  ['single events', RAW],
])('the lifecycle by days, from %s', (_from, source) => {
  const visits = [
    ...days('p1', 11, 12, 13, 15, 17, 19),
    ...days('p2', 9, 12),
    ...days('p3', 12),
    ...days('p4', 15),
  ];

  it('tells who is new, returns, comes back and is gone', async () => {
    await api.land(project.projectId, visits);
    expect(await lifecycle({ ...source, from: '2020-01-09', to: '2020-01-19' })).toMatchObject({
      new: [1, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0],
      returning: [0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0],
      resurrecting: [0, 0, 0, 1, 0, 0, 1, 0, 1, 0, 1],
      dormant: [0, 1, 0, 0, 2, 1, 0, 2, 0, 1, 0],
    });
  });

  it('looks back before the range', async () => {
    await api.land(project.projectId, visits);
    expect(await lifecycle({ ...source, from: '2020-01-12', to: '2020-01-19' })).toMatchObject({
      new: [1, 0, 0, 1, 0, 0, 0, 0],
      returning: [1, 1, 0, 0, 0, 0, 0, 0],
      resurrecting: [1, 0, 0, 1, 0, 1, 0, 1],
      dormant: [0, 2, 1, 0, 2, 0, 1, 0],
    });
    // The bucket before the first one is the 15th.
    expect(await lifecycle({ ...source, from: '2020-01-16', to: '2020-01-16' })).toMatchObject({
      new: [0],
      dormant: [2],
    });
  });

  it('takes merged ids as one person, whose first event is that of any of them', async () => {
    await api.land(project.projectId, [
      { anonymousId: 'a', at: '2020-01-01T12:00:00Z', event: 'PV' },
      ...days('u', 2, 3),
    ]);
    const query = { ...source, from: '2020-01-02', to: '2020-01-03' };
    expect(await lifecycle(query)).toMatchObject({ new: [1, 0], returning: [0, 1], dormant: [1, 0] });
    await api.merge(project.projectId, 'a', 'u');
    expect(await lifecycle(query)).toMatchObject({ new: [0, 0], returning: [1, 1], dormant: [0, 0] });
  });

  it('goes by local days, also where clocks change', async () => {
    await api.land(project.projectId, [
      // The 9th, 10th (23 hours) and 11th of March in New York.
      event('u', '2024-03-10T04:59:00Z'),
      event('u', '2024-03-10T05:00:00Z'),
      event('u', '2024-03-11T04:00:00Z'),
    ]);
    const query = { ...source, from: '2024-03-09', to: '2024-03-12', timezone: 'America/New_York' };
    expect(await lifecycle(query)).toMatchObject({
      new: [1, 0, 0, 0],
      returning: [0, 1, 1, 0],
      dormant: [0, 0, 0, 1],
    });
  });

  it('counts what the range cuts off its first week as earlier', async () => {
    await api.land(project.projectId, [
      // Weeks from Monday the 6th; the range begins on Wednesday the 8th.
      ...days('cut', 7, 9),
      ...days('before', 1, 9),
      ...days('fresh', 9),
    ]);
    expect(
      await lifecycle({ ...source, interval: 'week', from: '2020-01-08', to: '2020-01-12' }),
    ).toMatchObject({
      buckets: [{ label: '2020-01-06', partial: true }],
      new: [1],
      returning: [1],
      resurrecting: [1],
      dormant: [0],
    });
  });

  it('lists as many people as it counts', async () => {
    await api.land(project.projectId, visits);
    const query = { ...source, from: '2020-01-09', to: '2020-01-19' };
    const answer = await lifecycle(query);
    for (const state of ['new', 'returning', 'resurrecting', 'dormant'] as const) {
      for (const [index, { start }] of answer.buckets.entries()) {
        const people = (await askPeople(query, { bucket: start, state })).json<PeopleAnswer>();
        expect([state, start, people.total]).toEqual([state, start, answer[state][index]]);
        expect(people.people).toHaveLength(people.total);
      }
    }
  });
});

describe('who is new', () => {
  it('has no such event before, whatever else they did', async () => {
    await api.land(project.projectId, [
      event('u', '2020-01-01T12:00:00Z', { event: 'other' }),
      event('u', '2020-01-02T12:00:00Z', { event: 'PV', isBot: true }),
      event('u', '2020-01-03T12:00:00Z', { event: 'PV' }),
    ]);
    const query = { from: '2020-01-03', to: '2020-01-03' };
    expect(await lifecycle(query)).toMatchObject({ new: [0], returning: [1] });
    expect(await lifecycle({ ...query, event: 'PV' })).toMatchObject({ new: [0], returning: [1] });
    expect(await lifecycle({ ...query, event: 'PV', bots: 'exclude' })).toMatchObject({ new: [1] });
    expect(await lifecycle({ ...query, bots: 'exclude' })).toMatchObject({ new: [0], resurrecting: [1] });
  });
});

describe('buckets', () => {
  it('can be hours, the two 01:00 of New York among them', async () => {
    await api.land(project.projectId, [
      event('u', '2024-11-03T05:30:00Z'),
      event('u', '2024-11-03T06:30:00Z'),
    ]);
    const answer = await lifecycle({
      interval: 'hour',
      from: '2024-11-03',
      to: '2024-11-03',
      timezone: 'America/New_York',
    });
    expect(answer.buckets).toHaveLength(25);
    expect(answer.new.slice(0, 4)).toEqual([0, 1, 0, 0]);
    expect(answer.returning.slice(0, 4)).toEqual([0, 0, 1, 0]);
    expect(answer.dormant.slice(0, 4)).toEqual([0, 0, 0, 1]);
  });

  it('that are not complete have unknown numbers, and nobody is dormant there yet', async () => {
    await api.land(project.projectId, [
      event('u', '2025-12-31T12:00:00Z'),
      event('v', '2025-12-31T12:00:00Z'),
      event('v', '2026-01-01T12:00:00Z'),
    ]);
    const query = { from: '2025-12-31', to: '2026-01-01' };
    const answer = await lifecycle(query);
    expect(answer).toMatchObject({
      complete: false,
      new: [2, null],
      returning: [0, 1],
      resurrecting: [0, null],
      dormant: [0, null],
    });
    const response = await askPeople(query, { bucket: answer.buckets[1]!.start, state: 'dormant' });
    expect(response.statusCode).toBe(400);
    expect(response.json()).toMatchObject({ code: 'invalid_query', field: '/point/bucket' });
  });

  it('can begin with the first day that there is', async () => {
    expect(await lifecycle({ from: '1970-01-01', to: '1970-01-02' })).toMatchObject({ new: [0, 0] });
  });
});
