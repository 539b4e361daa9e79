import { SluiceError } from '@sluice/contracts';
import { askCompleteness } from '../questions/completeness.js';
import type { QueryLimits, RunPostgres } from '../query-port/run-query.js';

export interface Completeness {
  /** The generation of the rollups that answers are read from. */
  generation: number | undefined;
  /** Every event accepted before this instant is in the rollups; undefined when that is known for no instant. */
  completeThroughMs: number | undefined;
  /** … is stored. */
  landedThroughMs: number | undefined;
  pendingBatches: number;
  pendingRows: number;
  spooledMessages: number;
  /** Events of the project in the rollups. Grows with everything that becomes queryable. */
  rolledUp: number;
  /** Whether ids of the project were ever merged. */
  hasMerges: boolean;
}

export type ReadCompleteness = (projectId: number, limits?: QueryLimits) => Promise<Completeness>;

/**
 * Reads how far answers are complete. The statement it makes holds for every query that starts after it: events only
 * arrive.
 */
export function createReadCompleteness(
  runPostgres: RunPostgres,
  log: { id: string; partitionCount: number },
): ReadCompleteness {
  return async (projectId, limits) => {
    const { rows } = await runPostgres(askCompleteness(log.id, projectId), limits);
    const row = rows[0]!;
    const spooledFromMs = row.spooled_from?.getTime() ?? Infinity;
    const pendingFromMs = row.pending_from?.getTime() ?? Infinity;
    const isKnown = row.landed_through !== null && row.partitions >= log.partitionCount;
    const landedThroughMs = isKnown ? Math.min(row.landed_through!.getTime(), spooledFromMs) : undefined;
    return {
      generation: row.generation ?? undefined,
      landedThroughMs,
      completeThroughMs:
        landedThroughMs === undefined || row.pending_unknown
          ? undefined
          : Math.min(landedThroughMs, pendingFromMs),
      pendingBatches: row.pending_batches,
      pendingRows: row.pending_rows,
      spooledMessages: row.spooled_messages,
      rolledUp: row.rolled_up,
      hasMerges: row.has_merges,
    };
  };
}

/** The database that answers are read from. @throws SluiceError store_unavailable before the first migration. */
export function databaseOf(
  clickhouse: { database(generation: number): string },
  completeness: Completeness,
): string {
  if (completeness.generation === undefined) {
    throw new SluiceError('store_unavailable', { message: 'No generation of the rollups is live.' });
  }
  return clickhouse.database(completeness.generation);
}
