import type pg from 'pg';
import type { IdentityChange } from '../land/identities.js';
import { RAW_ROW_COLUMNS, rawRowFrom, type RawRow, type RawRowResult } from '../land/raw-row.js';

/** A batch on its way to ClickHouse. Its lines may be in memory still; Postgres has its rows always. */
export interface PendingBatch {
  batchId: number;
  lines: Buffer | undefined;
  /** When it was landed, milliseconds since the epoch. */
  createdAtMs: number;
}

/** The manifest of a batch, as stored. */
export interface Manifest {
  batchId: number;
  logId: string;
  partition: number;
  fromOffset: number;
  toOffset: number;
  rows: number;
  identities: IdentityChange[];
  state: 'pending' | 'done';
  createdAtUs: string;
}

/** Ids of a partition's batches that are not rolled up yet, oldest first. */
export async function listPending(pool: pg.Pool, logId: string, partition: number): Promise<PendingBatch[]> {
  const found = await pool.query<{ batch_id: number | string; created_at: Date }>(
    `select batch_id, created_at from batches
     where log_id = $1 and "partition" = $2 and state = 'pending' order by batch_id`,
    [logId, partition],
  );
  return found.rows.map((row) => ({
    batchId: Number(row.batch_id),
    lines: undefined,
    createdAtMs: row.created_at.getTime(),
  }));
}

/** Reads a manifest and locks it until the transaction ends: a second flusher waits, and then finds it done. */
export async function lockManifest(client: pg.ClientBase, batchId: number): Promise<Manifest | undefined> {
  const found = await client.query<{
    log_id: string;
    partition: number;
    from_offset: number | string;
    to_offset: number | string;
    rows: number;
    identities: IdentityChange[];
    state: 'pending' | 'done';
    created_at_us: number | string;
  }>({
    name: 'lock-manifest',
    text: `select log_id, "partition", from_offset, to_offset, rows, identities, state,
             (extract(epoch from created_at) * 1000000)::bigint as created_at_us
           from batches where batch_id = $1 for update`,
    values: [batchId],
  });
  const row = found.rows[0];
  if (row === undefined) return undefined;
  return {
    batchId,
    logId: row.log_id,
    partition: row.partition,
    fromOffset: Number(row.from_offset),
    toOffset: Number(row.to_offset),
    rows: row.rows,
    identities: row.identities,
    state: row.state,
    createdAtUs: String(row.created_at_us),
  };
}

/** A batch's rows, in their fixed order. */
export async function readRows(client: pg.ClientBase, batchId: number): Promise<RawRow[]> {
  const found = await client.query<RawRowResult>(
    `select ${RAW_ROW_COLUMNS} from events where batch_id = $1 order by batch_seq`,
    [batchId],
  );
  return found.rows.map(rawRowFrom);
}

/**
 * The token under which a batch is inserted into a generation: the same after every restart, and never the same for
 * another batch, also when a database was made anew and counts its batches from 1 again.
 */
export function tokenOf(manifest: Manifest, generation: number): string {
  const { logId, partition, fromOffset, toOffset, batchId, createdAtUs } = manifest;
  return `${generation}/${logId}/${partition}/${fromOffset}-${toOffset}/${batchId}/${createdAtUs}`;
}
