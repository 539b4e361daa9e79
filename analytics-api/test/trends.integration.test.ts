import type { TrendsAnswer } from '@sluice/contracts';
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

async function trends(query: Record<string, unknown>): Promise<TrendsAnswer> {
  const response = await api.ask(project.key, { kind: 'trends', ...query });
  expect(response.statusCode, response.body).toBe(200);
  return response.json<TrendsAnswer>();
}

function event(userId: string, at: string, name: string, more: Partial<TestEvent> = {}): TestEvent {
  return { userId, at, event: name, ...more };
}

describe('unique users', () => {
  const visits = [
    event('p0', '2020-01-03T11:00:00Z', 'PV'),
    event('p0', '2020-01-03T12:00:00Z', 'PV'),
    event('p0', '2020-01-12T12:00:00Z', 'PV'),
    event('p1', '2020-01-09T12:00:00Z', 'PV'),
    event('p1', '2020-01-10T12:00:00Z', 'PV'),
    event('p1', '2020-01-11T12:00:00Z', 'PV'),
    event('p2', '2020-01-09T12:00:00Z', 'PV'),
    event('p2', '2020-01-11T12:00:00Z', 'PV'),
  ];

  it.each(['auto', 'raw'])(
    'are counted for each day and, by themselves, for the total (%s)',
    async (source) => {
      await api.land(project.projectId, visits);
      const answer = await trends({
        series: [{ event: 'PV', measure: 'unique_users' }],
        interval: 'day',
        from: '2020-01-03',
        to: '2020-01-12',
        timezone: 'UTC',
        source,
      });
      expect(answer.series[0]).toMatchObject({
        values: [1, 0, 0, 0, 0, 0, 2, 1, 2, 1],
        total: 3,
        additive: false,
        exact: true,
        source: source === 'raw' ? 'events' : 'user_days',
      });
      expect(answer.complete).toBe(true);
    },
  );

  it('are counted by weeks that start on Sunday when asked so', async () => {
    await api.land(project.projectId, visits);
    const answer = await trends({
      series: [{ event: 'PV', measure: 'unique_users' }],
      interval: 'week',
      week_start: 'sunday',
      from: '2019-12-29',
      to: '2020-01-18',
      timezone: 'UTC',
    });
    expect(answer.buckets.map(({ label }) => label)).toEqual(['2019-12-29', '2020-01-05', '2020-01-12']);
    expect(answer.series[0]!.values).toEqual([1, 2, 1]);
  });

  it.each(['auto', 'raw'])(
    'become fewer when ids turn out to be one person, also for the past (%s)',
    async (source) => {
      await api.land(project.projectId, [
        { anonymousId: 'a1', at: '2020-01-01T10:00:00Z', event: 'PV' },
        { anonymousId: 'a2', at: '2020-01-01T11:00:00Z', event: 'PV' },
        event('u1', '2020-01-01T12:00:00Z', 'PV', { anonymousId: 'a1' }),
        event('u2', '2020-01-02T12:00:00Z', 'PV'),
      ]);
      const query = {
        series: [{ measure: 'unique_users' }],
        from: '2020-01-01',
        to: '2020-01-02',
        timezone: 'UTC',
        source,
      };
      expect((await trends(query)).series[0]).toMatchObject({ values: [3, 1], total: 4 });
      await api.merge(project.projectId, 'a1', 'u1');
      expect((await trends(query)).series[0]).toMatchObject({ values: [2, 1], total: 3 });
      await api.merge(project.projectId, 'a2', 'u1');
      expect((await trends(query)).series[0]).toMatchObject({ values: [1, 1], total: 2 });
    },
  );

  it('leave out messages that belong to nobody', async () => {
    await api.land(project.projectId, [
      { at: '2020-01-01T10:00:00Z', type: 'group' },
      event('u1', '2020-01-01T12:00:00Z', 'PV'),
    ]);
    const answer = await trends({
      series: [{ measure: 'unique_users' }, { measure: 'count' }],
      from: '2020-01-01',
      to: '2020-01-01',
      timezone: 'UTC',
    });
    expect(answer.series.map(({ total }) => total)).toEqual([1, 2]);
  });
});

describe('hours of days on which clocks change', () => {
  const hours = async (timezone: string, day: string): Promise<TrendsAnswer> =>
    trends({ series: [{ event: 'pageview' }], interval: 'hour', from: day, to: day, timezone });

  it('keeps the two 01:00 of New York apart', async () => {
    await api.land(project.projectId, [
      event('v0', '2024-11-03T05:30:00Z', 'pageview'),
      event('v1', '2024-11-03T06:30:00Z', 'pageview'),
      event('v2', '2024-11-03T06:45:00Z', 'pageview'),
    ]);
    const { buckets, series } = await hours('America/New_York', '2024-11-03');
    expect(buckets).toHaveLength(25);
    expect(buckets.filter(({ label }) => label.endsWith('T01:00'))).toHaveLength(2);
    expect(series[0]!.values.slice(0, 4)).toEqual([0, 1, 2, 0]);
    expect(series[0]!.total).toBe(3);
  });

  it('has no 02:00 when New York skips it', async () => {
    await api.land(project.projectId, [event('v0', '2024-03-11T03:30:00Z', 'pageview')]);
    const { buckets, series } = await hours('America/New_York', '2024-03-10');
    expect(buckets).toHaveLength(23);
    expect(buckets.some(({ label }) => label.endsWith('T02:00'))).toBe(false);
    expect(buckets.at(-1)!.label).toBe('2024-03-10T23:00');
    expect(series[0]!.values[22]).toBe(1);
    expect(series[0]!.total).toBe(1);
  });
});

describe('local days', () => {
  it.each([
    // Zone, day, its first and its last instant, hours.
    ['America/New_York', '2024-11-03', '2024-11-03T04:00:00Z', '2024-11-04T04:59:59.999Z', 25],
    ['America/New_York', '2024-03-10', '2024-03-10T05:00:00Z', '2024-03-11T03:59:59.999Z', 23],
    ['Asia/Kathmandu', '2024-05-01', '2024-04-30T18:15:00Z', '2024-05-01T18:14:59.999Z', 24],
    ['Australia/Lord_Howe', '2024-04-07', '2024-04-06T13:00:00Z', '2024-04-07T13:29:59.999Z', 24.5],
    ['America/Havana', '2023-11-05', '2023-11-05T04:00:00Z', '2023-11-06T04:59:59.999Z', 25],
    ['America/Asuncion', '2024-03-23', '2024-03-23T03:00:00Z', '2024-03-24T03:59:59.999Z', 25],
  ])('in %s, %s has exactly its own events', async (timezone, day, first, last, hours) => {
    const before = new Date(Date.parse(first) - 1).toISOString();
    const after = new Date(Date.parse(last) + 1).toISOString();
    await api.land(
      project.projectId,
      [before, first, last, after].map((at, n) => event(`u${n}`, at, 'x')),
    );
    for (const source of ['auto', 'raw']) {
      const answer = await trends({
        series: [{ measure: 'count' }, { measure: 'unique_users' }],
        from: day,
        to: day,
        timezone,
        source,
      });
      expect(answer.buckets).toHaveLength(1);
      expect(answer.buckets[0]).toMatchObject({ label: day, partial: false });
      const [bucket] = answer.buckets;
      expect((Date.parse(bucket!.end) - Date.parse(bucket!.start)) / 3_600_000).toBe(hours);
      expect(answer.series.map(({ values }) => values)).toEqual([[2], [2]]);
    }
  });
});

describe('breakdowns', () => {
  const events = [
    event('u1', '2024-01-01T01:00:00Z', 'buy', { properties: { plan: 'pro' }, columns: { country: 'DE' } }),
    event('u1', '2024-01-01T02:00:00Z', 'buy', { properties: { plan: 'free' }, columns: { country: 'DE' } }),
    event('u1', '2024-01-01T03:00:00Z', 'buy', { properties: { plan: 'team' }, columns: { country: 'FR' } }),
    event('u2', '2024-01-01T04:00:00Z', 'buy', { properties: { plan: 'free' } }),
    event('u3', '2024-01-02T04:00:00Z', 'buy', { properties: { plan: 'pro' } }),
    event('u3', '2024-01-02T05:00:00Z', 'see', { properties: { plan: 'pro' } }),
    event('u3', '2024-01-02T05:00:00Z', 'see', { properties: { plan: null } }),
    event('u3', '2024-01-02T05:00:00Z', 'see', { properties: { plan: '' } }),
  ];
  const range = { from: '2024-01-01', to: '2024-01-02', timezone: 'UTC' };

  it('counts the people of other values by themselves and never adds groups up', async () => {
    await api.land(project.projectId, events);
    const { series } = await trends({
      ...range,
      series: [{ event: 'buy', measure: 'unique_users' }],
      breakdown: { property: 'plan', limit: 1 },
    });
    expect(series[0]).toMatchObject({ total: 3, values: [2, 1] });
    // free: u1, u2. pro (u1, u3) and team (u1) together are two people, not three.
    expect(series[0]!.groups).toEqual([
      { kind: 'value', value: 'free', total: 2, values: [2, 0] },
      { kind: 'other', value: null, total: 2, values: [1, 1] },
    ]);
  });

  it.each(['count', 'unique_users', 'count_per_user', 'trailing_users'])(
    'says of %s over one bucket what it says of as many groups over several',
    async (measure) => {
      await api.land(project.projectId, events);
      const series = [{ measure, trailing_days: measure === 'trailing_users' ? 2 : undefined }];
      for (const breakdown of [{ column: 'country' }, { property: 'plan' }, { column: 'event' }]) {
        for (const limit of [1, 2, 10]) {
          const question = { ...range, series, breakdown: { ...breakdown, limit } };
          const [byDay] = (await trends(question)).series;
          const [whole] = (await trends({ ...question, interval: 'total' })).series;
          const totals = byDay!.groups!.map((group) => ({ ...group, values: [group.total] }));
          expect(whole!.groups).toEqual(totals);
          expect(whole!).toMatchObject({ total: byDay!.total, values: [byDay!.total] });
        }
      }
    },
  );

  it('tells an absent property from an empty one', async () => {
    await api.land(project.projectId, events);
    const { series } = await trends({
      ...range,
      series: [{ event: 'see' }],
      breakdown: { property: 'plan' },
    });
    const totals = series[0]!.groups!.map(({ kind, value, total }) => [kind, value, total]);
    expect(totals).toEqual([
      ['none', null, 1],
      ['value', '', 1],
      ['value', 'pro', 1],
    ]);
  });

  it('goes by a column, and counts events without it as such', async () => {
    await api.land(project.projectId, events);
    const { series } = await trends({ ...range, breakdown: { column: 'country' } });
    expect(series[0]!.groups!.map(({ kind, value, total }) => [kind, value, total])).toEqual([
      ['none', null, 5],
      ['value', 'DE', 2],
      ['value', 'FR', 1],
    ]);
  });

  it('goes by event from the rollups, each group being what a series of that event says', async () => {
    await api.land(project.projectId, events);
    for (const measure of ['count', 'unique_users']) {
      const { series } = await trends({ ...range, series: [{ measure }], breakdown: { column: 'event' } });
      expect(series[0]!.source).not.toBe('events');
      for (const group of series[0]!.groups!) {
        const single = await trends({ ...range, series: [{ event: group.value, measure }] });
        expect(group.values).toEqual(single.series[0]!.values);
        expect(group.total).toBe(single.series[0]!.total);
      }
    }
  });
});

describe('filters', () => {
  const events = [
    event('u1', '2024-01-01T01:00:00Z', 'buy', {
      properties: { amount: 10, plan: 'Pro', 'a.b': 'dotted', cart: { size: 2 }, gift: true },
      columns: { country: 'DE' },
    }),
    event('u2', '2024-01-01T02:00:00Z', 'buy', { properties: { amount: 99.5, plan: 'free' }, isBot: true }),
    event('u3', '2024-01-01T03:00:00Z', 'buy', { properties: { amount: '10' } }),
  ];
  const total = async (filters: unknown[], more: Record<string, unknown> = {}): Promise<number | null> => {
    const answer = await trends({ from: '2024-01-01', to: '2024-01-01', timezone: 'UTC', filters, ...more });
    return answer.series[0]!.total;
  };

  it.each([
    [{ column: 'country', operator: 'is', values: ['DE'] }, 1],
    [{ column: 'country', operator: 'is_not', values: ['DE'] }, 2],
    [{ column: 'country', operator: 'is_set' }, 1],
    [{ property: 'plan', operator: 'is', values: ['Pro', 'free'] }, 2],
    [{ property: 'plan', operator: 'is_not', values: ['Pro'] }, 2],
    [{ property: 'plan', operator: 'contains', values: ['pR'] }, 1],
    [{ property: 'plan', operator: 'not_contains', values: ['pR'] }, 2],
    [{ property: 'plan', operator: 'starts_with', values: ['P'] }, 1],
    [{ property: 'plan', operator: 'is_not_set' }, 1],
    [{ property: 'amount', operator: 'gt', value: 10 }, 1],
    [{ property: 'amount', operator: 'gte', value: 10 }, 2],
    [{ property: 'amount', operator: 'lt', value: 50 }, 1],
    [{ property: 'amount', operator: 'is', values: [10] }, 1],
    [{ property: 'amount', operator: 'is', values: ['10'] }, 2],
    [{ property: 'amount', operator: 'is', values: [10, '99.5'] }, 2],
    [{ property: 'gift', operator: 'is', values: [true] }, 1],
    [{ property: 'a.b', operator: 'is', values: ['dotted'] }, 1],
    [{ property: ['a', 'b'], operator: 'is', values: ['dotted'] }, 0],
    [{ property: ['cart', 'size'], operator: 'is', values: [2] }, 1],
  ])('%j leaves %i events', async (filter, expected) => {
    await api.land(project.projectId, events);
    expect(await total([filter])).toBe(expected);
  });

  it('must all hold', async () => {
    await api.land(project.projectId, events);
    expect(
      await total([
        { property: 'amount', operator: 'gte', value: 10 },
        { property: 'plan', operator: 'is', values: ['free'] },
      ]),
    ).toBe(1);
  });

  it('count robots, leave them out or look at them alone', async () => {
    await api.land(project.projectId, events);
    expect(await total([], { bots: 'include' })).toBe(3);
    expect(await total([], { bots: 'exclude' })).toBe(2);
    expect(await total([], { bots: 'only' })).toBe(1);
  });

  it('refuses to compare a column with a number', async () => {
    const response = await api.ask(project.key, {
      kind: 'trends',
      filters: [{ column: 'country', operator: 'is', values: [1] }],
    });
    expect(response.statusCode).toBe(400);
    expect(response.json()).toMatchObject({ code: 'invalid_query', field: '/filters/0/values' });
  });
});

describe('an answer', () => {
  it('echoes the question with defaults filled in, and says what it cost', async () => {
    await api.land(project.projectId, [event('u', '2024-01-01T01:00:00Z', 'x')]);
    const answer = await trends({ from: '2024-01-01', to: '2024-01-01', timezone: 'Asia/Kathmandu' });
    expect(answer.query).toEqual({
      kind: 'trends',
      series: [{ event: null, type: null, filters: [], measure: 'count' }],
      formulas: [],
      interval: 'day',
      week_start: 'monday',
      from: '2023-12-31T18:15:00.000Z',
      to: '2024-01-01T18:15:00.000Z',
      timezone: 'Asia/Kathmandu',
      filters: [],
      bots: 'include',
      bands: false,
      source: 'auto',
    });
    expect(answer.series[0]).toMatchObject({ source: 'counts_15m', additive: true, exact: true, total: 1 });
    expect(answer.complete_through).toBe('2026-01-01T00:00:00.000Z');
    expect(answer.statistics.rows_read).toBeGreaterThan(0);
    expect(answer.statistics.elapsed_ms).toBeGreaterThan(0);
  });

  it('marks buckets that are not complete, and says null instead of zero there', async () => {
    await api.land(project.projectId, [event('u', '2026-01-01T05:00:00Z', 'x')]);
    const answer = await trends({ from: '2025-12-31', to: '2026-01-02', timezone: 'UTC' });
    expect(answer.buckets.map(({ complete }) => complete)).toEqual([true, false, false]);
    expect(answer.series[0]).toMatchObject({ values: [0, 1, null], total: 1 });
    expect(answer.complete).toBe(false);
  });

  it('marks buckets of which the range has only a part', async () => {
    const answer = await trends({
      interval: 'week',
      from: '2024-01-03',
      to: '2024-01-14',
      timezone: 'UTC',
    });
    expect(answer.buckets.map(({ label, partial, start }) => [label, partial, start])).toEqual([
      ['2024-01-01', true, '2024-01-03T00:00:00.000Z'],
      ['2024-01-08', false, '2024-01-08T00:00:00.000Z'],
    ]);
  });

  it('counts from single events when the range does not start at a quarter of an hour', async () => {
    await api.land(project.projectId, [
      event('u', '2024-01-01T01:00:59Z', 'x'),
      event('u', '2024-01-01T01:01:00Z', 'x'),
    ]);
    const answer = await trends({
      from: '2024-01-01T01:01:00Z',
      to: '2024-01-01T02:00:00Z',
      interval: 'hour',
      timezone: 'UTC',
    });
    expect(answer.series[0]).toMatchObject({ source: 'events', total: 1, values: [1] });
    expect(answer.buckets[0]!.partial).toBe(true);
  });
});
