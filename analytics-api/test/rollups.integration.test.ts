import type { TrendsAnswer } from '@sluice/contracts';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openApiFixture, type ApiFixture } from './api-fixture.js';

let api: ApiFixture;

beforeAll(async () => {
  api = await openApiFixture();
  await api.completeThrough('2030-01-01T00:00:00Z');
});
afterAll(async () => api.close());

const START_MS = Date.parse('2024-03-01T00:00:00Z');
const LENGTH_MS = 45 * 86_400_000;

const events = fc.array(
  fc.record({
    at: fc.integer({ min: START_MS, max: START_MS + LENGTH_MS }),
    event: fc.constantFrom('view', 'buy', ''),
    type: fc.constantFrom('track', 'page'),
    userId: fc.constantFrom('', 'u1', 'u2', 'u3'),
    anonymousId: fc.constantFrom('', 'a1', 'a2', 'a3', 'a4'),
    isBot: fc.boolean(),
  }),
  { minLength: 1, maxLength: 120 },
);
const merges = fc.array(fc.tuple(fc.constantFrom('a1', 'a2', 'a3'), fc.constantFrom('u1', 'u2')), {
  maxLength: 2,
});
const question = fc.record({
  series: fc.constantFrom(
    [{ measure: 'count' }, { measure: 'unique_users' }],
    [
      { event: 'view', measure: 'count' },
      { type: 'page', measure: 'unique_users' },
    ],
  ),
  interval: fc.constantFrom('15m', 'hour', 'day', 'week', 'month'),
  timezone: fc.constantFrom(
    'UTC',
    'America/New_York',
    'Asia/Kathmandu',
    'Australia/Lord_Howe',
    'America/Asuncion',
    'Asia/Kolkata',
    'Pacific/Chatham',
  ),
  bots: fc.constantFrom('include', 'exclude', 'only'),
  breakdown: fc.constantFrom(undefined, { column: 'event', limit: 1 }, { column: 'type', limit: 5 }),
  firstDay: fc.integer({ min: 0, max: 40 }),
  days: fc.integer({ min: 0, max: 20 }),
});

describe('answers from rollups', () => {
  it('are those from single events, for any events, zone and interval', async () => {
    await fc.assert(
      fc.asyncProperty(
        events,
        merges,
        fc.array(question, { minLength: 4, maxLength: 4 }),
        async (list, pairs, asked) => {
          const { projectId, key } = await api.createProject();
          await api.land(projectId, list);
          for (const [previousId, userId] of new Map(pairs)) await api.merge(projectId, previousId, userId);
          for (const { firstDay, days, ...query } of asked) {
            const day = (n: number): string => new Date(START_MS + n * 86_400_000).toISOString().slice(0, 10);
            const body = {
              kind: 'trends',
              ...query,
              interval: query.interval === '15m' && days > 5 ? 'hour' : query.interval,
              from: day(firstDay),
              to: day(firstDay + days),
            };
            const rolledUp = await answer(key, { ...body, source: 'auto' });
            const raw = await answer(key, { ...body, source: 'raw' });
            const isClock = body.interval === 'hour' || body.interval === '15m';
            for (const { measure, source, event, type } of rolledUp.series) {
              const looksAtNames = event !== null || type !== null || query.breakdown !== undefined;
              const days = looksAtNames ? 'user_days' : 'active_days';
              expect(source).toBe(measure === 'count' ? 'counts_15m' : isClock ? 'events' : days);
            }
            expect(raw.series.every(({ source }) => source === 'events')).toBe(true);
            expect(numbersOf(rolledUp)).toEqual(numbersOf(raw));
            expect(numbersOf(raw)).toEqual(expected(list, new Map(pairs), raw));
          }
        },
      ),
      { numRuns: 15 },
    );
  });
});

async function answer(key: string, body: unknown): Promise<TrendsAnswer> {
  const response = await api.ask(key, body);
  expect(response.statusCode, response.body).toBe(200);
  return response.json<TrendsAnswer>();
}

function numbersOf(given: TrendsAnswer): unknown {
  return given.series.map(({ total, values, groups }) => ({
    total,
    values,
    groups: groups?.map(({ kind, value, total: sum, values: parts }) => [kind, value, sum, parts]),
  }));
}

/** The same numbers, counted here from the list of events. */
function expected(
  list: readonly {
    at: number;
    event: string;
    type: string;
    userId: string;
    anonymousId: string;
    isBot: boolean;
  }[],
  merged: ReadonlyMap<string, string>,
  { query, buckets }: TrendsAnswer,
): unknown {
  return query.series.map((series) => {
    const chosen = list.filter(
      ({ at, event, type, isBot }) =>
        at >= Date.parse(query.from!) &&
        at < Date.parse(query.to!) &&
        (series.event === null || event === series.event) &&
        (series.type === null || type === series.type) &&
        (query.bots === 'include' || isBot === (query.bots === 'only')),
    );
    const measure = (events: typeof list): number => {
      if (series.measure === 'count') return events.length;
      const people = events.map(({ userId, anonymousId }) => (userId === '' ? anonymousId : userId));
      return new Set(people.filter((id) => id !== '').map((id) => merged.get(id) ?? id)).size;
    };
    const perBucket = (events: typeof list): number[] =>
      buckets.map(({ start, end }) =>
        measure(events.filter(({ at }) => at >= Date.parse(start) && at < Date.parse(end))),
      );
    const numbers = { total: measure(chosen), values: perBucket(chosen) };
    if (query.breakdown === undefined || !('column' in query.breakdown))
      return { ...numbers, groups: undefined };
    const column = query.breakdown.column as 'event' | 'type';
    const keys = [...new Set(chosen.map((event) => event[column]))]
      .map((value) => ({ value, events: chosen.filter((event) => event[column] === value) }))
      .filter(({ events }) => measure(events) > 0)
      // As the answer orders them: largest first, then by key, events without a value under `n`.
      .sort((a, b) => measure(b.events) - measure(a.events) || (keyOf(a.value) < keyOf(b.value) ? -1 : 1));
    const kept = keys.slice(0, query.breakdown.limit);
    const rest = keys.slice(query.breakdown.limit).flatMap(({ events }) => events);
    const groups: unknown[] = kept.map(({ value, events }) => [
      value === '' ? 'none' : 'value',
      value === '' ? null : value,
      measure(events),
      perBucket(events),
    ]);
    if (rest.length > 0) groups.push(['other', null, measure(rest), perBucket(rest)]);
    return { ...numbers, groups };
  });
}

function keyOf(value: string): string {
  return value === '' ? 'n' : `v${value}`;
}
