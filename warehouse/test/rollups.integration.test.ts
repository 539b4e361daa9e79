import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGeneration, openClickHouse, type ClickHouse } from '../src/index.js';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventRows, type EventRow } from './fixtures/event-rows.js';

let dir: string;
let clickhouse: ClickHouse;
let db: string;
let nextProject = 0;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sluice-rollups-'));
  clickhouse = await openClickHouse(`embedded:${dir}`);
  db = clickhouse.database(1);
  await createGeneration(clickhouse, 1);
});

afterAll(async () => {
  await clickhouse.close();
  await rm(dir, { recursive: true });
});

async function insert(rows: readonly EventRow[], token: string = randomUUID()): Promise<void> {
  await clickhouse.client.insert({
    table: `${db}.events`,
    values: rows,
    format: 'JSONEachRow',
    clickhouse_settings: { ...clickhouse.insertSettings, insert_deduplication_token: token },
  });
}

async function select<T>(query: string): Promise<T[]> {
  const result = await clickhouse.client.query({ query, format: 'JSONEachRow' });
  return result.json<T>();
}

const QUARTER_MS = 15 * 60_000;
const DAY_MS = 86_400_000;
const NIL = '00000000-0000-0000-0000-000000000000';

/** Instants that stand at the edges of quarters, days and months more often than chance has it. */
const instant = fc
  .record({
    quarter: fc.oneof(
      fc.integer({ min: 0, max: 60 * 96 }),
      fc.constantFrom(0, 47, 48, 95, 96, 31 * 96 - 1, 31 * 96),
    ),
    offsetMs: fc.oneof(fc.constantFrom(0, 1, QUARTER_MS - 1), fc.integer({ min: 0, max: QUARTER_MS - 1 })),
  })
  .map(({ quarter, offsetMs }) => Date.UTC(2026, 0, 1) + quarter * QUARTER_MS + offsetMs);

const event = fc.record({
  at: instant,
  event: fc.constantFrom('a', 'b'),
  type: fc.constantFrom('track', 'page'),
  actor: fc.constantFrom('ann', 'bob', 'cy'),
  isBot: fc.boolean(),
  session: fc.constantFrom(NIL, randomUUID(), randomUUID()),
});

describe('rollups', () => {
  it('equal a count over the events by hand, however the events are cut into batches', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(event, { minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 4 }),
        async (batches) => {
          const projectId = ++nextProject;
          const rowsOf = (batch: (typeof batches)[number]): EventRow[] =>
            batch.map(({ at, event, type, actor, isBot, session }, i) => ({
              ...eventRows(projectId, 1)[0]!,
              timestamp: new Date(at).toISOString(),
              received_at: new Date(at + 60_000).toISOString(),
              message_id: String(i),
              event,
              type,
              actor_id: actor,
              is_bot: isBot,
              session_id: session,
            }));
          for (const batch of batches) await insert(rowsOf(batch));
          const all = batches.flat();

          const counts = await select(
            `select event, type, is_bot, toUnixTimestamp(bucket) * 1000 as at, sum(events) as events,
                    uniqCombined64Merge(actors) as actors
             from ${db}.counts_15m where project_id = ${projectId} group by all order by all`,
          );
          const bucketOf = (at: number): number => Math.floor(at / QUARTER_MS) * QUARTER_MS;
          expect(counts).toEqual(
            groups(all, (e) => [e.event, e.type, e.isBot, bucketOf(e.at)]).map(([key, group]) => ({
              event: key[0],
              type: key[1],
              is_bot: key[2],
              at: key[3],
              events: group.length,
              actors: new Set(group.map(({ actor }) => actor)).size,
            })),
          );

          const days = await select(
            `select toUnixTimestamp(toDateTime(day)) * 1000 as at, event, type, is_bot, actor_id as actor,
                    toString(groupBitOr(slots_am)) as am, toString(groupBitOr(slots_pm)) as pm, sum(events) as events
             from ${db}.user_days where project_id = ${projectId} group by all order by at, event, type, is_bot, actor`,
          );
          const dayOf = (at: number): number => Math.floor(at / DAY_MS) * DAY_MS;
          expect(days).toEqual(
            groups(all, (e) => [dayOf(e.at), e.event, e.type, e.isBot, e.actor]).map(([key, group]) => {
              const slots = new Set(group.map(({ at }) => Math.floor((at % DAY_MS) / QUARTER_MS)));
              const mask = (from: number): string =>
                [...slots]
                  .filter((slot) => slot >= from && slot < from + 48)
                  .reduce((bits, slot) => bits | (1n << BigInt(slot - from)), 0n)
                  .toString();
              return {
                at: key[0],
                event: key[1],
                type: key[2],
                is_bot: key[3],
                actor: key[4],
                am: mask(0),
                pm: mask(48),
                events: group.length,
              };
            }),
          );

          const sessions = await select(
            `select toString(session_id) as id, sum(events) as events, sum(pages) as pages,
                    toUnixTimestamp64Milli(min(started_at)) as first, toUnixTimestamp64Milli(max(ended_at)) as last
             from ${db}.sessions where project_id = ${projectId} group by session_id order by id`,
          );
          const inSessions = all.filter(({ session }) => session !== NIL);
          expect(sessions).toEqual(
            groups(inSessions, (e) => [e.session]).map(([[id], group]) => ({
              id,
              events: group.length,
              pages: group.filter(({ type }) => type === 'page').length,
              first: Math.min(...group.map(({ at }) => at)),
              last: Math.max(...group.map(({ at }) => at)),
            })),
          );

          const receipts = await select(
            `select sum(events) as events from ${db}.receipts_1m where project_id = ${projectId}`,
          );
          expect(receipts).toEqual([{ events: all.length }]);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('come out right when a first try failed after the events were in', async () => {
    const projectId = ++nextProject;
    await clickhouse.client.command({
      query: `create materialized view ${db}.failing engine = Null as
              select throwIf(project_id = ${projectId}, 'out of order') as x from ${db}.events`,
    });
    const rows = eventRows(projectId, 50);
    await expect(insert(rows, 'repaired')).rejects.toThrow(/out of order/);
    await expect(insert(rows, 'repaired')).rejects.toThrow(/out of order/);
    await clickhouse.client.command({ query: `drop table ${db}.failing sync` });
    await insert(rows, 'repaired');
    await insert(rows, 'repaired');
    for (const table of ['counts_15m', 'user_days', 'sessions', 'receipts_1m']) {
      expect(
        await select(`select sum(events) as n from ${db}.${table} where project_id = ${projectId}`),
        table,
      ).toEqual([{ n: 50 }]);
    }
    expect(await select(`select count() as n from ${db}.events where project_id = ${projectId}`)).toEqual([
      { n: 50 },
    ]);
  });

  it('remember a token over hundreds of later inserts', async () => {
    const projectId = ++nextProject;
    const rows = eventRows(projectId, 5);
    await insert(rows, 'early');
    for (let i = 0; i < 120; i++) await insert(eventRows(9_999, 1), `later ${i}`);
    await insert(rows, 'early');
    expect(
      await select(`select sum(events) as n from ${db}.counts_15m where project_id = ${projectId}`),
    ).toEqual([{ n: 5 }]);
  });
});

/** Groups by a key of several parts, in the order of the keys. */
function groups<T, K extends (string | number | boolean)[]>(
  items: readonly T[],
  keyOf: (item: T) => K,
): [K, T[]][] {
  const found = new Map<string, [K, T[]]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = found.get(JSON.stringify(key));
    if (group === undefined) found.set(JSON.stringify(key), [key, [item]]);
    else group[1].push(item);
  }
  return [...found.values()].sort(([a], [b]) => compare(a, b));
}

function compare(
  a: readonly (string | number | boolean)[],
  b: readonly (string | number | boolean)[],
): number {
  for (const [i, left] of a.entries()) {
    const right = b[i]!;
    if (left < right) return -1;
    if (left > right) return 1;
  }
  return 0;
}
