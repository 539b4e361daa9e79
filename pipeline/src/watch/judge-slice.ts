import {
  bucketsBetween,
  findUnknownBuckets,
  type Values,
  type WatchBucket,
  type WatchClock,
} from '@sluice/analytics-api/watched';
import type { Logger } from '@sluice/service-kit';
import type pg from 'pg';
import { setImmediate as turn } from 'node:timers/promises';
import { askValues, type Sources } from './ask-values.js';
import { canExplain, explain } from './explain.js';
import type { Incident } from './fold-incidents.js';
import { judgeSeries, type CreateSeriesMonitor, type JudgedSeries } from './judge-series.js';
import { restoreMonitor } from './restore-monitor.js';
import type { OnWatchStep } from './steps.js';
import { noteFailure, readFeedback, readStates } from './watch-rows.js';
import type { Watch, WatchedSeries } from './watched-series.js';
import { writeSlice, type SliceEvidence } from './write-slice.js';

/** Points of one slice at most: what is in memory, and in one transaction. */
const MAX_POINTS = 20_000;
const MAX_BUCKETS = 2_000;
/** Saved queries may read single events, and funnels are asked bucket by bucket. */
const MAX_SAVED_BUCKETS = 100;
/** Flags of one slice that are explained: history may have many, and each is a question. */
const MAX_EXPLAINED = 20;

export interface SliceTools {
  /** Holds the lock of the project. */
  client: pg.ClientBase;
  sources: Sources;
  logger: Logger;
  createMonitor: CreateSeriesMonitor;
  onStep: OnWatchStep;
  now(): number;
}

export type SliceResult =
  /** Nothing is closed that is not judged. */
  | { kind: 'nothing' }
  | { kind: 'judged'; opened: Incident[]; throughMs: number; series: number }
  /** The question failed; it is noted on the series. */
  | { kind: 'failed'; error: unknown };

/**
 * Judges the next closed buckets of these series of a watch, as many as fit into a slice, and moves `nextMs` of those that
 * were judged. A series that cannot be judged is noted and does not keep the others from it.
 */
export async function judgeSlice(
  watch: Watch,
  series: readonly WatchedSeries[],
  { clock, untilMs }: { clock: WatchClock; untilMs: number },
  tools: SliceTools,
): Promise<SliceResult> {
  const { client, sources, logger, onStep } = tools;
  const behind = series.filter(
    ({ nextMs, isWaiting }) => isWaiting !== true && clock.nextAfter(nextMs) <= untilMs,
  );
  if (behind.length === 0) return { kind: 'nothing' };
  const fromMs = Math.min(...behind.map(({ nextMs }) => firstWhole(clock, nextMs)));
  const mostBuckets = watch.metric.kind === 'saved' ? MAX_SAVED_BUCKETS : MAX_BUCKETS;
  const most = Math.min(mostBuckets, Math.max(1, Math.floor(MAX_POINTS / behind.length)));
  const buckets = bucketsBetween(clock, fromMs, untilMs, most);
  const last = buckets.at(-1);
  if (last === undefined) return { kind: 'nothing' };
  const due = behind.filter(({ nextMs }) => firstWhole(clock, nextMs) < last.endMs);

  let values: Values[];
  try {
    values = await askKnown(watch, due, buckets, sources);
  } catch (error) {
    await noteFailure(
      client,
      due.map(({ seriesId }) => seriesId),
      error,
    );
    return { kind: 'failed', error };
  }
  await onStep('asked');

  const { judged, failures } = await judgeAll(watch, due, { buckets, values }, tools);
  if (judged.length === 0) {
    return failures > 0
      ? { kind: 'failed', error: new Error('No series could be judged.') }
      : { kind: 'nothing' };
  }
  const evidence = await explainOpened(watch, judged, tools);
  await onStep('judged');
  const { opened } = await writeSlice(client, watch, judged, { evidence, nowMs: tools.now(), onStep });
  for (const one of judged) one.series.nextMs = one.toMs;
  logger.debug({ watch: watch.name, series: judged.length, buckets: buckets.length }, 'buckets were judged');
  return { kind: 'judged', opened, throughMs: last.endMs, series: judged.length };
}

/** Where a project has moved to another zone, the next bucket may have begun within what was one before. */
function firstWhole(clock: WatchClock, nextMs: number): number {
  return clock.startOf(nextMs) === nextMs ? nextMs : clock.nextAfter(nextMs);
}

/** Values, without those of buckets in which not everything is known that was received. */
async function askKnown(
  watch: Watch,
  series: readonly WatchedSeries[],
  buckets: readonly WatchBucket[],
  sources: Sources,
): Promise<Values[]> {
  const unknown = await findUnknownBuckets(watch.projectId, buckets, sources);
  const values = await askValues(
    watch,
    series.map(({ measured }) => measured),
    buckets,
    sources,
  );
  if (unknown.size === 0) return values;
  return values.map((of) => of.map((value, index) => (unknown.has(buckets[index]!.startMs) ? null : value)));
}

async function judgeAll(
  watch: Watch,
  series: readonly WatchedSeries[],
  slice: { buckets: readonly WatchBucket[]; values: readonly Values[] },
  tools: SliceTools,
): Promise<{ judged: JudgedSeries[]; failures: number }> {
  const { client, logger } = tools;
  const ids = series.map(({ seriesId }) => seriesId);
  const states = await readStates(client, series);
  const feedback = await readFeedback(client, ids);
  const judged: JudgedSeries[] = [];
  let failures = 0;
  for (const [index, one] of series.entries()) {
    const state = states.get(one.seriesId);
    if (state === undefined) continue;
    const values = slice.values[index]!;
    const skipped = slice.buckets.findIndex(({ startMs }) => startMs >= one.nextMs);
    one.isWaiting = values.length < slice.buckets.length;
    if (values.length <= skipped) continue;
    try {
      const monitor = await restoreMonitor(watch, one, state, tools);
      judged.push(
        judgeSeries(one, monitor, {
          buckets: slice.buckets.slice(skipped, values.length),
          values: values.slice(skipped),
          feedback: feedback.get(one.seriesId) ?? [],
        }),
      );
    } catch (error) {
      failures += 1;
      await noteFailure(client, [one.seriesId], error);
      logger.error({ err: error, watch: watch.name, series: one.series }, 'a series could not be judged');
    }
    // History of many series takes seconds, in which others must have their turn.
    await turn();
  }
  return { judged, failures };
}

/** What explains the flags that open. That it cannot be found out is no reason to keep quiet about a flag. */
async function explainOpened(
  watch: Watch,
  judged: readonly JudgedSeries[],
  { client, sources, logger }: SliceTools,
): Promise<SliceEvidence[]> {
  const evidence: SliceEvidence[] = [];
  for (const { series, buckets, fromMs } of judged) {
    for (const { startMs, endMs, judgement } of buckets) {
      const { transition } = judgement;
      if (transition.kind !== 'opened' || evidence.length >= MAX_EXPLAINED) continue;
      const about = { seriesId: series.seriesId, bucketMs: startMs };
      const { measured } = series;
      if (!canExplain(measured)) {
        evidence.push({ ...about, items: [] });
        continue;
      }
      try {
        const firstMs = Math.min(fromMs, (await firstPointAt(client, series.seriesId)) ?? fromMs);
        const range = { fromMs: transition.sinceMs, toMs: endMs, firstMs };
        evidence.push({ ...about, items: await explain(measured, range, sources) });
      } catch (error) {
        evidence.push({ ...about, items: undefined });
        logger.warn(
          { err: error, watch: watch.name, series: series.series },
          'a flag could not be explained',
        );
      }
    }
  }
  return evidence;
}

async function firstPointAt(client: pg.ClientBase, seriesId: number): Promise<number | undefined> {
  const found = await client.query<{ first: Date | null }>(
    'select min(bucket) as first from watch_points where series_id = $1',
    [seriesId],
  );
  return found.rows[0]?.first?.getTime();
}
