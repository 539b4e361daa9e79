import { SluiceError, type Audit } from '@sluice/contracts';
import type { ApiContext } from '../api-context.js';
import { askLandedOffsets } from '../questions/landed-offsets.js';

/** Records that are in the log and not landed, by partition. Offsets may have gaps, so the numbers are upper bounds. */
export async function readInFlight(context: ApiContext, signal: AbortSignal): Promise<Audit['in_flight']> {
  const { log, runPostgres } = context;
  const { rows } = await runPostgres(askLandedOffsets(log.id), { signal });
  const landed = new Map(rows.map(({ partition, next_offset }) => [partition, next_offset]));
  let ends: number[];
  try {
    ends = await log.endOffsets();
  } catch (error) {
    throw new SluiceError('store_unavailable', {
      message: 'The event log does not answer.',
      retryAfterSeconds: 2,
      cause: error,
    });
  }
  return ends.map((end, partition) => {
    const landedTo = landed.get(partition) ?? 0;
    return { partition, landed_to: landedTo, log_end: end, records: Math.max(0, end - landedTo) };
  });
}
