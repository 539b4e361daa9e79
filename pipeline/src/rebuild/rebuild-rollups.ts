import type { Logger } from '@sluice/service-kit';
import {
  createGeneration,
  dropGeneration,
  liveGeneration,
  type ClickHouse,
  type Postgres,
} from '@sluice/warehouse';
import type pg from 'pg';
import { VERSION_SQL, type IdentityChange } from '../land/identities.js';
import { LOCKS } from '../land/locks.js';
import { RAW_ROW_COLUMNS, rawRowFrom, type RawRow, type RawRowResult } from '../land/raw-row.js';
import { encodeEvents } from '../roll-up/event-block.js';
import { insertEvents, insertIdentities } from '../roll-up/insert-batch.js';
import { takeOverScores } from '../score/take-over-scores.js';

export interface RebuildOptions {
  postgres: Postgres;
  clickhouse: ClickHouse;
  logger: Logger;
  /** Raw rows of one insert. Default 10,000. */
  rowsPerInsert?: number;
  /** Called as rows go in, and once with `live` when the new generation answers. */
  onProgress?: (progress: RebuildProgress) => void;
}

export interface RebuildProgress {
  stage: 'filling' | 'catching up' | 'live';
  rows: number;
}

export interface RebuildResult {
  /** The generation that answers now. */
  generation: number;
  /** The one that answered before; kept until upkeep drops it, so that running queries finish. */
  retired: number;
  rows: number;
}

/** A rebuild is refused while another one runs, or an erasure. */
export class RebuildRunningError extends Error {
  override name = 'RebuildRunningError';
}

/** Which batches are in the new generation: those done at the snapshot, and those copied since. */
interface Coverage {
  /** `log/partition` -> the newest batch of the snapshot; ids of a partition grow in the order of its batches. */
  newest: Map<string, number>;
  /** Batches that were landed but pending at the snapshot: not filled in. */
  open: Set<number>;
  copied: Set<number>;
}

/** Batches that may be missing while queries are switched over: few enough to hold the flushers for a moment. */
const FEW_BATCHES = 20;

/**
 * Makes a new generation of the rollups from the raw rows in Postgres, while events keep coming, and puts it live.
 *
 * 1. One snapshot fills the new generation with the rows of every batch that is done in it.
 * 2. Batches done since are copied, until few are missing.
 * 3. Under the exclusive lock, when no batch is being rolled up, the last ones are copied and the pointer moves. Batches
 *    still pending are none of ours: the flushers roll them up into the generation that is live when they come to it. Scores
 *    of people are taken over as they are.
 *
 * Every batch is so in each generation exactly once. A rebuild that ends early leaves a database that nothing reads; the
 * next one drops it. Raw rows that have expired are not in the new generation.
 *
 * @throws RebuildRunningError while another rebuild runs, or an erasure.
 */
export async function rebuildRollups(options: RebuildOptions): Promise<RebuildResult> {
  const { postgres, clickhouse, logger } = options;
  const client = await postgres.pool.connect();
  try {
    const locked = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1, 0) as locked', [
      LOCKS.REBUILD,
    ]);
    if (locked.rows[0]?.locked !== true)
      throw new RebuildRunningError('A rebuild is running already, or somebody is being erased.');
    const before = await liveGeneration(client);
    if (before === undefined) throw new Error('No generation of the rollups is live: run the migrations.');
    const generation = await startGeneration(client, clickhouse);
    logger.info({ generation, before }, 'rebuilding the rollups');
    const rows = await fillAndSwap(options, client, { before, generation });
    logger.info({ generation, rows }, 'the rebuilt rollups are live');
    return { generation, retired: before, rows };
  } finally {
    // Ends the session and with it every lock it holds.
    client.release(true);
  }
}

async function startGeneration(client: pg.PoolClient, clickhouse: ClickHouse): Promise<number> {
  const abandoned = await client.query<{ generation: number }>(
    `delete from rollup_generations where state = 'building' returning generation`,
  );
  for (const { generation } of abandoned.rows) await dropGeneration(clickhouse, generation);
  const made = await client.query<{ generation: number }>(
    `insert into rollup_generations (generation, state)
     select max(generation) + 1, 'building' from rollup_generations returning generation`,
  );
  const { generation } = made.rows[0]!;
  await dropGeneration(clickhouse, generation);
  await createGeneration(clickhouse, generation);
  return generation;
}

async function fillAndSwap(
  options: RebuildOptions,
  client: pg.PoolClient,
  { before, generation }: { before: number; generation: number },
): Promise<number> {
  const { clickhouse, postgres, onProgress = () => undefined } = options;
  const fill = createFill(options, generation, (rows, stage) => onProgress({ stage, rows }));

  await client.query('begin isolation level repeatable read read only');
  const coverage = await readCoverage(client);
  await fill.fromCursor(client, coverage);
  await client.query('commit');

  for (;;) {
    const missing = await listMissing(client, coverage);
    if (missing.length <= FEW_BATCHES) break;
    for (const batchId of missing) await fill.oneBatch(client, batchId, coverage);
  }

  await client.query('begin');
  await client.query('select pg_advisory_xact_lock($1, 0)', [LOCKS.ROLLUPS]);
  for (const batchId of await listMissing(client, coverage)) await fill.oneBatch(client, batchId, coverage);
  await insertIdentities(clickhouse, generation, await readAllIdentities(postgres.pool));
  await takeOverScores(client, clickhouse, { from: before, to: generation });
  await client.query(`update rollup_generations set state = 'retired' where state = 'live'`);
  await client.query(`update rollup_generations set state = 'live', live_at = now() where generation = $1`, [
    generation,
  ]);
  await client.query('commit');
  onProgress({ stage: 'live', rows: fill.rows() });
  return fill.rows();
}

async function readCoverage(client: pg.PoolClient): Promise<Coverage> {
  const newest = await client.query<{ key: string; batch_id: number | string }>(
    `select log_id || '/' || "partition" as key, max(batch_id) as batch_id from batches group by 1`,
  );
  const open = await client.query<{ batch_id: number | string }>(
    `select batch_id from batches where state = 'pending'`,
  );
  return {
    newest: new Map(newest.rows.map((row) => [row.key, Number(row.batch_id)])),
    open: new Set(open.rows.map((row) => Number(row.batch_id))),
    copied: new Set(),
  };
}

/** Batches that are done by now and not in the new generation yet. */
async function listMissing(client: pg.PoolClient, coverage: Coverage): Promise<number[]> {
  const done = await client.query<{ batch_id: number | string }>(
    `select b.batch_id from batches b
     left join unnest($1::text[], $2::bigint[]) as n (key, newest) on n.key = b.log_id || '/' || b."partition"
     where b.state = 'done' and (b.batch_id > coalesce(n.newest, -1) or b.batch_id = any ($3::bigint[]))
     order by b.batch_id`,
    [[...coverage.newest.keys()], [...coverage.newest.values()], [...coverage.open]],
  );
  return done.rows.map((row) => Number(row.batch_id)).filter((batchId) => !coverage.copied.has(batchId));
}

const FETCH_ROWS = 2_000;

interface Fill {
  fromCursor(client: pg.PoolClient, coverage: Coverage): Promise<void>;
  oneBatch(client: pg.PoolClient, batchId: number, coverage: Coverage): Promise<void>;
  rows(): number;
}

function createFill(
  options: RebuildOptions,
  generation: number,
  onRows: (rows: number, stage: 'filling' | 'catching up') => void,
): Fill {
  const { clickhouse, rowsPerInsert = 10_000 } = options;
  let rows = 0;
  let inserts = 0;

  async function insert(part: readonly { batchId: number; row: RawRow }[]): Promise<void> {
    // Everybody in a batch may have been erased.
    if (part.length === 0) return;
    inserts += 1;
    await insertEvents(clickhouse, generation, `rebuild/${generation}/${inserts}`, [encodeEvents(part)]);
    rows += part.length;
  }

  return {
    rows: () => rows,
    async fromCursor(client, coverage) {
      // Partition after partition, so that an insert holds the rows of few days.
      await client.query(
        `declare raw_rows no scroll cursor for
         select batch_id, ${RAW_ROW_COLUMNS} from events where batch_id <> all ($1::bigint[])`,
        [[...coverage.open]],
      );
      let part: { batchId: number; row: RawRow }[] = [];
      for (;;) {
        const found = await client.query<RawRowResult & { batch_id: number | string }>(
          `fetch ${FETCH_ROWS} from raw_rows`,
        );
        for (const row of found.rows) part.push({ batchId: Number(row.batch_id), row: rawRowFrom(row) });
        const isEnd = found.rows.length < FETCH_ROWS;
        if (part.length >= rowsPerInsert || (isEnd && part.length > 0)) {
          await insert(part);
          onRows(rows, 'filling');
          part = [];
        }
        if (isEnd) break;
      }
      await client.query('close raw_rows');
    },
    async oneBatch(client, batchId, coverage) {
      const found = await client.query<RawRowResult>(
        `select ${RAW_ROW_COLUMNS} from events where batch_id = $1 order by batch_seq`,
        [batchId],
      );
      await insert(found.rows.map((row) => ({ batchId, row: rawRowFrom(row) })));
      coverage.copied.add(batchId);
      onRows(rows, 'catching up');
    },
  };
}

async function readAllIdentities(pool: pg.Pool): Promise<IdentityChange[]> {
  const found = await pool.query<{
    project_id: number;
    previous_id: string;
    user_id: string;
    version: number | string;
  }>(`select project_id, previous_id, user_id, ${VERSION_SQL} as version from identities`);
  return found.rows.map((row) => ({
    projectId: row.project_id,
    previousId: row.previous_id,
    userId: row.user_id,
    version: Number(row.version),
  }));
}
