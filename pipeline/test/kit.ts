import { encodeRecordMeta, type MessagesMeta } from '@sluice/contracts';
import { openEventLog, partitionOf, type EventLog, type NewRecord } from '@sluice/event-log';
import { createLogger, ensureProject } from '@sluice/service-kit';
import {
  createTestDatabase,
  openAsService,
  openTestClickHouse,
  type TestClickHouse,
  type TestDatabase,
} from '@sluice/warehouse/testing';
import type { ClickHouse, Postgres } from '@sluice/warehouse';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { createPipeline, type Pipeline, type PipelineConfig } from '../src/index.js';

/** A message as a client sends it. */
export type Message = Record<string, unknown>;

export interface Stores {
  postgres: TestDatabase;
  /** The same database under the login of the pipeline, with its privileges alone. */
  asPipeline: Postgres;
  clickhouse: TestClickHouse;
  log: EventLog;
  dir: string;
  projectId: number;
  close(): Promise<void>;
}

/** What it takes to ask both databases. */
export type Reading = Pick<Stores, 'postgres'> & { clickhouse: ClickHouse };

/** Fresh stores: a database of their own, an embedded ClickHouse and an embedded log of two partitions. */
export async function openStores(postgresUrl: string, logUrl?: string): Promise<Stores> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-pipeline-'));
  const postgres = await createTestDatabase(postgresUrl);
  const asPipeline = await openAsService(postgres, 'pipeline');
  const clickhouse = await openTestClickHouse(postgres.pool);
  const log = await openEventLog(logUrl ?? `embedded:${join(dir, 'log')}`, { partitions: 2 });
  const projectId = await ensureProject(postgres.pool, 'test');
  return {
    postgres,
    asPipeline,
    clickhouse,
    log,
    dir,
    projectId,
    async close() {
      await log.close();
      await clickhouse.drop();
      await asPipeline.close();
      await postgres.drop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export function runPipeline(stores: Stores, config: PipelineConfig = {}): Promise<Pipeline> {
  return createPipeline({
    postgres: stores.asPipeline,
    clickhouse: stores.clickhouse,
    log: stores.log,
    logger: createLogger('pipeline', 'silent'),
    registry: new Registry(),
    config: { lingerMs: 10, ...config },
  });
}

/** A request of one device as the gateway would log it. */
export function recordOf(
  stores: { projectId: number; log: { partitionCount: number } },
  batch: readonly unknown[],
  options: { meta?: Partial<MessagesMeta>; sentAt?: string; context?: object; partition?: number } = {},
): NewRecord {
  const first = (batch[0] ?? {}) as Message;
  const id = first.anonymousId ?? first.userId ?? first.previousId ?? first.groupId;
  const device = typeof id === 'string' ? id : '';
  const body = { sentAt: options.sentAt, context: options.context, batch };
  return {
    partition: options.partition ?? partitionOf(`${stores.projectId}:${device}`, stores.log.partitionCount),
    key: `${stores.projectId}:${device}`,
    headers: encodeRecordMeta({
      kind: 'messages',
      shape: 'batch',
      projectId: stores.projectId,
      receivedAtMs: Date.now(),
      count: batch.length,
      ...options.meta,
    }),
    value: Buffer.from(JSON.stringify(body)),
  };
}

/** Resolves when all that the log holds now is landed and rolled up. */
export async function caughtUp(stores: Pick<Stores, 'postgres' | 'log'>, deadlineMs = 60_000): Promise<void> {
  const ends = await stores.log.endOffsets();
  await eventually(async () => {
    const found = await stores.postgres.pool.query<{ partition: number; next_offset: number }>(
      'select "partition", next_offset from log_offsets where log_id = $1',
      [stores.log.id],
    );
    const landed = new Map(found.rows.map((row) => [row.partition, row.next_offset]));
    if (ends.some((end, partition) => (landed.get(partition) ?? 0) < end)) return 'not landed';
    const pending = await count(stores, `batches where state = 'pending'`);
    return pending === 0 ? undefined : `${pending} batches pending`;
  }, deadlineMs);
}

/** Asks until `problem` has nothing to say. */
export async function eventually(
  problem: () => Promise<string | undefined>,
  deadlineMs = 30_000,
): Promise<void> {
  const endMs = Date.now() + deadlineMs;
  for (;;) {
    const found = await problem();
    if (found === undefined) return;
    if (Date.now() > endMs) throw new Error(`Still after ${deadlineMs} ms: ${found}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Rows of `from` (a table, with conditions) in Postgres. */
export async function count(stores: Pick<Stores, 'postgres'>, from: string): Promise<number> {
  const found = await stores.postgres.pool.query<{ n: number }>(`select count(*)::int as n from ${from}`);
  return found.rows[0]!.n;
}

/** Rows of a ClickHouse query; `{db}` is the live generation. */
export async function ask<T>(stores: Reading, sql: string): Promise<T[]> {
  const found = await stores.postgres.pool.query<{ generation: number }>(
    `select generation from rollup_generations where state = 'live'`,
  );
  const database = stores.clickhouse.database(found.rows[0]!.generation);
  const result = await stores.clickhouse.client.query({
    query: sql.replaceAll('{db}', database),
    format: 'JSONEachRow',
    clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
  });
  return result.json<T>();
}

export interface Balance {
  logged: number;
  landed: number;
  duplicates: number;
  deadLettered: number;
  /** Rows of Postgres, rows of ClickHouse, and what each rollup counts: all the same when every event is in once. */
  rows: number;
  clickhouse: number;
  distinct: number;
  counts: number;
  userDays: number;
  activeDays: number;
  receipts: number;
  sessions: number;
  users: number;
}

/** Everything that must agree. */
export async function readBalance(stores: Reading): Promise<Balance> {
  const ledger = await stores.postgres.pool.query<Record<string, number>>(
    `select coalesce(sum(logged), 0)::int as logged, coalesce(sum(landed), 0)::int as landed,
       coalesce(sum(duplicates), 0)::int as duplicates, coalesce(sum(dead_lettered), 0)::int as dead from ledger`,
  );
  const users = await stores.postgres.pool.query<{ n: number }>(
    'select coalesce(sum(events), 0)::int as n from users',
  );
  const one = async (sql: string): Promise<number> => (await ask<{ n: number }>(stores, sql))[0]?.n ?? 0;
  const [row] = ledger.rows;
  return {
    logged: row!.logged!,
    landed: row!.landed!,
    duplicates: row!.duplicates!,
    deadLettered: row!.dead!,
    rows: await count(stores, 'events'),
    clickhouse: await one('select count() as n from {db}.events'),
    distinct: await one('select uniqExact(event_id) as n from {db}.events'),
    counts: await one('select sum(events) as n from {db}.counts_15m'),
    userDays: await one('select sum(events) as n from {db}.user_days'),
    activeDays: await one('select sum(events) as n from {db}.active_days'),
    receipts: await one('select sum(events) as n from {db}.receipts_1m'),
    sessions: await one('select sum(events) as n from {db}.sessions'),
    users: users.rows[0]!.n,
  };
}

/** The balance of a journey on which `distinct` messages were landed, each counted once everywhere. */
export function balanced(of: { logged: number; distinct: number; deadLettered?: number }): Balance {
  const { logged, distinct, deadLettered = 0 } = of;
  return {
    logged,
    landed: distinct,
    duplicates: logged - distinct - deadLettered,
    deadLettered,
    rows: distinct,
    clickhouse: distinct,
    distinct,
    counts: distinct,
    userDays: distinct,
    activeDays: distinct,
    receipts: distinct,
    sessions: distinct,
    users: distinct,
  };
}

let made = 0;
/** A track message of a device, with an id of its own. */
export function track(device: string, event: string, fields: Message = {}): Message {
  made += 1;
  return {
    type: 'track',
    event,
    anonymousId: device,
    messageId: `test-${made}-${Math.random().toString(36).slice(2)}`,
    timestamp: new Date().toISOString(),
    properties: { n: made },
    ...fields,
  };
}

/** Messages of each device, in order. */
export function byDevice(messages: readonly Message[]): Map<unknown, Message[]> {
  const groups = new Map<unknown, Message[]>();
  for (const message of messages) {
    const group = groups.get(message.anonymousId);
    if (group === undefined) groups.set(message.anonymousId, [message]);
    else group.push(message);
  }
  return groups;
}
