import type { WatchInterval } from '@sluice/models/anomaly';
import type pg from 'pg';

/** Days for which bands are kept: longer than any detector looks back, and than charts of the interval reach. */
const KEEP_DAYS: Readonly<Record<WatchInterval, number>> = {
  minute: 60,
  five_minutes: 120,
  quarter_hour: 400,
  hour: 800,
  day: 4_000,
};

/** Drops points that nobody looks at any more, of one series after the other. */
export async function prunePoints(pool: pg.Pool, nowMs: number): Promise<void> {
  for (const [interval, days] of Object.entries(KEEP_DAYS)) {
    await pool.query(
      `delete from watch_points p using watch_series s
       where p.series_id = s.series_id and s.measured ->> 'interval' = $1
         and p.bucket < to_timestamp($2 / 1000.0) - make_interval(days => $3)`,
      [interval, nowMs, days],
    );
  }
}
