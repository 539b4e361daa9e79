import type { EstimateAnswer, PeopleAnswer, Problem, TrendsAnswer } from '@sluice/contracts';
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

const RANGE = { from: '2024-05-01', to: '2024-05-03', timezone: 'UTC' };

async function ask<A>(query: Record<string, unknown>): Promise<A> {
  const response = await api.ask(project.key, query);
  expect(response.statusCode, response.body).toBe(200);
  return response.json<A>();
}

const trends = async (query: Record<string, unknown>): Promise<TrendsAnswer> =>
  ask({ kind: 'trends', ...RANGE, ...query });

async function total(series: Record<string, unknown>, query: Record<string, unknown> = {}) {
  return (await trends({ series: [series], ...query })).series[0]!.total;
}

async function refused(query: Record<string, unknown>): Promise<Problem> {
  const response = await api.ask(project.key, { kind: 'trends', ...RANGE, ...query });
  expect(response.statusCode, response.body).toBeGreaterThanOrEqual(400);
  return response.json<Problem>();
}

async function people(query: Record<string, unknown>, point: Record<string, unknown>): Promise<PeopleAnswer> {
  const response = await api.app.inject({
    method: 'POST',
    url: '/v1/people',
    headers: { authorization: `Bearer ${project.key}`, 'content-type': 'application/json' },
    payload: JSON.stringify({ query: { kind: 'trends', ...RANGE, ...query }, point, limit: 2 }),
  });
  expect(response.statusCode, response.body).toBe(200);
  return response.json<PeopleAnswer>();
}

function buy(userId: string, at: string, amount: number, more: Partial<TestEvent> = {}): TestEvent {
  return { userId, at, event: 'buy', properties: { amount }, ...more };
}
const identify = (userId: string, at: string, traits: Record<string, unknown>): TestEvent => ({
  userId,
  at,
  type: 'identify',
  properties: traits,
});

describe('measures of a property', () => {
  beforeEach(async () =>
    api.land(project.projectId, [
      buy('a', '2024-05-01T10:00:00Z', 10),
      buy('a', '2024-05-01T11:00:00Z', 20),
      buy('b', '2024-05-01T12:00:00Z', 60),
      buy('b', '2024-05-03T12:00:00Z', 0.5),
      buy('b', '2024-05-03T13:00:00Z', NaN, { properties: { amount: 'much' } }),
    ]),
  );

  it.each([
    ['sum', [90, 0, 0.5], 90.5],
    ['avg', [30, null, 0.5], 22.625],
    ['min', [10, null, 0.5], 0.5],
    ['max', [60, null, 0.5], 60],
    ['p50', [20, null, 0.5], 15],
    ['p90', [52, null, 0.5], 48],
  ])('give %s by day and, by itself, for the range', async (measure, values, whole) => {
    const { series } = await trends({ series: [{ event: 'buy', measure, property: 'amount' }] });
    const rounded = series[0]!.values.map((value) => (value === null ? null : Number(value.toFixed(9))));
    expect(rounded).toEqual(values);
    expect(series[0]!.total).toBeCloseTo(whole, 9);
  });

  it('give each of several series what it gives by itself, whichever are asked together', async () => {
    const asked = ['p99', 'sum', 'avg', 'count', 'p50'].flatMap((measure) =>
      (measure === 'count' ? ['buy'] : ['buy', null]).map((name) => ({
        event: name,
        measure,
        ...(measure === 'count' ? {} : { property: 'amount' }),
      })),
    );
    const compare = { from: '2024-05-02' };
    const together = await trends({ series: asked, compare });
    for (const [index, series] of asked.entries()) {
      const alone = await trends({ series: [series], compare });
      // Alone, every series is A.
      expect({ ...alone.series[0], letter: together.series[index]!.letter }).toEqual(together.series[index]);
    }
  });

  it('leave a property out where none belongs, and ask for one where it does', async () => {
    expect(await refused({ series: [{ measure: 'sum' }] })).toMatchObject({ field: '/series/0/property' });
    expect(await refused({ series: [{ measure: 'count', property: 'amount' }] })).toMatchObject({
      field: '/series/0/property',
    });
  });

  it('count events of each person', async () => {
    expect(await total({ event: 'buy', measure: 'count_per_user' })).toBe(2.5);
    expect(await total({ event: 'buy', measure: 'count_per_user' }, { source: 'raw' })).toBe(2.5);
  });

  it('are calculated with, bucket by bucket', async () => {
    const { formulas } = await trends({
      series: [
        { event: 'buy', measure: 'sum', property: 'amount' },
        { event: 'buy', measure: 'unique_users' },
      ],
      formulas: [{ formula: 'A / B', name: 'each' }, { formula: '-(A + 1.5) * 2' }],
    });
    expect(formulas[0]).toMatchObject({ name: 'each', values: [45, null, 0.5], total: 45.25 });
    expect(formulas[1]!.values).toEqual([-183, -3, -4]);
  });

  it.each([
    ['A +', 'A number or a series is missing at character 4'],
    ['A B', 'There must be an operator at character 3'],
    ['C', 'There is no series C at character 1'],
    ['(A', 'A closing parenthesis is missing at character 3'],
    ['A; drop', 'There must be an operator at character 2'],
  ])('refuse the formula %j and say where it is wrong', async (formula, text) => {
    const problem = await refused({ series: [{}, {}], formulas: [{ formula }] });
    expect(problem).toMatchObject({ code: 'invalid_query', field: '/formulas/0/formula' });
    expect(problem.detail).toContain(text);
  });
});

describe('a comparison', () => {
  it('puts the period before beside the range, as long by the clocks of the zone', async () => {
    await api.land(project.projectId, [
      buy('a', '2024-11-04T06:30:00Z', 1),
      buy('a', '2024-11-03T05:30:00Z', 1),
      buy('a', '2024-11-03T06:30:00Z', 1),
    ]);
    const { buckets, previous_buckets, series } = await trends({
      from: '2024-11-04',
      to: '2024-11-04',
      timezone: 'America/New_York',
      interval: 'hour',
      compare: 'previous_period',
    });
    expect([buckets.length, previous_buckets!.length]).toEqual([24, 25]);
    expect(series[0]!.previous!.values.slice(0, 4)).toEqual([0, 1, 1, 0]);
    expect(series[0]!.previous!.total).toBe(2);
  });

  it('takes whole months before whole months, and any period that is named', async () => {
    await api.land(project.projectId, [
      buy('a', '2024-02-29T12:00:00Z', 1),
      buy('a', '2023-06-10T12:00:00Z', 1),
    ]);
    const month = { from: '2024-03-01', to: '2024-03-31', interval: 'month' };
    const before = await trends({ ...month, compare: 'previous_period' });
    expect(before.previous_buckets!.map(({ label }) => label)).toEqual(['2024-02']);
    expect(before.series[0]!.previous!.values).toEqual([1]);
    const named = await trends({ ...month, interval: 'total', compare: { from: '2023-06-01' } });
    expect(named.previous_buckets![0]).toMatchObject({
      start: '2023-06-01T00:00:00.000Z',
      end: '2023-07-02T00:00:00.000Z',
    });
    expect(named.series[0]!.previous!.total).toBe(1);
  });
});

describe('conditions', () => {
  beforeEach(async () =>
    api.land(project.projectId, [
      identify('a', '2024-04-01T00:00:00Z', { plan: 'free', seats: 3 }),
      identify('a', '2024-04-02T00:00:00Z', { plan: 'pro' }),
      identify('b', '2024-04-01T00:00:00Z', { plan: 'free', seats: 10, since: '2023-01-01' }),
      buy('a', '2024-05-01T10:00:00Z', 10, { columns: { country: 'DE', page_path: '/shoes/red' } }),
      buy('b', '2024-05-01T11:00:00Z', 20, {
        columns: { country: 'US' },
        properties: { amount: 20, note: 'Gift wrap' },
      }),
      buy('c', '2024-05-02T11:00:00Z', 30, { columns: { country: 'FR' } }),
      { anonymousId: 'c-phone', at: '2024-04-20T10:00:00Z', event: 'view' },
      { userId: 'a', at: '2024-04-28T10:00:00Z', event: 'view' },
      { userId: 'a', at: '2024-04-29T10:00:00Z', event: 'view' },
      { userId: 'b', at: '2024-04-29T10:00:00Z', event: 'view' },
    ]),
  );
  const buyers = async (...filters: unknown[]) =>
    total({ event: 'buy', measure: 'unique_users' }, { filters });

  it.each([
    ['is', { column: 'country', operator: 'is', values: ['DE', 'US'] }, 2],
    ['is not', { column: 'country', operator: 'is_not', values: ['DE'] }, 2],
    ['is one number', { property: 'amount', operator: 'is', values: [20] }, 1],
    ['ends with', { column: 'page_path', operator: 'ends_with', values: ['/red'] }, 1],
    ['matches', { column: 'page_path', operator: 'matches', values: ['^/sho.s/'] }, 1],
    ['does not match', { column: 'page_path', operator: 'not_matches', values: ['^/sho.s/'] }, 2],
    ['contains', { property: 'note', operator: 'contains', values: ['gift'] }, 1],
    ['lies between', { property: 'amount', operator: 'between', values: [10, 20] }, 2],
    ['is more', { property: 'amount', operator: 'gt', value: 10 }, 2],
    ['the newest trait', { user_property: 'plan', operator: 'is', values: ['free'] }, 1],
    ['a trait that later messages left out', { user_property: 'seats', operator: 'lte', value: 3 }, 1],
    ['no such trait', { user_property: 'plan', operator: 'is_not_set' }, 1],
    ['not that trait', { user_property: 'plan', operator: 'is_not', values: ['pro'] }, 2],
    ['a date before', { user_property: 'since', operator: 'before', value: '2024-01-01T00:00:00Z' }, 1],
  ])('hold for %s', async (_name, filter, count) => {
    expect(await buyers(filter)).toBe(count);
  });

  it('nest with and, or and not', async () => {
    const german = { column: 'country', operator: 'is', values: ['DE'] };
    const dear = { property: 'amount', operator: 'gte', value: 30 };
    expect(await buyers({ or: [german, dear] })).toBe(2);
    expect(await buyers({ not: { or: [german, dear] } })).toBe(1);
    expect(await buyers({ and: [german, dear] })).toBe(0);
    expect(await buyers(german, { not: dear })).toBe(1);
  });

  it('look at what people did, how often and when, under all their ids', async () => {
    const viewed = (more: object) => ({ has_done: { event: 'view', ...more } });
    const month = { within: { last_days: 30 } };
    expect(await buyers(viewed(month))).toBe(2);
    expect(await buyers({ has_not_done: { event: 'view', ...month } })).toBe(1);
    expect(await buyers(viewed({ ...month, times: { gte: 2 } }))).toBe(1);
    expect(await buyers(viewed({ ...month, times: { lte: 1 } }))).toBe(2);
    expect(await buyers(viewed({ ...month, times: { eq: 1 } }))).toBe(1);
    expect(await buyers(viewed({ within: { last_days: 5 } }))).toBe(2);
    expect(await buyers(viewed({ within: { last_days: 4 } }))).toBe(0);
    expect(await buyers(viewed({ within: { from: '2024-04-29', to: '2024-04-29' } }))).toBe(2);
    // In the range of the question itself nobody looked.
    expect(await buyers(viewed({}))).toBe(0);
    await api.merge(project.projectId, 'c-phone', 'c');
    expect(await buyers(viewed(month))).toBe(3);
  });

  it('that only look at people are answered from days of people, with the same numbers', async () => {
    const filters = [{ has_done: { event: 'view', within: { last_days: 30 } } }];
    const series = [{ event: 'buy', measure: 'unique_users' }, { measure: 'unique_users' }];
    const rolled = await trends({ series, filters });
    const raw = await trends({ series, filters, source: 'raw' });
    expect(rolled.series.map(({ source }) => source)).toEqual(['user_days', 'active_days']);
    expect(rolled.series.map(({ values, total: whole }) => [values, whole])).toEqual(
      raw.series.map(({ values, total: whole }) => [values, whole]),
    );
  });

  it('are refused with the place of the fault', async () => {
    expect(await refused({ filters: [{ column: 'country', operator: 'gt', value: 1 }] })).toMatchObject({
      code: 'invalid_query',
      field: '/filters/0',
    });
    expect(
      await refused({ filters: [{ column: 'country', property: 'x', operator: 'is_set' }] }),
    ).toMatchObject({
      code: 'invalid_request',
    });
    expect(await refused({ filters: [{ cohort: 'nobody' }] })).toMatchObject({
      code: 'cohort_not_found',
      field: '/filters/0/cohort',
    });
    expect(await refused({ filters: [{ column: 'os', operator: 'matches', values: ['('] }] })).toMatchObject({
      code: 'invalid_query',
    });
    const depth = 20_000;
    const deep = `${'{"not":'.repeat(depth)}{"column":"os","operator":"is_set"}${'}'.repeat(depth)}`;
    const response = await api.app.inject({
      method: 'POST',
      url: '/v1/query',
      headers: { authorization: `Bearer ${project.key}`, 'content-type': 'application/json' },
      payload: `{"kind":"trends","filters":[${deep}]}`,
    });
    expect(response.json<Problem>()).toMatchObject({ status: 400, code: 'invalid_query' });
  });
});

describe('groups', () => {
  it('follow traits of people and what is known of sessions', async () => {
    const session = '018f3a00-0000-7000-8000-000000000001';
    await api.land(project.projectId, [
      identify('a', '2024-04-01T00:00:00Z', { plan: 'pro' }),
      {
        userId: 'a',
        at: '2024-05-01T10:00:00Z',
        type: 'page',
        sessionId: session,
        columns: { channel: 'email', page_path: '/in' },
      },
      buy('a', '2024-05-01T10:05:00Z', 1, { sessionId: session }),
      buy('b', '2024-05-02T10:00:00Z', 1),
    ]);
    const groups = async (breakdown: object) =>
      (await trends({ series: [{ event: 'buy' }], breakdown })).series[0]!.groups!.map(
        ({ kind, value, total: whole }) => [value ?? kind, whole],
      );
    expect(await groups({ user_property: 'plan' })).toEqual([
      ['none', 1],
      ['pro', 1],
    ]);
    expect(await groups({ session: 'channel' })).toEqual([
      ['none', 1],
      ['email', 1],
    ]);
    expect(await groups({ session: 'entry_path' })).toEqual([
      ['none', 1],
      ['/in', 1],
    ]);
  });

  it('beyond the limit are one group, whose people are counted for themselves', async () => {
    const countries = ['DE', 'DE', 'US', 'FR', 'GB'];
    await api.land(
      project.projectId,
      countries.map((country, index) =>
        buy(`u${index}`, '2024-05-01T10:00:00Z', 1, { columns: { country } }),
      ),
    );
    // The same person in two of the small groups.
    await api.land(project.projectId, [buy('u3', '2024-05-02T10:00:00Z', 1, { columns: { country: 'GB' } })]);
    const { series } = await trends({
      series: [{ measure: 'unique_users' }, { measure: 'count' }],
      breakdown: { column: 'country', limit: 1 },
    });
    expect(series[0]!.groups!.map(({ value, kind, total: whole }) => [value ?? kind, whole])).toEqual([
      ['DE', 2],
      ['other', 3],
    ]);
    expect(series[1]!.groups!.map(({ value, kind, values }) => [value ?? kind, values])).toEqual([
      ['DE', [2, 0, 0]],
      ['other', [3, 1, 0]],
    ]);
  });
});

describe('trailing people', () => {
  it('by the week or month are the people of the bucket', async () => {
    await api.land(project.projectId, [
      buy('a', '2024-05-01T10:00:00Z', 1),
      buy('b', '2024-04-30T10:00:00Z', 1),
    ]);
    const series = [{ measure: 'trailing_users', trailing_days: 7 }];
    const weeks = await trends({ series, interval: 'week' });
    expect(weeks.series[0]!.values).toEqual([1]);
    const days = await trends({ series, from: '2024-05-01', to: '2024-05-08' });
    expect(days.series[0]!.values).toEqual([2, 2, 2, 2, 2, 2, 1, 0]);
    expect(days.series[0]!.total).toBe(0);
  });
});

describe('the people behind a number', () => {
  it('are as many as it says, page by page, under the id that all their ids stand for', async () => {
    await api.land(project.projectId, [
      ...['a', 'b', 'c', 'd', 'e'].map((id) =>
        buy(id, '2024-05-01T10:00:00Z', 1, { columns: { country: 'DE' } }),
      ),
      { anonymousId: 'a-phone', at: '2024-05-02T10:00:00Z', event: 'buy', columns: { country: 'US' } },
    ]);
    await api.merge(project.projectId, 'a-phone', 'a');
    const query = { series: [{ event: 'buy', measure: 'unique_users' }], breakdown: { column: 'country' } };
    const { series, buckets } = await trends(query);
    expect(series[0]!.total).toBe(5);
    const listed: string[] = [];
    let cursor: string | undefined;
    do {
      const response = await api.app.inject({
        method: 'POST',
        url: '/v1/people',
        headers: { authorization: `Bearer ${project.key}`, 'content-type': 'application/json' },
        payload: JSON.stringify({
          query: { kind: 'trends', ...RANGE, ...query },
          point: {},
          limit: 2,
          cursor,
        }),
      });
      const page = response.json<PeopleAnswer>();
      expect(page.total).toBe(5);
      listed.push(...page.people.map(({ user_id }) => user_id));
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    expect(listed.sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
    const second = await people(query, { bucket: buckets[1]!.start });
    expect(second.people).toEqual([{ user_id: 'a' }]);
    expect((await people(query, { group: { kind: 'value', value: 'US' } })).total).toBe(1);
  });

  it('are asked for only where people are counted', async () => {
    const response = await api.app.inject({
      method: 'POST',
      url: '/v1/people',
      headers: { authorization: `Bearer ${project.key}`, 'content-type': 'application/json' },
      payload: JSON.stringify({ query: { kind: 'trends', ...RANGE }, point: {} }),
    });
    expect(response.json<Problem>()).toMatchObject({
      status: 400,
      code: 'invalid_query',
      field: '/point/series',
    });
  });
});

describe('a question', () => {
  beforeEach(async () => api.land(project.projectId, [buy('a', '2024-05-01T10:00:00Z', 1)]));

  it('shows its SQL and the values bound to it when asked', async () => {
    const { sql } = await trends({ series: [{ event: `o'brien` }], include_sql: true });
    expect(sql![0]!.sql).toContain('{v');
    expect(sql![0]!.sql).not.toContain('brien');
    expect(Object.values(sql![0]!.params)).toContain(`o'brien`);
    expect((await trends({})).sql).toBeUndefined();
  });

  it('is estimated without being asked', async () => {
    const estimate = await ask<EstimateAnswer>({
      kind: 'trends',
      ...RANGE,
      source: 'raw',
      series: [{ measure: 'unique_users' }],
      breakdown: { property: 'amount' },
      dry_run: true,
    });
    expect(estimate.kind).toBe('estimate');
    expect(estimate.statements.length).toBeGreaterThan(0);
    expect(estimate.rows).toBeGreaterThan(0);
    expect(estimate.bytes).toBeGreaterThan(0);
  });

  it('is answered from memory until the data changes, and anew when told so', async () => {
    const cache = async (more = {}) =>
      (await trends({ series: [{ event: 'buy' }], ...more })).statistics.cache;
    expect(await cache()).toBe('miss');
    expect(await cache()).toBe('hit');
    expect(await cache({ cache: 'refresh' })).toBe('miss');
    await api.land(project.projectId, [buy('b', '2024-05-01T12:00:00Z', 1)]);
    const { statistics, series } = await trends({ series: [{ event: 'buy' }] });
    expect(statistics.cache).toBe('miss');
    expect(series[0]!.total).toBe(2);
  });

  it('that runs is cancelled by its name, and only by its own project', async () => {
    const other = await api.createProject();
    const cancel = async (key: string, name: string) =>
      api.app.inject({
        method: 'DELETE',
        url: `/v1/queries/${name}`,
        headers: { authorization: `Bearer ${key}` },
      });
    expect((await cancel(project.key, 'slow')).statusCode).toBe(404);
    // Waits for events that never come, so that it surely runs.
    const [end] = await api.log.endOffsets();
    await api.log.append([{ partition: 0, key: 'k', value: Buffer.from('x'), headers: {} }]);
    const running = api.ask(project.key, {
      kind: 'trends',
      query_id: 'slow',
      wait_for: `0:${end! + 1}`,
      wait_timeout_ms: 30_000,
    });
    let cancelled = await cancel(other.key, 'slow');
    expect(cancelled.statusCode).toBe(404);
    for (;;) {
      cancelled = await cancel(project.key, 'slow');
      if (cancelled.statusCode === 200) break;
    }
    const answer = await running;
    expect(answer.statusCode, answer.body).toBe(409);
    expect(answer.json<Problem>().code).toBe('query_cancelled');
  });
});
