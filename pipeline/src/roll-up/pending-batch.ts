import type pg from 'pg';
import type { IdentityChange } from '../land/identities.js';
import { RAW_ROW_COLUMNS, rawRowFrom, type RawRow, type RawRowResult } from '../land/raw-row.js';

/** A batch on its way to ClickHouse. Its block may be in memory still; Postgres has its rows always. */
export interface PendingBatch {
  batchId: number;
  rows: number;
  block: Buffer | undefined;
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
  createdAtUs: string;
  /** How often its rows were changed after they had landed: what is in memory of them is as they landed. */
  revision: number;
}

/** Ids of a partition's batches that are not rolled up yet, oldest first. */
export async function listPending(pool: pg.Pool, logId: string, partition: number): Promise<PendingBatch[]> {
  const found = await pool.query<{ batch_id: number | string; rows: number; created_at: Date }>(
    `select batch_id, rows, created_at from batches
     where log_id = $1 and "partition" = $2 and state = 'pending' order by batch_id`,
    [logId, partition],
  );
  return found.rows.map((row) => ({
    batchId: Number(row.batch_id),
    rows: row.rows,
    block: undefined,
    createdAtMs: row.created_at.getTime(),
  }));
}

/**
 * Binds the batches that are in no group yet into one, for good. From then on they are rolled up together or not at all,
 * whoever does it: an insert that was sent and not noted as done is repeated with the same rows.
 */
export async function bindGroup(pool: pg.Pool, batchIds: readonly number[]): Promise<void> {
  await pool.query({
    name: 'bind-group',
    text: `with free as (
             select batch_id from batches
             where batch_id = any($1::bigint[]) and state = 'pending' and rollup_id is null
             order by batch_id for update)
           update batches set rollup_id = (select min(batch_id) from free)
           where batch_id in (select batch_id from free)`,
    values: [batchIds],
  });
}

/** The groups that these batches are in and that are not rolled up yet. */
export async function listGroups(pool: pg.Pool, batchIds: readonly number[]): Promise<number[]> {
  const found = await pool.query<{ rollup_id: number | string }>({
    name: 'list-groups',
    text: `select distinct rollup_id from batches
           where batch_id = any($1::bigint[]) and state = 'pending' and rollup_id is not null order by rollup_id`,
    values: [batchIds],
  });
  return found.rows.map((row) => Number(row.rollup_id));
}

/**
 * Reads the manifests of a group, in order, and locks them until the transaction ends: a second flusher waits, and then
 * finds none.
 */
export async function lockGroup(client: pg.ClientBase, rollupId: number): Promise<Manifest[]> {
  const found = await client.query<{
    batch_id: number | string;
    log_id: string;
    partition: number;
    from_offset: number | string;
    to_offset: number | string;
    rows: number;
    identities: IdentityChange[];
    created_at_us: number | string;
    revision: number;
  }>({
    name: 'lock-group',
    text: `select batch_id, log_id, "partition", from_offset, to_offset, rows, identities, revision,
             (extract(epoch from created_at) * 1000000)::bigint as created_at_us
           from batches where rollup_id = $1 and state = 'pending' order by batch_id for update`,
    values: [rollupId],
  });
  return found.rows.map((row) => ({
    batchId: Number(row.batch_id),
    logId: row.log_id,
    partition: row.partition,
    fromOffset: Number(row.from_offset),
    toOffset: Number(row.to_offset),
    rows: row.rows,
    identities: row.identities,
    createdAtUs: String(row.created_at_us),
    revision: row.revision,
  }));
}

/** Groups that may have been sent, in part or whole, and are not noted as done. */
export async function listSentGroups(client: pg.ClientBase): Promise<number[]> {
  const found = await client.query<{ rollup_id: number | string }>(
    `select distinct rollup_id from batches where state = 'pending' and rollup_id is not null order by rollup_id`,
  );
  return found.rows.map((row) => Number(row.rollup_id));
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
 * The token under which a group is inserted into a generation: the same after every restart, and never the same for
 * another set of rows, also when a database was made anew and counts its batches from 1 again.
 */
export function tokenOf(group: readonly Manifest[], generation: number): string {
  const [first] = group;
  if (first === undefined) throw new RangeError('A group has at least one batch.');
  const { logId, partition, fromOffset, toOffset, batchId, createdAtUs } = first;
  return `${generation}/${logId}/${partition}/${fromOffset}-${toOffset}/${batchId}/${createdAtUs}/${group.length}`;
}
