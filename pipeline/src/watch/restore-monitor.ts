import { monitorOptionsOf } from '@sluice/analytics-api/watched';
import type { SeriesMonitor } from '@sluice/models/anomaly';
import type { Logger } from '@sluice/service-kit';
import type pg from 'pg';
import type { CreateSeriesMonitor } from './judge-series.js';
import type { Watch, WatchedSeries } from './watched-series.js';
import { inTransaction } from './in-transaction.js';
import { closeIncidents } from './watch-rows.js';

/**
 * The monitor of a series as it was saved. Where that was by another detector, or cannot be read, a new one learns what was
 * seen from the stored points, and what was open is over: the new one cannot say when the old one would have resolved it.
 */
export async function restoreMonitor(
  watch: Watch,
  series: WatchedSeries,
  state: Uint8Array,
  tools: { client: pg.ClientBase; logger: Logger; createMonitor: CreateSeriesMonitor },
): Promise<SeriesMonitor> {
  const { client, logger, createMonitor } = tools;
  const options = monitorOptionsOf(watch, series.kind);
  const fresh = createMonitor(options);
  let reason: unknown = 'another detector';
  if (fresh.detector === series.detector && fresh.detectorVersion === series.detectorVersion) {
    try {
      return createMonitor(options, state);
    } catch (error) {
      reason = error;
    }
  }
  const found = await client.query<{ bucket: Date; observed: number | null }>(
    'select bucket, observed from watch_points where series_id = $1 and bucket < to_timestamp($2 / 1000.0) order by bucket',
    [series.seriesId, series.nextMs],
  );
  for (const { bucket, observed } of found.rows) fresh.step({ startMs: bucket.getTime(), value: observed });
  await inTransaction(client, () => closeIncidents(client, watch.projectId, [series.seriesId]));
  logger.info(
    { watch: watch.name, series: series.series, points: found.rows.length, detector: fresh.detector, reason },
    'a series has got a new monitor, which has learned its points',
  );
  return fresh;
}
