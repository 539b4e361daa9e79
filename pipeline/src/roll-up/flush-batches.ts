import { liveGeneration, type ClickHouse } from '@sluice/warehouse';
import type pg from 'pg';
import { LOCKS } from '../land/locks.js';
import type { RawRow } from '../land/raw-row.js';
import { findRefused } from '../land/refused-messages.js';
import type { OnStep } from '../land/steps.js';
import { encodeEvents } from './event-block.js';
import { insertEvents, insertIdentities, isRefusedByClickHouse, tryProperties } from './insert-batch.js';
import {
  bindGroup,
  listGroups,
  lockGroup,
  readRows,
  tokenOf,
  type Manifest,
  type PendingBatch,
} from './pending-batch.js';

export interface FlushTools {
  pool: pg.Pool;
  clickhouse: ClickHouse;
  onStep: OnStep;
  /** A row whose properties ClickHouse refused goes in with its properties as text. */
  onRefusedRow(row: RawRow, error: Error): void;
}

export interface FlushOutcome {
  /** Rows that went in; none where somebody else was faster. */
  rows: number;
}

/** The rows of a batch are not all there: rolling up the rest would count wrong without anyone knowing. */
export class MissingRowsError extends Error {
  override name = 'MissingRowsError';

  constructor(batchId: number, expected: number, found: number) {
    super(
      `Batch ${batchId} was landed with ${expected} rows, Postgres has ${found} of them. ` +
        'Restore the missing rows, or rebuild the rollups from what is there.',
    );
  }
}

/**
 * Rolls batches up, in one insert when they are in no group yet. Each group: identities, then rows under the group's token,
 * then `done`, while row locks on its manifests keep other flushers out and a shared lock keeps rebuilds from swapping
 * generations. Ended anywhere, it is repeated with the same rows and the same token.
 */
export async function flushBatches(
  tools: FlushTools,
  batches: readonly PendingBatch[],
): Promise<FlushOutcome> {
  const batchIds = batches.map(({ batchId }) => batchId);
  const blocks = new Map(batches.map((batch) => [batch.batchId, batch.block]));
  await bindGroup(tools.pool, batchIds);
  let rows = 0;
  // One, but for batches that an earlier owner bound.
  for (const rollupId of await listGroups(tools.pool, batchIds))
    rows += await flushGroup(tools, rollupId, blocks);
  return { rows };
}

async function flushGroup(
  tools: FlushTools,
  rollupId: number,
  blocksInMemory: ReadonlyMap<number, Buffer | undefined>,
): Promise<number> {
  const { pool, onStep } = tools;
  const client = await pool.connect();
  let failure: Error | undefined;
  try {
    await client.query('begin');
    await client.query({
      name: 'share-rollups',
      text: 'select pg_advisory_xact_lock_shared($1, 0)',
      values: [LOCKS.ROLLUPS],
    });
    const rows = await flushLocked(tools, client, rollupId, blocksInMemory);
    if (rows === undefined) {
      await client.query('rollback');
      return 0;
    }
    await client.query('commit');
    await onStep('rollup-done');
    return rows;
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
    throw failure;
  } finally {
    await release(client, failure);
  }
}

/**
 * The same within a transaction that holds the lock on the rollups, shared or alone: `done` holds once it is committed.
 * Resolves with the rows that went in; undefined where somebody else was faster.
 */
export async function flushLocked(
  tools: FlushTools,
  client: pg.PoolClient,
  rollupId: number,
  blocksInMemory: ReadonlyMap<number, Buffer | undefined> = new Map(),
): Promise<number | undefined> {
  const { clickhouse, onStep } = tools;
  const group = await lockGroup(client, rollupId);
  if (group.length === 0) return undefined;
  const rows = group.reduce((sum, manifest) => sum + manifest.rows, 0);
  const generation = await liveGeneration(client);
  if (generation === undefined) throw new Error('No generation of the rollups is live: run the migrations.');
  const token = tokenOf(group, generation);
  const blocks: Buffer[] = [];
  for (const manifest of group) {
    blocks.push(
      (manifest.revision === 0 ? blocksInMemory.get(manifest.batchId) : undefined) ??
        (await readBlock(client, manifest)),
    );
  }
  await onStep('rollup-started');
  await insertIdentities(
    clickhouse,
    generation,
    group.flatMap(({ identities }) => identities),
  );
  try {
    // Everybody in it may have been erased meanwhile.
    if (rows > 0) await insertEvents(clickhouse, generation, token, blocks);
  } catch (error) {
    if (!isRefusedByClickHouse(error)) throw error;
    const refused: RawRow[] = [];
    for (const manifest of group) refused.push(...(await readWhole(client, manifest)));
    await markRefused(tools, refused, error);
    const marked: Buffer[] = [];
    for (const manifest of group) marked.push(await readBlock(client, manifest));
    await insertEvents(clickhouse, generation, token, marked);
  }
  await onStep('rollup-inserted');
  await client.query({
    name: 'finish-group',
    text: `
      with done as (
        update batches set state = 'done', done_at = now()
        where rollup_id = $1 and state = 'pending'
        returning project_rows
      )
      insert into rolled_up (project_id, events)
      select key::integer, sum(value::bigint) from done, jsonb_each_text(project_rows)
      group by 1 order by 1
      on conflict (project_id) do update set events = rolled_up.events + excluded.events`,
    values: [rollupId],
  });
  return rows;
}

async function readBlock(client: pg.ClientBase, manifest: Manifest): Promise<Buffer> {
  const rows = await readWhole(client, manifest);
  return encodeEvents(rows.map((row) => ({ batchId: manifest.batchId, row })));
}

async function release(client: pg.PoolClient, failure: Error | undefined): Promise<void> {
  if (failure !== undefined) {
    try {
      await client.query('rollback');
    } catch {
      client.release(true);
      return;
    }
  }
  client.release();
}

async function readWhole(client: pg.ClientBase, manifest: Manifest): Promise<RawRow[]> {
  const rows = await readRows(client, manifest.batchId);
  if (rows.length !== manifest.rows) {
    throw new MissingRowsError(manifest.batchId, manifest.rows, rows.length);
  }
  return rows;
}

/**
 * Marks the rows whose properties ClickHouse refuses. The mark is in Postgres before anything is sent again, so that every
 * later attempt, and every rebuild, sends the same bytes. Rejects with `error` when the properties are not what is refused.
 */
async function markRefused(tools: FlushTools, rows: readonly RawRow[], error: unknown): Promise<void> {
  const refused = await findRefused(
    rows.filter((row) => row.enrichment.propertiesAsText !== true),
    (part) => tryProperties(tools.clickhouse, part),
    isRefusedByClickHouse,
  );
  if (refused.length === 0) throw error;
  for (const { message: row, error: reason } of refused) {
    await tools.pool.query(
      `update events set enrichment = (enrichment::jsonb || '{"propertiesAsText": true}')::json
       where project_id = $1 and event_id = $2`,
      [row.projectId, row.eventId],
    );
    tools.onRefusedRow(row, reason);
  }
}
