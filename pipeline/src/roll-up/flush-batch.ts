import { liveGeneration, type ClickHouse } from '@sluice/warehouse';
import type pg from 'pg';
import { LOCKS } from '../land/locks.js';
import type { RawRow } from '../land/raw-row.js';
import { findRefused } from '../land/refused-messages.js';
import type { OnStep } from '../land/steps.js';
import { insertEvents, insertIdentities, isRefusedByClickHouse, tryProperties } from './insert-batch.js';
import { lockManifest, readRows, tokenOf, type PendingBatch } from './pending-batch.js';

export interface FlushTools {
  pool: pg.Pool;
  clickhouse: ClickHouse;
  onStep: OnStep;
  /** A row whose properties ClickHouse refused goes in with its properties as text. */
  onRefusedRow(row: RawRow, error: Error): void;
}

export interface FlushOutcome {
  result: 'done' | 'done before';
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
 * Rolls one batch up: identities, then rows under the batch's token, then `done`, while a row lock on the manifest keeps
 * other flushers out and a shared lock keeps rebuilds from swapping generations. Ended anywhere, it is repeated with the
 * same rows and the same token.
 */
export async function flushBatch(tools: FlushTools, batch: PendingBatch): Promise<FlushOutcome> {
  const { pool, clickhouse, onStep } = tools;
  const client = await pool.connect();
  let failure: Error | undefined;
  try {
    await client.query('begin');
    await client.query({
      name: 'share-rollups',
      text: 'select pg_advisory_xact_lock_shared($1, 0)',
      values: [LOCKS.ROLLUPS],
    });
    const manifest = await lockManifest(client, batch.batchId);
    if (manifest?.state !== 'pending') {
      await client.query('rollback');
      return { result: 'done before', rows: 0 };
    }
    const generation = await liveGeneration(client);
    if (generation === undefined)
      throw new Error('No generation of the rollups is live: run the migrations.');
    const rows = batch.rows ?? (await readRows(client, batch.batchId));
    if (rows.length !== manifest.rows) {
      throw new MissingRowsError(batch.batchId, manifest.rows, rows.length);
    }
    await onStep('rollup-started');
    await insertIdentities(clickhouse, generation, manifest.identities);
    await insertWhole(tools, generation, tokenOf(manifest, generation), batch.batchId, rows);
    await onStep('rollup-inserted');
    await client.query({
      name: 'finish-batch',
      text: `update batches set state = 'done', done_at = now() where batch_id = $1`,
      values: [batch.batchId],
    });
    await client.query('commit');
    await onStep('rollup-done');
    return { result: 'done', rows: rows.length };
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
    throw failure;
  } finally {
    await release(client, failure);
  }
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

/**
 * Inserts all rows of a batch. Rows whose properties ClickHouse refuses are marked in Postgres first, so that every later
 * attempt, and every rebuild, sends the same bytes.
 */
async function insertWhole(
  tools: FlushTools,
  generation: number,
  token: string,
  batchId: number,
  rows: readonly RawRow[],
): Promise<void> {
  const { clickhouse, pool } = tools;
  try {
    await insertEvents(clickhouse, generation, token, [{ batchId, rows }]);
  } catch (error) {
    if (!isRefusedByClickHouse(error)) throw error;
    const refused = await findRefused(
      rows.filter((row) => row.enrichment.propertiesAsText !== true),
      (part) => tryProperties(clickhouse, part),
      isRefusedByClickHouse,
    );
    if (refused.length === 0) throw error;
    for (const { message: row, error: reason } of refused) {
      await pool.query(
        `update events set enrichment = (enrichment::jsonb || '{"propertiesAsText": true}')::json
         where project_id = $1 and event_id = $2`,
        [row.projectId, row.eventId],
      );
      row.enrichment.propertiesAsText = true;
      tools.onRefusedRow(row, reason);
    }
    await insertEvents(clickhouse, generation, token, [{ batchId, rows }]);
  }
}
