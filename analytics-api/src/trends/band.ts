import type { BandAnswer } from '@sluice/contracts';
import { createSeriesMonitor, type Judgement, type WatchInterval } from '@sluice/models/anomaly';
import { setImmediate as turn } from 'node:timers/promises';
import { askBand, askIncidents, askWatchedSeries } from '../questions/watched-series.js';
import type { MarkedBucket } from '../time/marked-buckets.js';
import { isoOf } from '../time/range.js';
import { kindOfMeasure } from '../watched/measured.js';
import { BUCKET_LENGTH_MS, LEARNED_DAYS, WATCHED_AS, wholeBucketsBefore } from './expectations.js';
import type { SeriesPlan } from './series-rows.js';

type Shown = Exclude<BandAnswer, { source: 'none' }>;
type BandBucket = Shown['buckets'][number];

const NOTHING: BandBucket = { expected: null, lower: null, upper: null, anomalous: false };
/** Without so many buckets before, a monitor says nothing. */
const LEAST_LEARNED_DAYS = 2;
/** Buckets after which others have their turn. */
const AT_ONCE = 1_000;

/** Numbers of a series in other buckets: nothing is zero where everything is counted. */
export type ReadValues = (buckets: readonly MarkedBucket[]) => Promise<(number | null)[]>;

/**
 * What was to be expected of a series in each bucket: as its watch judged it at the time, or, where it is not watched, as a
 * monitor says now that has learned the history before.
 */
export async function bandOf(
  plan: SeriesPlan,
  buckets: readonly MarkedBucket[],
  values: readonly (number | null)[],
  readValues: ReadValues,
): Promise<BandAnswer> {
  const interval = WATCHED_AS[plan.query.interval];
  if (interval === undefined) return { source: 'none', reason: 'interval_not_supported' };
  return (
    (await watchedBand(plan, interval, buckets)) ??
    (await computedBand(plan, interval, { buckets, values, readValues }))
  );
}

/** Undefined where no watch has judged any of the buckets. */
async function watchedBand(
  { series, query, scope }: SeriesPlan,
  interval: WatchInterval,
  buckets: readonly MarkedBucket[],
): Promise<BandAnswer | undefined> {
  const filters = [...series.filters, ...query.filters];
  const hasOwnClock = interval === 'hour' || interval === 'day';
  if (series.measure !== 'count' || filters.length > 0) return undefined;
  if (hasOwnClock && scope.zone.name !== scope.projectTimezone) return undefined;
  const { event, type } = series;
  const measured = { kind: 'events', event, type, bots: query.bots, interval } as const;
  const [watched] = await scope.lookUp(askWatchedSeries(scope.projectId, measured));
  if (watched === undefined) return undefined;
  const { fromMs, toMs } = scope.range;
  const points = await scope.lookUp(askBand(scope.projectId, watched.series_id, { fromMs, toMs }));
  if (points.length === 0) return undefined;
  const byStart = new Map(points.map((point) => [point.bucket.getTime(), point]));
  const incidents = await scope.lookUp(askIncidents(scope.projectId, watched.series_id, { fromMs, toMs }));
  return {
    source: 'watched',
    watch: watched.watch,
    series: watched.series,
    buckets: buckets.map(({ startMs, partial }) => {
      const point = partial ? undefined : byStart.get(startMs);
      if (point === undefined) return NOTHING;
      const { expected, lower, upper, anomalous } = point;
      return { expected, lower, upper, anomalous };
    }),
    incidents: incidents.map(({ anomaly_id, direction, severity, since, bucket, resolved_at }) => ({
      anomaly_id,
      direction,
      severity,
      since: since.toISOString(),
      bucket: bucket.toISOString(),
      until: resolved_at?.toISOString() ?? null,
    })),
  };
}

async function computedBand(
  { query, series, scope }: SeriesPlan,
  interval: WatchInterval,
  of: {
    buckets: readonly MarkedBucket[];
    values: readonly (number | null)[];
    readValues: ReadValues;
  },
): Promise<BandAnswer> {
  const { buckets, values, readValues } = of;
  const { zone } = scope;
  const bucketMs = BUCKET_LENGTH_MS[query.interval as keyof typeof BUCKET_LENGTH_MS];
  const first = buckets.find(({ partial }) => !partial);
  if (first === undefined) return { source: 'none', reason: 'history_too_short' };
  const calendar = { interval: query.interval, weekStart: query.week_start, zone };
  const history = wholeBucketsBefore(first.startMs, LEARNED_DAYS[interval], calendar, {
    beside: buckets.length,
    bucketMs,
  });
  if (history.length * bucketMs < LEAST_LEARNED_DAYS * BUCKET_LENGTH_MS.day) {
    return { source: 'none', reason: 'interval_not_supported' };
  }
  const learned = await readValues(history);
  const monitor = createSeriesMonitor({
    kind: kindOfMeasure(series.measure),
    interval,
    timeZone: zone.name,
  });
  // Before its first event nobody can say whether a series is silent or not there yet.
  const begins = learned.findIndex((value) => value !== null && value !== 0);
  if (begins < 0) return { source: 'none', reason: 'no_values' };
  for (let index = begins + 1; index < history.length; index += 1) {
    monitor.step({ startMs: history[index]!.startMs, value: learned[index] ?? null });
    if (index % AT_ONCE === 0) await turn();
  }
  const judged: { bucket: MarkedBucket; judgement: Judgement | undefined }[] = [];
  for (const [index, bucket] of buckets.entries()) {
    const value = bucket.complete ? (values[index] ?? null) : null;
    judged.push({
      bucket,
      judgement: bucket.partial ? undefined : monitor.step({ startMs: bucket.startMs, value }),
    });
    if (index % AT_ONCE === 0) await turn();
  }
  if (judged.every(({ judgement }) => judgement === undefined || judgement.verdict.expected === null)) {
    return { source: 'none', reason: 'history_too_short' };
  }
  return {
    source: 'computed',
    watch: null,
    series: null,
    buckets: judged.map(({ judgement }) => {
      if (judgement === undefined) return NOTHING;
      const { expected, lower, upper, isAnomalous } = judgement.verdict;
      return { expected, lower, upper, anomalous: isAnomalous };
    }),
    incidents: incidentsOf(judged),
  };
}

function incidentsOf(
  judged: readonly { bucket: MarkedBucket; judgement: Judgement | undefined }[],
): Shown['incidents'] {
  const incidents: Shown['incidents'] = [];
  for (const { bucket, judgement } of judged) {
    const transition = judgement?.transition;
    const open = incidents.at(-1);
    if (transition?.kind === 'opened') {
      incidents.push({
        anomaly_id: null,
        direction: transition.direction,
        severity: null,
        since: isoOf(transition.sinceMs),
        bucket: isoOf(bucket.startMs),
        until: null,
      });
    } else if (transition?.kind === 'resolved' && open?.until === null) {
      open.until = isoOf(bucket.endMs);
    }
  }
  return incidents;
}
