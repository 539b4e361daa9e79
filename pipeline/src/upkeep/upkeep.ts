import type { EventLog } from '@sluice/event-log';
import type { Logger } from '@sluice/service-kit';
import {
  dayOf,
  dropExpiredPartitions,
  dropGeneration,
  ensureEventPartitions,
  type ClickHouse,
} from '@sluice/warehouse';
import type pg from 'pg';
import { LOCKS } from '../land/locks.js';
import { expireProjects } from './expire-project.js';
import { createIndexSummarizer } from './summarize-indexes.js';

export interface UpkeepConfig {
  /** Raw events older than this many days are dropped. Default: never; a rebuild has only the raw events there are. */
  keepDays?: number | undefined;
  /** Records of repeated sends, of streams, and of batches that are done, older than this many days are dropped. Default 30. */
  keepTracesDays?: number;
}

export interface UpkeepOptions {
  pool: pg.Pool;
  clickhouse: ClickHouse;
  log: EventLog;
  logger: Logger;
  config?: UpkeepConfig;
}

const DAY_MS = 86_400_000;
/** Days whose partitions are made before anyone needs them. */
const DAYS_AHEAD = 3;
/** A generation of rollups that answers no more is kept this long for the queries that still read it. */
const KEEP_RETIRED_MINUTES = 10;
const RELEASE_EVERY_MS = 10_000;
/** Soon enough that the new rows are still in Postgres's memory: read back, and written once more, they cost three times as much. */
const SUMMARIZE_EVERY_MS = 1_000;
const UPKEEP_EVERY_MS = 10 * 60_000;

/** Tells the log how far it is landed, so that it may drop what it has no room for. */
export async function releaseLanded(pool: pg.Pool, log: EventLog): Promise<void> {
  const found = await pool.query<{ partition: number; next_offset: number | string }>(
    'select "partition", next_offset from log_offsets where log_id = $1',
    [log.id],
  );
  if (found.rows.length === 0) return;
  await log.release(new Map(found.rows.map((row) => [row.partition, Number(row.next_offset)])));
}

/**
 * What has to be done now and then, by one pipeline at a time: partitions ahead of their days, and the end of what has
 * expired. Resolves with false when another pipeline is at it. Safe to repeat and to end anywhere.
 */
export async function doUpkeep(options: UpkeepOptions, nowMs: number = Date.now()): Promise<boolean> {
  const client = await options.pool.connect();
  try {
    const lock = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1, 0) as locked', [
      LOCKS.UPKEEP,
    ]);
    if (lock.rows[0]?.locked !== true) return false;
    await doLockedUpkeep(options, nowMs);
    return true;
  } finally {
    // Ends the session, and the lock with it.
    client.release(true);
  }
}

async function doLockedUpkeep(options: UpkeepOptions, nowMs: number): Promise<void> {
  const { pool, logger, config = {} } = options;
  const days = Array.from({ length: DAYS_AHEAD + 1 }, (_, ahead) => dayOf(nowMs + ahead * DAY_MS));
  await ensureEventPartitions(pool, days);

  if (config.keepDays !== undefined && !(await isBehind(pool, config.keepDays))) {
    const dropped = await dropExpiredPartitions(pool, dayOf(nowMs - config.keepDays * DAY_MS));
    if (dropped.length > 0) logger.info({ days: dropped }, 'raw events have expired');
  }
  await expireProjects(options, nowMs);
  const traces = config.keepTracesDays ?? 30;
  await pool.query(`delete from duplicates where received_at < now() - make_interval(days => $1)`, [traces]);
  await pool.query(`delete from streams where last_received_at < now() - make_interval(days => $1)`, [
    traces,
  ]);
  await pool.query(
    `delete from batches where state = 'done' and done_at < now() - make_interval(days => $1)`,
    [traces],
  );
  await dropRetired(options);
  await takeUpErasures(pool);
}

/** An erasure whose job failed, as when ClickHouse could not be reached, is tried again. */
async function takeUpErasures(pool: pg.Pool): Promise<void> {
  await pool.query(
    `insert into jobs (kind, arguments)
     select 'erase', jsonb_build_object('erasure_id', erasure_id) from erasures e
     where e.state <> 'done' and not exists (
       select from jobs j where j.kind = 'erase' and j.state in ('queued', 'running')
         and (j.arguments ->> 'erasure_id')::bigint = e.erasure_id)`,
  );
}

/** Raw events must not expire before they are rolled up. */
async function isBehind(pool: pg.Pool, keepDays: number): Promise<boolean> {
  const found = await pool.query(
    `select 1 from batches where state = 'pending' and received_from < now() - make_interval(days => $1) limit 1`,
    [Math.max(0, keepDays - 1)],
  );
  return found.rows.length > 0;
}

async function dropRetired({ pool, clickhouse, logger }: UpkeepOptions): Promise<void> {
  const retired = await pool.query<{ generation: number }>(
    `select r.generation from rollup_generations r
     where r.state = 'retired' and exists (
       select 1 from rollup_generations l
       where l.state = 'live' and l.live_at < now() - make_interval(mins => $1))`,
    [KEEP_RETIRED_MINUTES],
  );
  for (const { generation } of retired.rows) {
    await dropGeneration(clickhouse, generation);
    await pool.query('delete from rollup_generations where generation = $1', [generation]);
    logger.info({ generation }, 'a retired generation of the rollups is dropped');
  }
}

export interface Upkeep {
  stop(): Promise<void>;
}

/**
 * Does upkeep at once and every ten minutes, releases what is landed every ten seconds, and summarises the indexes of new
 * rows every second.
 *
 * @param landedBatches How many batches this pipeline has landed so far: without another one there are no new rows.
 */
export async function startUpkeep(options: UpkeepOptions, landedBatches: () => number): Promise<Upkeep> {
  const { pool, log, logger } = options;
  // None: rows may be left of a pipeline that was here before.
  let summarized: number | undefined;
  const summarizeIndexes = createIndexSummarizer(pool);
  async function summarize(): Promise<void> {
    const landed = landedBatches();
    if (landed === summarized) return;
    await summarizeIndexes();
    summarized = landed;
  }
  const guarded = async (work: () => Promise<unknown>, what: string): Promise<void> => {
    try {
      await work();
    } catch (error) {
      logger.warn({ err: error }, `${what} failed; it is tried again`);
    }
  };
  await guarded(() => doUpkeep(options), 'upkeep');
  const stops = [
    repeat(RELEASE_EVERY_MS, () => guarded(() => releaseLanded(pool, log), 'releasing landed records')),
    repeat(SUMMARIZE_EVERY_MS, () => guarded(summarize, 'summarising indexes')),
    repeat(UPKEEP_EVERY_MS, () => guarded(() => doUpkeep(options), 'upkeep')),
  ];
  return {
    async stop() {
      await Promise.all(stops.map((stop) => stop()));
    },
  };
}

/** Runs `work` every `everyMs`, never twice at once. The returned function ends it and waits for a running one. */
function repeat(everyMs: number, work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let isRunning = false;
  const timer = setInterval(() => {
    if (isRunning) return;
    isRunning = true;
    running = work().finally(() => {
      isRunning = false;
    });
  }, everyMs);
  return async () => {
    clearInterval(timer);
    await running;
  };
}
