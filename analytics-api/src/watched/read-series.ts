import { SluiceError, type WatchDefinition } from '@sluice/contracts';
import { findCountedSeries, findSavedSeries, type FoundSeries } from './find-series.js';
import { findUnknownBuckets } from './find-unknown.js';
import { firstBucketOf } from './history.js';
import type { SeriesKind, SeriesOf } from './measured.js';
import { readCountedValues, readSavedValues, type Values } from './read-values.js';
import type { WatchBucket, WatchClock } from './watch-clock.js';
import type { WatchedSources } from './watched-sources.js';

/** A series of a watch, with its numbers in closed buckets from the one after its first event on. */
export interface ReadSeries {
  series: string;
  kind: SeriesKind;
  points: { bucket: WatchBucket; value: number | null }[];
}

/** Numbers that one simulation may look at. */
export const MAX_POINTS = 250_000;

/**
 * Reads the series that a watch would have, and their numbers in some closed buckets: what the watcher would have judged.
 * @throws SluiceError too_many_buckets, invalid_request for what cannot be read after the fact
 */
export async function readWatchedSeries(
  { metric, interval }: WatchDefinition,
  options: {
    projectId: number;
    timezone: string;
    only: readonly string[] | undefined;
    clock: WatchClock;
    buckets: readonly WatchBucket[];
    /** From when on series are looked for. */
    searchMs: number;
    sources: WatchedSources;
    signal: AbortSignal;
  },
): Promise<ReadSeries[]> {
  const { projectId, timezone, only, clock, buckets, sources, signal } = options;
  if (metric.kind === 'health') {
    throw new SluiceError('invalid_request', {
      message: 'How well events arrived is watched as it happens; it cannot be simulated.',
      field: '/definition/metric/kind',
    });
  }
  const search = { fromMs: options.searchMs, toMs: buckets.at(-1)!.endMs };
  const unknown = await findUnknownBuckets(projectId, buckets, sources);
  const readOf = ({ series, begunMs }: FoundSeries, kind: SeriesKind, values: Values): ReadSeries => {
    const fromMs = firstBucketOf(clock, { firstMs: buckets[0]!.startMs, begunMs });
    const points = values.flatMap((value, index) => {
      const bucket = buckets[index]!;
      return bucket.startMs < fromMs ? [] : [{ bucket, value: unknown.has(bucket.startMs) ? null : value }];
    });
    return { series, kind, points };
  };

  if (metric.kind === 'saved') {
    const [found] = await findSavedSeries(projectId, metric, search, sources);
    if (found === undefined) return [];
    const about = { projectId, timezone, interval, buckets };
    const values = await readSavedValues(found.metric, about, { ...sources, signal });
    return [readOf(found, found.kind ?? 'level', values)];
  }

  const found = (await findCountedSeries(metric, search, sources)).filter(
    ({ series }) => only?.includes(series) ?? true,
  );
  if (found.length * buckets.length > MAX_POINTS) {
    throw new SluiceError('too_many_buckets', {
      message: `${found.length} series of ${buckets.length} buckets are more than ${MAX_POINTS} numbers: ask for fewer days or series, or longer buckets.`,
      field: '/days',
    });
  }
  const metrics = found.map((one) => one.metric) as SeriesOf<'events'>[] | SeriesOf<'revenue'>[];
  const values = await readCountedValues(metrics, { interval, buckets }, sources);
  return found.map((one, index) => readOf(one, one.kind!, values[index]!));
}
