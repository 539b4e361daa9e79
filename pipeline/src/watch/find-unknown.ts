import type pg from 'pg';
import type { WatchBucket } from './watch-clock.js';

/**
 * Buckets in which messages were received of which it is not known what became: neither landed, nor a duplicate, nor a dead
 * letter. What is counted in them is no number.
 */
export async function findUnknownBuckets(
  pool: pg.Pool,
  projectId: number,
  buckets: readonly WatchBucket[],
): Promise<ReadonlySet<number>> {
  const found = await pool.query<{ minute: Date }>(
    `select minute from ledger
     where project_id = $1 and minute >= to_timestamp($2 / 1000.0) and minute < to_timestamp($3 / 1000.0)
     group by minute
     having sum(logged) <> sum(landed) + sum(duplicates) + sum(dead_lettered)`,
    [projectId, buckets[0]!.startMs, buckets.at(-1)!.endMs],
  );
  const minutes = found.rows.map(({ minute }) => minute.getTime());
  return new Set(
    buckets
      .filter(({ startMs, endMs }) => minutes.some((minute) => minute >= startMs && minute < endMs))
      .map(({ startMs }) => startMs),
  );
}
