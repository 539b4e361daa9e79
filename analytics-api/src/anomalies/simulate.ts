import {
  SluiceError,
  trendsQuerySchema,
  type Simulation,
  watchInputSchema,
  type simulateInputSchema,
  type WatchDefinition,
} from '@sluice/contracts';
import { createSeriesMonitor } from '@sluice/models/anomaly';
import { setImmediate as turn } from 'node:timers/promises';
import type { z } from 'zod';
import type { ApiContext } from '../api-context.js';
import type { QueryScope } from '../ask/query-scope.js';
import { runRequest, type RequestOptions } from '../ask/run-request.js';
import { askWatch } from '../questions/watches.js';
import { isoOf } from '../time/range.js';
import { createAskSavedWithin } from '../saved/ask-saved.js';
import { historyOf } from '../watched/history.js';
import { closedUntil, latenessMsOf } from '../watched/lateness.js';
import { monitorOptionsOf } from '../watched/measured.js';
import { readWatchedSeries, type ReadSeries } from '../watched/read-series.js';
import { bucketsBetween, createWatchClock } from '../watched/watch-clock.js';

type SimulateRequest = z.output<typeof simulateInputSchema>;

const DAY_MS = 86_400_000;
/** Buckets after which others have their turn. */
const AT_ONCE = 1_000;
/** Tails below this are all the same: beyond it models say more than they know. */
const LEAST_TAIL = 1e-30;

/**
 * What a watch would have found in the last days of the project's own events: the same numbers, judged by the same monitor,
 * after as much history as it would have been given.
 */
export async function simulate(
  request: SimulateRequest,
  options: RequestOptions,
  context: ApiContext,
): Promise<Simulation> {
  const { timeout_ms, query_id, cache } = request;
  const definition = request.definition ?? (await savedDefinition(request.watch!, options, context));
  const carrier = trendsQuerySchema.parse({ kind: 'trends', timeout_ms, query_id, cache });
  const answer = await runRequest(
    carrier,
    async (scope) => simulateWithin(request, definition, { scope, options, context }),
    { ...options, as: 'simulation' },
    context,
  );
  if ('kind' in answer) throw new SluiceError('internal_error');
  return answer;
}

async function savedDefinition(
  name: string,
  { owner, signal }: RequestOptions,
  { runPostgres }: ApiContext,
): Promise<WatchDefinition> {
  const { rows } = await runPostgres(askWatch(owner.project.projectId, name), { signal });
  const [row] = rows;
  if (row === undefined) {
    throw new SluiceError('watch_not_found', { message: `There is no watch ${name}.`, field: '/watch' });
  }
  return watchInputSchema.strip().parse(row);
}

async function simulateWithin(
  { days, series: only, points }: SimulateRequest,
  definition: WatchDefinition,
  at: { scope: QueryScope; options: RequestOptions; context: ApiContext },
): Promise<Simulation> {
  const { scope, options, context } = at;
  const { interval, backfill_days: backfillDays } = definition;
  const { completeThroughMs, nowMs, zone, projectId } = scope;
  if (completeThroughMs === undefined) {
    throw new SluiceError('store_unavailable', {
      message: 'It is not known yet how far events are complete.',
      retryAfterSeconds: 5,
    });
  }
  const clock = createWatchClock(interval, zone);
  const closedMs = closedUntil(clock, { completeThroughMs, nowMs, latenessMs: latenessMsOf(definition) });
  // As if the watch had been made so many days ago.
  const fromMs = Math.max(0, closedMs - days * DAY_MS);
  const history = historyOf(clock, { sinceMs: fromMs, backfillDays });
  const buckets = bucketsBetween(clock, Math.max(0, history.firstMs), closedMs);
  const [first, last] = [buckets[0], buckets.at(-1)];
  if (first === undefined || last === undefined) {
    throw new SluiceError('invalid_request', { message: 'No bucket is closed.', field: '/days' });
  }
  const read = await readWatchedSeries(definition, {
    projectId,
    timezone: zone.name,
    only,
    clock,
    buckets,
    searchMs: Math.max(0, history.searchMs),
    sources: {
      statement: () => scope.statement().statement,
      ask: (question, limits) => scope.ask(question, limits),
      lookUp: (question) => scope.lookUp(question),
      saved: createAskSavedWithin(options.owner, context),
    },
    signal: options.signal,
  });
  const series: Simulation['series'] = [];
  for (const one of read) {
    if (one.points.length === 0) continue;
    series.push(
      await judge(one, definition, {
        fromMs,
        zoneName: zone.name,
        withPoints: points,
        signal: options.signal,
      }),
    );
  }
  const { complete_through, statistics } = scope.frame({ definition: '' });
  return {
    definition,
    from: isoOf(Math.max(fromMs, first.startMs)),
    to: isoOf(last.endMs),
    timezone: zone.name,
    incidents: series.reduce((sum, { incidents }) => sum + incidents.length, 0),
    series,
    complete_through,
    statistics,
  };
}

async function judge(
  { series, kind, points }: ReadSeries,
  definition: WatchDefinition,
  how: { fromMs: number; zoneName: string; withPoints: boolean; signal: AbortSignal },
): Promise<Simulation['series'][number]> {
  const { fromMs, zoneName, withPoints, signal } = how;
  const { interval, holidays, directions, false_alerts_per_month: falseAlertsPerMonth } = definition;
  const watch = { interval, timezone: zoneName, holidays, falseAlertsPerMonth, directions };
  const monitor = createSeriesMonitor(monitorOptionsOf(watch, kind));
  const incidents: Simulation['series'][number]['incidents'] = [];
  const shown: NonNullable<Simulation['series'][number]['points']> = [];
  let open: (typeof incidents)[number] | undefined;
  const endMs = points.at(-1)!.bucket.endMs;
  for (const [index, { bucket, value }] of points.entries()) {
    const { verdict, transition } = monitor.step({ startMs: bucket.startMs, value });
    if (transition.kind === 'opened') {
      open = {
        bucket: isoOf(bucket.startMs),
        since: isoOf(transition.sinceMs),
        direction: transition.direction,
        observed: verdict.observed ?? 0,
        expected: verdict.expected ?? 0,
        lower: verdict.lower ?? 0,
        upper: verdict.upper ?? 0,
        surprise: -Math.log10(Math.min(1, Math.max(verdict.tailProbability, LEAST_TAIL))),
        resolved_at: null,
        duration_seconds: (endMs - transition.sinceMs) / 1_000,
      };
      if (bucket.startMs >= fromMs) incidents.push(open);
    } else if (transition.kind === 'resolved' && open !== undefined) {
      open.resolved_at = isoOf(bucket.endMs);
      open.duration_seconds = (bucket.endMs - Date.parse(open.since)) / 1_000;
      open = undefined;
    }
    if (withPoints && bucket.startMs >= fromMs) {
      const { observed, expected, lower, upper, tailProbability, isAnomalous } = verdict;
      shown.push({
        ...{ bucket: isoOf(bucket.startMs), observed, expected, lower, upper },
        tail_probability: tailProbability,
        anomalous: isAnomalous,
      });
    }
    if (index % AT_ONCE === 0) {
      await turn();
      signal.throwIfAborted();
    }
  }
  return {
    series,
    kind,
    detector: monitor.detector,
    learned_from: isoOf(points[0]!.bucket.startMs),
    incidents,
    ...(withPoints ? { points: shown } : {}),
  };
}
