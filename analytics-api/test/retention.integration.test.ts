import type { PeopleAnswer, RetentionAnswer } from '@sluice/contracts';
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

async function retention(query: Record<string, unknown>): Promise<RetentionAnswer> {
  const response = await api.ask(project.key, { kind: 'retention', timezone: 'UTC', ...query });
  expect(response.statusCode, response.body).toBe(200);
  return response.json<RetentionAnswer>();
}

async function users(query: Record<string, unknown>): Promise<number[][]> {
  const { rows } = await retention(query);
  expect(rows.map(({ size }) => size)).toEqual(rows.map(({ cells }) => cells[0]!.users));
  return rows.map(({ cells }) => cells.map((cell) => cell.users));
}

async function people(query: Record<string, unknown>, point: Record<string, unknown>): Promise<string[]> {
  const response = await api.app.inject({
    method: 'POST',
    url: '/v1/people',
    headers: { authorization: `Bearer ${project.key}` },
    payload: { query: { kind: 'retention', timezone: 'UTC', ...query }, point },
  });
  expect(response.statusCode, response.body).toBe(200);
  const answer = response.json<PeopleAnswer>();
  expect(answer.total).toBe(answer.people.length);
  return answer.people.map(({ user_id }) => user_id).sort();
}

function event(userId: string, at: string, name = 'PV', more: Partial<TestEvent> = {}): TestEvent {
  return { userId, at, event: name, ...more };
}
const days = (userId: string, name: string, month: string, ...of: number[]): TestEvent[] =>
  of.map((day) => event(userId, `${month}-${String(day).padStart(2, '0')}T05:00:00Z`, name));

/** Holds for every event, but only single events can tell: the same numbers, read the other way. */
const RAW = { filters: [{ property: 'nothing', operator: 'is_not_set' }] };
const BOTH = [
  ['the tables of days', {}],
  ['single events', RAW],
] as const;

describe.each(BOTH)('retention by calendar days, from %s,', (_from, source) => {
  const pv = { start: { event: 'PV' }, return: { event: 'PV' }, ...source };

  it('counts people in the cohort of every day on which they started, merged ids as one', async () => {
    await api.land(project.projectId, [
      ...days('p1', 'PV', '2020-06', 10, 11, 12, 15, 16),
      event('p1_alias', '2020-06-15T09:00:00Z'),
      ...days('p2', 'PV', '2020-06', 11, 12, 13, 16),
    ]);
    await api.merge(project.projectId, 'p1_alias', 'p1');
    expect(await users({ ...pv, from: '2020-06-10', periods: 11 })).toEqual([
      [1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0],
      [2, 2, 1, 0, 1, 2, 0, 0, 0, 0],
      [2, 1, 0, 1, 2, 0, 0, 0, 0],
      [1, 0, 0, 1, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0, 0],
      [1, 1, 0, 0, 0, 0],
      [2, 0, 0, 0, 0],
      [0, 0, 0, 0],
      [0, 0, 0],
      [0, 0],
      [0],
    ]);
  });

  const rolling = [
    ...days('p1', 'PV', '2020-06', 10, 13, 14),
    ...days('p2', 'PV', '2020-06', 10, 11),
    ...days('p3', 'PV', '2020-06', 11, 12, 13),
    ...days('p4', 'PV', '2020-06', 13, 14),
    ...days('p5', 'PV', '2020-06', 14),
  ];

  it.each([
    ['2020-06-11', 5, [[2, 1, 1, 0, 0], [1, 1, 0, 0], [3, 2, 0], [3, 0], [0]]],
    ['2020-06-10', 6, [[2, 2, 1, 1, 1, 0], [2, 1, 1, 0, 0], [1, 1, 0, 0], [3, 2, 0], [3, 0], [0]]],
  ])('counts from %s who came back on a day or after it', async (from, periods, expected) => {
    await api.land(project.projectId, rolling);
    expect(await users({ ...pv, match: 'on_or_after', from, periods })).toEqual(expected);
  });

  it('looks to the end of the table and not beyond when it asks for a day or after', async () => {
    await api.land(project.projectId, rolling);
    const query = { ...pv, match: 'on_or_after', from: '2020-06-10', to: '2020-06-11' };
    // The table ends with the 12th: that p1 comes back on the 13th is not looked at.
    expect(await users({ ...query, columns: 2 })).toEqual([
      [2, 1],
      [2, 1],
    ]);
    expect(await users({ ...query, columns: 3 })).toEqual([
      [2, 2, 1],
      [2, 1, 1],
    ]);
  });

  it('follows each cohort as far as columns are asked for, beyond the end of the range', async () => {
    await api.land(project.projectId, rolling);
    expect(await users({ ...pv, from: '2020-06-10', to: '2020-06-11', columns: 4 })).toEqual([
      [2, 1, 0, 1],
      [2, 1, 1, 0],
    ]);
  });

  it('puts people into the cohort of their first event alone when asked for the first', async () => {
    await api.land(project.projectId, [
      ...days('old', 'PV', '2020-05', 1),
      ...days('old', 'PV', '2020-06', 10, 11),
      ...days('new', 'PV', '2020-06', 10, 11, 12),
      ...days('late', 'PV', '2020-06', 11, 12),
    ]);
    for (const cohort of ['first_touch', 'first_matching']) {
      expect(await users({ ...pv, cohort, from: '2020-06-10', to: '2020-06-12' })).toEqual([
        [1, 1, 1],
        [1, 1],
        [0],
      ]);
      const any = { ...source, cohort, from: '2020-06-10', to: '2020-06-12' };
      expect(await users(any)).toEqual([[1, 1, 1], [1, 1], [0]]);
    }
  });

  it('tells what starts from what counts as coming back', async () => {
    await api.land(project.projectId, [
      ...days('u1', 'S', '2025-01', 1),
      ...days('u1', 'R', '2025-01', 2, 3),
      ...days('u2', 'S', '2025-01', 1, 2),
      ...days('u3', 'R', '2025-01', 1, 2, 3),
    ]);
    const query = { start: { event: 'S' }, from: '2025-01-01', to: '2025-01-03', ...source };
    expect(await users({ ...query, return: { event: 'R' } })).toEqual([[2, 1, 1], [1, 0], [0]]);
    expect(await users({ ...query })).toEqual([[2, 2, 1], [1, 0], [0]]);
  });
});

describe('the first start event', () => {
  it('is looked for before its filters with first_touch, and after them with first_matching', async () => {
    const buy = (userId: string, day: number, plan: string): TestEvent =>
      event(userId, `2025-01-0${day}T08:00:00Z`, 'buy', { properties: { plan } });
    await api.land(project.projectId, [
      buy('u1', 1, 'free'),
      buy('u1', 2, 'pro'),
      buy('u1', 3, 'pro'),
      buy('u2', 2, 'pro'),
      buy('u2', 3, 'free'),
      // At the very same time: one of them is enough.
      buy('u3', 2, 'free'),
      buy('u3', 2, 'pro'),
    ]);
    const query = {
      start: { event: 'buy', filters: [{ property: 'plan', operator: 'is', values: ['pro'] }] },
      return: { event: 'buy' },
      from: '2025-01-01',
      to: '2025-01-03',
    };
    for (const clock of ['calendar', 'elapsed_24h']) {
      expect(await users({ ...query, clock, cohort: 'first_touch' })).toEqual([[0, 0, 0], [2, 1], [0]]);
      expect(await users({ ...query, clock, cohort: 'first_matching' })).toEqual([[0, 0, 0], [3, 2], [0]]);
      expect(await users({ ...query, clock, cohort: 'recurring' })).toEqual([[0, 0, 0], [3, 2], [1]]);
    }
  });
});

describe('clocks', () => {
  const firstTouch = { start: { event: 'S' }, return: { event: 'R' }, cohort: 'first_touch' };

  it('give everyone windows of 24 hours since their own start', async () => {
    await api.land(project.projectId, [
      event('u1', '2025-01-01T09:00:00Z', 'S'),
      event('u1', '2025-01-02T12:00:00Z', 'R'),
      event('u2', '2025-01-01T10:00:00Z', 'S'),
      event('u2', '2025-01-03T12:00:00Z', 'R'),
      event('u3', '2025-01-02T09:00:00Z', 'S'),
      event('u3', '2025-01-03T13:00:00Z', 'R'),
      event('u4', '2025-01-02T10:00:00Z', 'S'),
    ]);
    const query = { ...firstTouch, clock: 'elapsed_24h', from: '2025-01-01', periods: 2, columns: 3 };
    expect(await users(query)).toEqual([
      [2, 1, 1],
      [2, 1, 0],
    ]);
    expect(await users({ ...query, match: 'on_or_after' })).toEqual([
      [2, 2, 1],
      [2, 1, 0],
    ]);
  });

  it.each([
    // Clock, and whether somebody who comes back 23 hours and a minute, or 10 hours, later is back on day 1.
    ['calendar', 1, 1],
    ['elapsed_24h', 0, 0],
    ['elapsed_24h_floored', 1, 0],
  ])('differ at their edges: %s', async (clock, after23Hours, after10Hours) => {
    const query = { ...firstTouch, clock, from: '2025-12-01', periods: 1, columns: 2 };
    await api.land(project.projectId, [
      event('u', '2025-12-01T17:59:00Z', 'S'),
      event('u', '2025-12-02T17:00:00Z', 'R'),
    ]);
    expect(await users(query)).toEqual([[1, after23Hours]]);
    project = await api.createProject();
    await api.land(project.projectId, [
      event('u', '2025-12-01T20:00:00Z', 'S'),
      event('u', '2025-12-02T06:00:00Z', 'R'),
    ]);
    expect(await users(query)).toEqual([[1, after10Hours]]);
  });

  it('go by the first start event of a person in a period when there are many', async () => {
    await api.land(project.projectId, [
      event('u', '2025-01-01T01:00:00Z', 'S'),
      event('u', '2025-01-01T20:00:00Z', 'S'),
      event('u', '2025-01-02T02:00:00Z', 'R'),
    ]);
    const query = {
      ...firstTouch,
      cohort: 'recurring',
      clock: 'elapsed_24h',
      from: '2025-01-01',
      periods: 1,
    };
    expect(await users({ ...query, columns: 2 })).toEqual([[1, 1]]);
  });

  it('see every window in which somebody came back many times on one day', async () => {
    await api.land(project.projectId, [
      event('u', '2025-01-01T12:00:00Z', 'S'),
      // The first and the last of these lie in the windows 0 and 1.
      event('u', '2025-01-02T10:00:00Z', 'R'),
      event('u', '2025-01-02T11:00:00Z', 'R'),
      event('u', '2025-01-02T13:00:00Z', 'R'),
      event('u', '2025-01-04T11:00:00Z', 'R'),
    ]);
    const query = { ...firstTouch, clock: 'elapsed_24h', from: '2025-01-01', periods: 1, columns: 4 };
    expect(await users(query)).toEqual([[1, 1, 1, 0]]);
  });

  it('floor to hours of local clocks, which need not be whole hours of UTC', async () => {
    await api.land(project.projectId, [
      // 17:59 and 17:00 in Kathmandu.
      event('u', '2025-12-01T12:14:00Z', 'S'),
      event('u', '2025-12-02T11:15:00Z', 'R'),
    ]);
    const query = { ...firstTouch, clock: 'elapsed_24h_floored', from: '2025-12-01', periods: 1, columns: 2 };
    expect(await users({ ...query, timezone: 'Asia/Kathmandu' })).toEqual([[1, 1]]);
    expect(await users({ ...query, timezone: 'UTC' })).toEqual([[1, 0]]);
  });

  it('of 24 hours count days only', async () => {
    const response = await api.ask(project.key, {
      kind: 'retention',
      clock: 'elapsed_24h',
      period: 'week',
    });
    expect(response.statusCode).toBe(400);
    expect(response.json()).toMatchObject({ code: 'invalid_query', field: '/period' });
  });
});

describe('periods of the calendar', () => {
  it.each(BOTH)('count the day after clocks change as the next day, from %s', async (_from, source) => {
    await api.land(project.projectId, [
      // Saturday evening and Sunday late evening in New York: 23 hours and a half apart, on a day of 23 hours.
      event('u', '2024-03-10T04:45:00Z'),
      event('u', '2024-03-11T03:50:00Z'),
      event('v', '2024-11-03T04:30:00Z'),
      event('v', '2024-11-04T04:45:00Z'),
    ]);
    const query = { ...source, timezone: 'America/New_York', periods: 2 };
    expect(await users({ ...query, from: '2024-03-09' })).toEqual([[1, 1], [1]]);
    // Both lie within the one day of 25 hours.
    expect(await users({ ...query, from: '2024-11-03' })).toEqual([[1, 0], [0]]);
  });

  it('start weeks as told', async () => {
    await api.land(project.projectId, [
      ...days('u', 'PV', '2020-06', 6, 7, 8),
      ...days('v', 'PV', '2020-06', 1, 14),
    ]);
    const query = { period: 'week', from: '2020-06-01', to: '2020-06-14' };
    const monday = await retention({ ...query, week_start: 'monday' });
    expect(monday.rows.map(({ label, partial }) => [label, partial])).toEqual([
      ['2020-06-01', false],
      ['2020-06-08', false],
    ]);
    expect(monday.rows.map(({ cells }) => cells.map((cell) => cell.users))).toEqual([[2, 2], [2]]);
    const sunday = await retention({ ...query, week_start: 'sunday' });
    expect(sunday.rows.map(({ label, partial }) => [label, partial])).toEqual([
      ['2020-05-31', true],
      ['2020-06-07', false],
      ['2020-06-14', true],
    ]);
    expect(sunday.rows.map(({ cells }) => cells.map((cell) => cell.users))).toEqual([[2, 1, 1], [1, 0], [1]]);
  });

  it('are months when asked so, however many days they have', async () => {
    await api.land(project.projectId, [
      event('u', '2024-01-31T23:00:00Z'),
      event('u', '2024-02-01T00:00:00Z'),
      event('u', '2024-03-31T12:00:00Z'),
    ]);
    const answer = await retention({ period: 'month', from: '2024-01-01', periods: 3 });
    expect(answer.rows.map(({ label }) => label)).toEqual(['2024-01', '2024-02', '2024-03']);
    expect(answer.rows.map(({ cells }) => cells.map((cell) => cell.users))).toEqual([[1, 1, 1], [1, 1], [1]]);
  });

  it('are as many as asked for before an end, and the range says otherwise when it has both', async () => {
    const labels = async (query: Record<string, unknown>): Promise<string[]> =>
      (await retention(query)).rows.map(({ label }) => label);
    expect(await labels({ period: 'week', periods: 3, to: '2024-03-20' })).toEqual([
      '2024-03-04',
      '2024-03-11',
      '2024-03-18',
    ]);
    expect(await labels({ periods: 3, from: '2024-03-01', to: '2024-03-02' })).toEqual([
      '2024-03-01',
      '2024-03-02',
    ]);
    expect(await labels({})).toHaveLength(8);
  });
});

describe('maturity', () => {
  it('and averages leave out periods that have begun but not ended', async () => {
    await api.land(project.projectId, [
      ...days('a', 'PV', '2025-12', 28, 29, 30),
      ...days('b', 'PV', '2025-12', 28, 30),
      ...days('c', 'PV', '2025-12', 28),
      ...days('d', 'PV', '2025-12', 30),
      ...days('e', 'PV', '2025-12', 31),
    ]);
    const answer = await retention({ from: '2025-12-28', to: '2026-01-01' });
    expect(answer.complete).toBe(false);
    expect(answer.rows.map(({ cells }) => cells.map(({ mature }) => mature))).toEqual([
      [true, true, true, true, false],
      [true, true, true, false],
      [true, true, false],
      [true, false],
      [false],
    ]);
    expect(answer.rows.map(({ size }) => size)).toEqual([3, 1, 3, 1, 0]);
    expect(answer.rows[0]!.cells.map(({ rate }) => rate)).toEqual([1, 1 / 3, 2 / 3, 0, 0]);
    // Day 1: 1 of 3, 1 of 1 and 0 of 3 people; the cohort of the 31st has no ended day 1.
    expect(answer.averages).toEqual([
      { rate: 1, cohorts: 4, users: 8 },
      { rate: 2 / 7, cohorts: 3, users: 7 },
      { rate: 2 / 4, cohorts: 2, users: 4 },
      { rate: 0, cohorts: 1, users: 3 },
      { rate: null, cohorts: 0, users: 0 },
    ]);
  });

  it('waits for the windows of the last of a cohort on clocks of 24 hours', async () => {
    await api.land(project.projectId, days('a', 'PV', '2025-12', 29));
    const { rows } = await retention({ from: '2025-12-29', periods: 1, columns: 3, clock: 'elapsed_24h' });
    // Somebody who starts at the end of the 29th has day 1 until the end of the 31st.
    expect(rows[0]!.cells.map(({ mature }) => mature)).toEqual([true, true, false]);
  });

  it('is never reached where the range cuts the period short', async () => {
    await api.land(project.projectId, days('a', 'PV', '2025-06', 2, 9));
    const { rows } = await retention({ period: 'week', from: '2025-06-02', to: '2025-06-11' });
    expect(rows.map(({ cells }) => cells.map(({ mature }) => mature))).toEqual([[true, false], [false]]);
  });
});

describe('what filters a question', () => {
  it('goes for both events: robots, properties and behaviours', async () => {
    const of = (userId: string, day: number, plan: string, isBot = false): TestEvent =>
      event(userId, `2025-01-0${day}T08:00:00Z`, 'x', { properties: { plan }, isBot });
    await api.land(project.projectId, [
      of('u1', 1, 'pro'),
      of('u1', 2, 'free'),
      of('u2', 1, 'pro'),
      of('u2', 2, 'pro'),
      of('bot', 1, 'pro', true),
      of('bot', 2, 'pro', true),
    ]);
    const query = { from: '2025-01-01', to: '2025-01-02' };
    expect(await users(query)).toEqual([[3, 3], [3]]);
    expect(await users({ ...query, bots: 'exclude' })).toEqual([[2, 2], [2]]);
    expect(await users({ ...query, bots: 'only', cohort: 'first_touch' })).toEqual([[1, 1], [0]]);
    const pro = { property: 'plan', operator: 'is', values: ['pro'] };
    expect(await users({ ...query, filters: [pro] })).toEqual([[3, 2], [2]]);
    expect(await users({ ...query, return: { filters: [pro] } })).toEqual([[3, 2], [3]]);
    const twicePro = { has_done: { filters: [pro], times: { gte: 2 } } };
    expect(await users({ ...query, filters: [twicePro] })).toEqual([[2, 2], [2]]);
  });
});

describe('the people of a cell', () => {
  it('are those in it, or the others of its row', async () => {
    await api.land(project.projectId, [
      ...days('a', 'PV', '2025-01', 1, 2, 3),
      ...days('b', 'PV', '2025-01', 1, 3),
      ...days('c', 'PV', '2025-01', 1),
      ...days('d', 'PV', '2025-01', 2, 3),
    ]);
    const row = '2025-01-01T00:00:00.000Z';
    for (const clock of ['calendar', 'elapsed_24h']) {
      const query = { from: '2025-01-01', to: '2025-01-03', clock };
      expect(await people(query, { row, column: 0 })).toEqual(['a', 'b', 'c']);
      expect(await people(query, { row, column: 0, returned: false })).toEqual([]);
      expect(await people(query, { row, column: 1 })).toEqual(['a']);
      expect(await people(query, { row, column: 1, returned: false })).toEqual(['b', 'c']);
      expect(await people({ ...query, match: 'on_or_after' }, { row, column: 1 })).toEqual(['a', 'b']);
    }
  });

  it('must be of a row and a column that the answer has', async () => {
    const ask = async (point: Record<string, unknown>) =>
      api.app.inject({
        method: 'POST',
        url: '/v1/people',
        headers: { authorization: `Bearer ${project.key}` },
        payload: {
          query: { kind: 'retention', timezone: 'UTC', from: '2025-01-01', to: '2025-01-03' },
          point,
        },
      });
    const column = await ask({ row: '2025-01-02T00:00:00Z', column: 2 });
    expect([column.statusCode, column.json<{ field: string }>().field]).toEqual([400, '/point/column']);
    const row = await ask({ row: '2025-01-02T01:00:00Z', column: 0 });
    expect([row.statusCode, row.json<{ field: string }>().field]).toEqual([400, '/point/row']);
  });
});

describe('a table', () => {
  it('that would be too wide is refused, unless it is told how many columns', async () => {
    const query = { kind: 'retention', from: '2025-01-01', to: '2025-03-31' };
    const refused = await api.ask(project.key, query);
    expect(refused.statusCode).toBe(400);
    expect(refused.json()).toMatchObject({ code: 'too_many_buckets', field: '/columns' });
    const { rows } = await retention({ ...query, columns: 3 });
    expect(rows).toHaveLength(90);
  });

  it('is estimated and not read in a dry run', async () => {
    const response = await api.ask(project.key, { kind: 'retention', dry_run: true });
    expect(response.json()).toMatchObject({ kind: 'estimate' });
  });
});
