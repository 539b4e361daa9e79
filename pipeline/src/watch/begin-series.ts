import {
  firstBucketOf,
  historyOf,
  monitorOptionsOf,
  type FoundSeries,
  type WatchClock,
} from '@sluice/analytics-api/watched';
import type { Logger } from '@sluice/service-kit';
import type pg from 'pg';
import type { Sources } from './ask-values.js';
import { inTransaction } from './in-transaction.js';
import { findSeries } from './find-series.js';
import type { CreateSeriesMonitor } from './judge-series.js';
import type { Measured, Watch, WatchedSeries } from './watched-series.js';
import { beginSeries, holdWatch, retireSeries } from './watch-rows.js';

export interface SeriesPlan {
  begin: FoundSeries[];
  retire: WatchedSeries[];
  /** Series that would be watched if there were room. */
  left: number;
}

/**
 * What becomes of the series of a watch when `found` is what it has now. A series whose event is not among the largest any
 * more is kept while there is room for a quarter more of them, so that it does not come and go.
 *
 * @param room Series that the project may have beside those of this watch.
 */
export function planSeries(
  watch: Pick<Watch, 'interval' | 'metric'>,
  found: readonly FoundSeries[],
  existing: readonly WatchedSeries[],
  room: number,
): SeriesPlan {
  const measuredOf = new Map(
    found.map((one) => [
      one.series,
      { kind: one.kind, key: keyOf({ ...one.metric, interval: watch.interval }) },
    ]),
  );
  const isCurrent = ({ series, measured, kind }: WatchedSeries): boolean => {
    const now = measuredOf.get(series);
    return now?.key === keyOf(measured) && (now.kind ?? kind) === kind;
  };
  const wanted = found.slice(0, room);
  const current = new Set(existing.filter(isCurrent).map(({ series }) => series));
  const begin = wanted.filter(({ series }) => !current.has(series));
  const kept = Math.min(room, Math.ceil(wanted.length * 1.25));
  let others = kept - wanted.length;
  const retire = existing.filter((one) => {
    if (wanted.some(({ series }) => series === one.series)) return false;
    if (!measuredOf.has(one.series) && isStillOf(watch, one.measured) && others > 0) {
      others -= 1;
      return false;
    }
    return true;
  });
  return { begin, retire, left: found.length - wanted.length };
}

/** Whether a series without anything new could still be one of this watch. */
function isStillOf({ interval, metric }: Pick<Watch, 'interval' | 'metric'>, measured: Measured): boolean {
  if (measured.interval !== interval) return false;
  switch (metric.kind) {
    case 'every_event':
      return measured.kind === 'events' && measured.type === null && measured.bots === metric.bots;
    case 'revenue':
      return measured.kind === 'revenue' && measured.bots === metric.bots && metric.currency === undefined;
    case 'events':
      return (
        measured.kind === 'events' &&
        measured.event === metric.event &&
        measured.type === metric.type &&
        measured.bots === metric.bots
      );
    case 'health':
      return measured.kind === 'health' && metric.signals.includes(measured.signal);
    case 'saved':
      return keyOf(measured) === keyOf(savedMeasured(metric, interval));
  }
}

function savedMeasured(
  { name, parameters, series }: Extract<Watch['metric'], { kind: 'saved' }>,
  interval: Watch['interval'],
): Measured {
  return { kind: 'saved', name, parameters, series: series ?? null, interval };
}

/** The same text for the same thing, in whatever order its keys are: Postgres has an order of its own. */
function keyOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(keyOf).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${keyOf(item)}`).join(',')}}`;
}

/** Begins and retires series of a watch; resolves with whether anything changed. */
export async function refreshSeries(
  watch: Watch,
  existing: readonly WatchedSeries[],
  options: {
    client: pg.ClientBase;
    sources: Sources;
    clock: WatchClock;
    closedMs: number;
    room: number;
    logger: Logger;
    createMonitor: CreateSeriesMonitor;
  },
): Promise<boolean> {
  const { client, sources, clock, closedMs, room, logger, createMonitor } = options;
  const { searchMs, firstMs } = historyOf(clock, { sinceMs: closedMs, backfillDays: watch.backfillDays });
  const found = await findSeries(watch, searchMs, sources);
  const plan = planSeries(watch, found, existing, room);
  if (plan.left > 0) {
    logger.warn(
      { watch: watch.name, projectId: watch.projectId, left: plan.left },
      'there are more series than may be watched; the smallest are not',
    );
  }
  if (plan.begin.length + plan.retire.length === 0) return false;
  await inTransaction(client, async () => {
    await holdWatch(client, watch);
    for (const { series, metric, kind = 'level', begunMs } of plan.begin) {
      const monitor = createMonitor(monitorOptionsOf(watch, kind));
      await beginSeries(client, watch, {
        series,
        kind,
        measured: { ...metric, interval: watch.interval },
        detector: monitor.detector,
        detectorVersion: monitor.detectorVersion,
        state: monitor.save(),
        nextMs: Math.min(closedMs, firstBucketOf(clock, { firstMs, begunMs })),
        watchedSinceMs: closedMs,
      });
    }
    if (plan.retire.length > 0) {
      await retireSeries(
        client,
        watch.projectId,
        plan.retire.map(({ seriesId }) => seriesId),
      );
    }
  });
  logger.info(
    { watch: watch.name, projectId: watch.projectId, begun: plan.begin.length, retired: plan.retire.length },
    'series are watched',
  );
  return true;
}
