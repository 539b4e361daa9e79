import type { PeopleAnswer, StickinessAnswer } from '@sluice/contracts';
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

async function stickiness(query: Record<string, unknown>): Promise<StickinessAnswer> {
  const response = await api.ask(project.key, { kind: 'stickiness', timezone: 'UTC', ...query });
  expect(response.statusCode, response.body).toBe(200);
  return response.json<StickinessAnswer>();
}

async function askPeople(query: Record<string, unknown>, point: Record<string, unknown>) {
  return api.app.inject({
    method: 'POST',
    url: '/v1/people',
    headers: { authorization: `Bearer ${project.key}` },
    payload: { query: { kind: 'stickiness', timezone: 'UTC', ...query }, point },
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
])('stickiness, from %s', (_from, source) => {
  const range = { ...source, from: '2020-01-01', to: '2020-01-05' };
  const visits = [
    ...days('a', 1, 2, 3, 4, 5),
    ...days('b', 1, 1, 1, 5),
    ...days('c', 2, 2),
    ...days('d', 4),
    // Outside of the range.
    ...days('e', 6),
  ];

  it('counts people by the number of their active days, exactly and at least', async () => {
    await api.land(project.projectId, visits);
    expect(await stickiness(range)).toMatchObject({
      periods: 5,
      users: [2, 1, 0, 0, 1],
      cumulative: [4, 2, 1, 1, 1],
    });
  });

  it('takes a day as active only with so many events', async () => {
    await api.land(project.projectId, visits);
    expect(await stickiness({ ...range, min_events: 2 })).toMatchObject({
      users: [2, 0, 0, 0, 0],
      cumulative: [2, 0, 0, 0, 0],
    });
    expect((await stickiness({ ...range, min_events: 3 })).users).toEqual([1, 0, 0, 0, 0]);
    // Days of Kathmandu begin at a quarter past 18:00 UTC: all visits are in the same days, moved by none.
    const local = { ...range, timezone: 'Asia/Kathmandu', min_events: 2 };
    expect((await stickiness(local)).users).toEqual([2, 0, 0, 0, 0]);
  });

  it('takes merged ids as one person, whose days are counted once', async () => {
    await api.land(project.projectId, [
      ...days('u', 1, 2),
      { anonymousId: 'x', at: '2020-01-02T13:00:00Z', event: 'PV' },
      { anonymousId: 'x', at: '2020-01-03T13:00:00Z', event: 'PV' },
    ]);
    expect((await stickiness(range)).users).toEqual([0, 2, 0, 0, 0]);
    await api.merge(project.projectId, 'x', 'u');
    expect((await stickiness(range)).users).toEqual([0, 0, 1, 0, 0]);
    expect((await stickiness({ ...range, min_events: 2 })).users).toEqual([1, 0, 0, 0, 0]);
  });

  it('goes by weeks and months, and by local days where clocks change', async () => {
    await api.land(project.projectId, [
      ...days('u', 5, 6, 12),
      event('v', '2024-11-03T04:30:00Z'),
      event('v', '2024-11-04T04:45:00Z'),
    ]);
    const weeks = { ...source, interval: 'week', from: '2020-01-01', to: '2020-01-14' };
    expect((await stickiness(weeks)).users).toEqual([0, 1, 0]);
    expect((await stickiness({ ...weeks, week_start: 'sunday' })).users).toEqual([0, 1, 0]);
    expect((await stickiness({ ...weeks, interval: 'month', to: '2020-02-29' })).users).toEqual([1, 0]);
    const local = { ...source, from: '2024-11-03', to: '2024-11-04' };
    expect((await stickiness(local)).users).toEqual([0, 1]);
    // A day of 25 hours.
    expect((await stickiness({ ...local, timezone: 'America/New_York' })).users).toEqual([1, 0]);
  });

  it('counts more than 64 periods, too', async () => {
    const all = Array.from({ length: 100 }, (_day, n) =>
      event('u', new Date(Date.UTC(2020, 0, 1 + n, 12)).toISOString()),
    );
    await api.land(project.projectId, [...all, ...all, ...days('v', 1, 31)]);
    const { periods, users } = await stickiness({ ...range, to: '2020-04-09' });
    expect(periods).toBe(100);
    expect(users.flatMap((count, index) => (count === 0 ? [] : [[index + 1, count]]))).toEqual([
      [2, 1],
      [100, 1],
    ]);
  });

  it('lists as many people as it counts', async () => {
    await api.land(project.projectId, visits);
    for (const least of [1, 2]) {
      const query = { ...range, min_events: least };
      const answer = await stickiness(query);
      for (const [at_least, numbers] of [
        [false, answer.users],
        [true, answer.cumulative],
      ] as const) {
        for (const [index, count] of numbers.entries()) {
          const people = (await askPeople(query, { periods: index + 1, at_least })).json<PeopleAnswer>();
          expect([people.total, people.people.length]).toEqual([count, count]);
        }
      }
    }
  });
});

it('can count hours', async () => {
  await api.land(project.projectId, [
    event('u', '2020-01-01T00:10:00Z'),
    event('u', '2020-01-01T00:50:00Z'),
    event('u', '2020-01-01T23:50:00Z'),
  ]);
  const { periods, users } = await stickiness({ interval: 'hour', from: '2020-01-01', to: '2020-01-01' });
  expect([periods, users[0], users[1]]).toEqual([24, 0, 1]);
});

it('has no people active in more periods than there are', async () => {
  const response = await askPeople({ from: '2020-01-01', to: '2020-01-05' }, { periods: 6 });
  expect(response.statusCode).toBe(400);
  expect(response.json()).toMatchObject({ code: 'invalid_query', field: '/point/periods' });
});
