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
}

export type ReadCompleteness = (limits?: QueryLimits) => Promise<Completeness>;

/**
 * Reads how far answers are complete. The statement it makes holds for every query that starts after it: events only
 * arrive.
 */
export function createReadCompleteness(
  runPostgres: RunPostgres,
  log: { id: string; partitionCount: number },
): ReadCompleteness {
  return async (limits) => {
    const { rows } = await runPostgres(askCompleteness(log.id), limits);
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
