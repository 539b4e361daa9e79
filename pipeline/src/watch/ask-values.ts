import {
  readCountedValues,
  readSavedValues,
  type SeriesMetric,
  type SeriesOf,
  type Values,
  type WatchBucket,
  type WatchedSources,
} from '@sluice/analytics-api/watched';
import type pg from 'pg';
import { askHealth } from './ask-health.js';
import type { Watch } from './watched-series.js';

/** What the watcher asks, of one project. */
export interface Sources extends WatchedSources {
  pool: pg.Pool;
  stopping: AbortSignal;
}

/**
 * The numbers of several series of one watch in closed buckets that follow each other.
 * @throws when the question fails: a failure is never a number.
 */
export async function askValues(
  watch: Watch,
  series: readonly SeriesMetric[],
  buckets: readonly WatchBucket[],
  sources: Sources,
): Promise<Values[]> {
  const { projectId, timezone, interval } = watch;
  switch (watch.metric.kind) {
    case 'events':
    case 'every_event':
      return readCountedValues(series as SeriesOf<'events'>[], { interval, buckets }, sources);
    case 'revenue':
      return readCountedValues(series as SeriesOf<'revenue'>[], { interval, buckets }, sources);
    case 'health':
      return askHealth(projectId, series as SeriesOf<'health'>[], buckets, sources);
    case 'saved': {
      const about = { projectId, timezone, interval, buckets };
      const tools = { saved: sources.saved, signal: sources.stopping };
      return Promise.all((series as SeriesOf<'saved'>[]).map((one) => readSavedValues(one, about, tools)));
    }
  }
}
