import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGeneration, openClickHouse, type ClickHouse } from '../src/index.js';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readMigrations } from '../src/migrations/migration-files.js';
import { eventRows } from './fixtures/event-rows.js';

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

async function insert(
  rows: readonly object[],
  token: string = randomUUID(),
  database: string = db,
): Promise<void> {
  await clickhouse.client.insert({
    table: `${database}.events`,
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
const ROLLUPS = ['counts_15m', 'user_days', 'active_days', 'actors', 'sessions', 'receipts_1m'] as const;

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

const VISITS = [NIL, '01900000-0000-7000-8000-000000000001', '01900000-0000-7000-8000-000000000002'] as const;
/** The day in the first 48 bits of the ids above. */
const OPENED_ON = '2024-06-10';

const event = fc.record({
  at: instant,
  event: fc.constantFrom('a', 'b'),
  type: fc.constantFrom('track', 'page', 'screen', 'identify', 'group', 'alias'),
  actor: fc.constantFrom('', 'ann', 'bob', 'cy'),
  isBot: fc.boolean(),
  session: fc.constantFrom(...VISITS),
  interactive: fc.constantFrom(undefined, undefined, true, false, 'false', null),
  path: fc.constantFrom('', '/', '/a', '/b'),
  channel: fc.constantFrom('direct', 'search'),
  country: fc.constantFrom('', 'DE', 'FR'),
});
type Made = typeof event extends fc.Arbitrary<infer E> ? E : never;
const batches = fc.array(fc.array(event, { minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 4 });

function rowsOf(projectId: number, batch: readonly Made[]): object[] {
  return batch.map((made, i) => ({
    ...eventRows(projectId, 1)[0]!,
    timestamp: new Date(made.at).toISOString(),
    received_at: new Date(made.at + 60_000).toISOString(),
    message_id: String(i),
    event: made.event,
    type: made.type,
    actor_id: made.actor,
    is_bot: made.isBot,
    session_id: made.session,
    page_path: made.path,
    channel: made.channel,
    referrer_domain: `${made.channel}.example`,
    utm_source: `${made.channel} source`,
    utm_medium: `${made.channel} medium`,
    utm_campaign: `${made.channel} campaign`,
    country: made.country,
    device_type: `${made.country} device`,
    browser: `${made.country} browser`,
    os: `${made.country} os`,
    properties: made.interactive === undefined ? {} : { interactive: made.interactive },
  }));
}

describe('rollups', () => {
  it('equal a count over the events by hand, however the events are cut into batches', async () => {
    const hashes = await select<{ id: string; hash: string }>(
      `select arrayJoin(['ann', 'bob', 'cy']) as id, toString(sipHash64(id)) as hash`,
    );
    const hashOf = new Map([['', '0'], ...hashes.map(({ id, hash }) => [id, hash] as const)]);

    await fc.assert(
      fc.asyncProperty(batches, async (cut) => {
        const projectId = ++nextProject;
        for (const batch of cut) {
          const rows = rowsOf(projectId, batch);
          const token = randomUUID();
          await insert(rows, token);
          await insert(rows, token);
        }
        const all = cut.flat();
        const read = (table: string, columns: string, order: string): Promise<unknown[]> =>
          select(
            `select ${columns} from ${db}.${table} final where project_id = ${projectId} order by ${order}`,
          );

        expect(
          await read(
            'counts_15m',
            'event, type, is_bot, toUnixTimestamp(bucket) * 1000 as at, events',
            'all',
          ),
        ).toEqual(
          groups(all, (e) => [e.event, e.type, e.isBot, floorTo(e.at, QUARTER_MS)]).map(([key, group]) => ({
            event: key[0],
            type: key[1],
            is_bot: key[2],
            at: key[3],
            events: group.length,
          })),
        );

        const masks = 'toString(slots_am) as am, toString(slots_pm) as pm, events';
        const who = 'toUnixTimestamp(toDateTime(day)) * 1000 as at, toString(actor_hash) as actor';
        expect(
          await read('user_days', `event, type, is_bot, ${who}, ${masks}`, 'event, type, is_bot, at, actor'),
        ).toEqual(
          groups(all, (e) => [e.event, e.type, e.isBot, floorTo(e.at, DAY_MS), hashOf.get(e.actor)!]).map(
            ([key, group]) => ({
              event: key[0],
              type: key[1],
              is_bot: key[2],
              at: key[3],
              actor: key[4],
              ...masksOf(group),
              events: group.length,
            }),
          ),
        );
        expect(await read('active_days', `is_bot, ${who}, ${masks}`, 'is_bot, at, actor')).toEqual(
          groups(all, (e) => [e.isBot, floorTo(e.at, DAY_MS), hashOf.get(e.actor)!]).map(([key, group]) => ({
            is_bot: key[0],
            at: key[1],
            actor: key[2],
            ...masksOf(group),
            events: group.length,
          })),
        );

        expect(
          await read(
            'actors',
            `actor_id, toString(actor_hash) as hash, toUnixTimestamp64Milli(first_at) as first,
             toUnixTimestamp64Milli(last_at) as last, events`,
            'actor_id',
          ),
        ).toEqual(
          groups(
            all.filter(({ actor }) => actor !== ''),
            (e) => [e.actor],
          ).map(([[actor], group]) => ({
            actor_id: actor,
            hash: hashOf.get(actor!),
            first: Math.min(...group.map(({ at }) => at)),
            last: Math.max(...group.map(({ at }) => at)),
            events: group.length,
          })),
        );

        expect(
          await read(
            'sessions',
            `toString(opened_on) as opened_on, toString(session_id) as id, toUnixTimestamp64Milli(started_at) as started,
             toUnixTimestamp64Milli(ended_at) as ended, events, interactions, pages, toString(tupleElement(actor, 'hash')) as actor_hash,
             tupleElement(entry, 'path') as entry_path, tupleElement(exit, 'path') as exit_path, is_bot,
             [${['channel', 'referrer_domain', 'utm_source', 'utm_medium', 'utm_campaign'].map((part) => `tupleElement(source, '${part}')`).join(', ')}] as source_parts,
             [${['country', 'device_type', 'browser', 'os'].map((part) => `tupleElement(client, '${part}')`).join(', ')}] as client_parts`,
            'id',
          ),
        ).toEqual(
          groups(
            all.filter(({ session }) => session !== NIL),
            (e) => [e.session],
          ).map(([[id], group]) => ({ opened_on: OPENED_ON, id, ...sessionOf(group, hashOf) })),
        );

        expect(await read('receipts_1m', 'toUnixTimestamp(minute) * 1000 as at, events', 'at')).toEqual(
          groups(all, (e) => [floorTo(e.at + 60_000, 60_000)]).map(([[at], group]) => ({
            at,
            events: group.length,
          })),
        );
      }),
      { numRuns: 25 },
    );
  });

  it('are filled from events that were there before them as they are by events that come', async () => {
    const files = await readMigrations('clickhouse');
    const older = clickhouse.database(2);
    await createGeneration(clickhouse, 2, files.slice(0, 1));
    await fc.assert(
      fc.asyncProperty(batches, async (cut) => {
        const projectId = ++nextProject;
        for (const batch of cut) {
          const rows = rowsOf(projectId, batch);
          await insert(rows);
          await insert(rows, randomUUID(), older);
        }
      }),
      { numRuns: 10 },
    );
    await createGeneration(clickhouse, 2, files);
    for (const table of ROLLUPS) {
      const contents = (database: string): Promise<unknown[]> =>
        select(
          `select * from ${database}.${table} final
           where project_id > ${nextProject - 10} and project_id <= ${nextProject} order by all`,
        );
      const filled = await contents(older);
      expect(filled.length).toBeGreaterThan(0);
      expect(filled, table).toEqual(await contents(db));
    }
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
    for (const table of ROLLUPS) {
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

function floorTo(at: number, lengthMs: number): number {
  return Math.floor(at / lengthMs) * lengthMs;
}

/** The quarters of the day in which something happened, as two masks of 48 bits. */
function masksOf(group: readonly Made[]): { am: string; pm: string } {
  const slots = new Set(group.map(({ at }) => Math.floor((at % DAY_MS) / QUARTER_MS)));
  const mask = (from: number): string =>
    [...slots]
      .filter((slot) => slot >= from && slot < from + 48)
      .reduce((bits, slot) => bits | (1n << BigInt(slot - from)), 0n)
      .toString();
  return { am: mask(0), pm: mask(48) };
}

/** What is known of a session. Of events at the same instant the smaller, or at an end the larger, text counts. */
function sessionOf(group: readonly Made[], hashOf: ReadonlyMap<string, string>): object {
  const interactions = group.filter(
    ({ type, interactive }) => ['page', 'screen', 'track'].includes(type) && interactive !== false,
  );
  const by = <T>(items: readonly T[], keyOf: (item: T) => (string | number | bigint)[]): T[] =>
    [...items].sort((a, b) => compare(keyOf(a), keyOf(b)));
  const withPath = by(
    group.filter(({ path }) => path !== ''),
    (e) => [e.at, e.path],
  );
  const first = by(group, (e) => [e.at, e.channel])[0]!;
  const seen = by(group, (e) => [e.at, e.country])[0]!;
  const actor = by(group, (e) => [e.at, BigInt(hashOf.get(e.actor)!)]).at(-1)!;
  return {
    started: Math.min(...group.map(({ at }) => at)),
    ended: Math.max(0, ...interactions.map(({ at }) => at)),
    events: group.length,
    interactions: interactions.length,
    pages: group.filter(({ type }) => type === 'page' || type === 'screen').length,
    actor_hash: hashOf.get(actor.actor),
    entry_path: withPath[0]?.path ?? '',
    exit_path: withPath.at(-1)?.path ?? '',
    is_bot: group.some(({ isBot }) => isBot) ? 1 : 0,
    source_parts: [
      first.channel,
      `${first.channel}.example`,
      `${first.channel} source`,
      `${first.channel} medium`,
      `${first.channel} campaign`,
    ],
    client_parts: [seen.country, `${seen.country} device`, `${seen.country} browser`, `${seen.country} os`],
  };
}

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
  a: readonly (string | number | bigint | boolean)[],
  b: readonly (string | number | bigint | boolean)[],
): number {
  for (const [i, left] of a.entries()) {
    const right = b[i]!;
    if (left < right) return -1;
    if (left > right) return 1;
  }
  return 0;
}
