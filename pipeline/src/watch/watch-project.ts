import { closedUntil, createWatchClock, type WatchClock, type Zone } from '@sluice/analytics-api/watched';
import type { WatchMetric } from '@sluice/contracts';
import { BUCKET_MS } from '@sluice/models/anomaly';
import type pg from 'pg';
import { LOCKS } from '../land/locks.js';
import { refreshSeries } from './begin-series.js';
import { isImporting } from './is-importing.js';
import { judgeSlice, type SliceResult, type SliceTools } from './judge-slice.js';
import { makeDefaultWatches, moveWatchedSince, noteFailure, readSeries, readWatches } from './watch-rows.js';
import type { Watch, WatchedSeries } from './watched-series.js';
import type { WatchTelemetry } from './watch-telemetry.js';

export interface WatchedProject {
  projectId: number;
  timezone: string;
}

/** What a watcher remembers of a project between its looks. Losing it costs a search, and nothing else. */
export interface WatchMemory {
  /** By watch: when series were last looked for, and of which definition. */
  searches: Map<number, { atMs: number; definition: string; found: boolean }>;
  /** By series: until when its next bucket is not asked for, because it was not final. */
  waits: Map<number, number>;
}

export interface ProjectTools extends Omit<SliceTools, 'client'> {
  pool: pg.Pool;
  memory: WatchMemory;
  telemetry: WatchTelemetry;
  /** Zone of the project. */
  zone: Zone;
  /** Every event accepted before this instant is queryable. */
  completeThroughMs: number;
  /** Series of one project at most. */
  maxSeries: number;
}

export interface ProjectPass {
  /** Another watcher is at it. */
  isBusy: boolean;
  /** History is left to be judged: look again at once. */
  hasMore: boolean;
  series: number;
  /** How long the next bucket of the series that is furthest behind has been due, milliseconds. */
  lagMs: number;
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/**
 * One look at the watches of a project, by one watcher at a time: judges every closed bucket of series that are up to date,
 * and one slice of the history of each watch that has series which are not.
 */
export async function watchProject(project: WatchedProject, tools: ProjectTools): Promise<ProjectPass> {
  const client = await tools.pool.connect();
  let holdsLock = false;
  try {
    const lock = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1, $2) as locked', [
      LOCKS.WATCH,
      project.projectId,
    ]);
    if (lock.rows[0]?.locked !== true) return { isBusy: true, hasMore: false, series: 0, lagMs: 0 };
    holdsLock = true;
    const pass = await watchLocked(project, client, tools);
    await client.query('select pg_advisory_unlock($1, $2)', [LOCKS.WATCH, project.projectId]);
    holdsLock = false;
    return pass;
  } finally {
    // Ends the session where it holds the lock, and with it the lock.
    client.release(holdsLock);
  }
}

async function watchLocked(
  project: WatchedProject,
  client: pg.PoolClient,
  tools: ProjectTools,
): Promise<ProjectPass> {
  await makeDefaultWatches(client, project.projectId);
  const watches = await readWatches(client, project);
  const series = await searchSeries(watches, client, tools);
  const slices: SliceTools = { ...tools, client };
  let hasMore = false;
  let lagMs = 0;
  forget(tools.memory, watches, series);
  for (const one of series) one.isWaiting = (tools.memory.waits.get(one.seriesId) ?? 0) > tools.now();
  const views = watches.map((watch) => ({ watch, ...viewOf(watch, series, tools) }));
  for (const view of views) {
    const { watch, own } = view;
    await makeHistory(view, client);
    const current = own.filter(({ nextMs, watchedSinceMs }) => nextMs >= watchedSinceMs);
    for (const group of byFailure(current)) await judgeAllSlices(watch, group, view, slices, tools);
  }
  for (const view of views) {
    const { watch, own, clock, untilMs } = view;
    for (const history of byFailure(own.filter(({ nextMs, watchedSinceMs }) => nextMs < watchedSinceMs))) {
      if (history.length === 0 || tools.sources.stopping.aborted) continue;
      const result = await judgeSlice(watch, history, view, slices);
      noteSlice(watch, result, tools);
      if (result.kind !== 'judged') continue;
      hasMore ||=
        result.throughMs < untilMs || history.some(({ nextMs }) => clock.nextAfter(nextMs) <= untilMs);
      tools.logger.info(
        {
          projectId: watch.projectId,
          watch: watch.name,
          series: result.series,
          through: new Date(result.throughMs).toISOString(),
          until: new Date(untilMs).toISOString(),
        },
        'history was judged',
      );
    }
  }
  for (const { watch, own, clock } of views) {
    for (const { seriesId, nextMs, isWaiting } of own) {
      if (isWaiting !== true) {
        lagMs = Math.max(lagMs, tools.now() - watch.latenessMs - clock.nextAfter(nextMs));
      } else if (!((tools.memory.waits.get(seriesId) ?? 0) > tools.now())) {
        const restMs = Math.min(HOUR_MS, Math.max(MINUTE_MS, BUCKET_MS[watch.interval] / 4));
        tools.memory.waits.set(seriesId, tools.now() + restMs);
      }
    }
  }
  return { isBusy: false, hasMore, series: series.length, lagMs };
}

/** Watches that were deleted, and series that were retired, are nothing to remember. */
function forget(memory: WatchMemory, watches: readonly Watch[], series: readonly WatchedSeries[]): void {
  const watchIds = new Set(watches.map(({ watchId }) => watchId));
  for (const watchId of memory.searches.keys()) {
    if (!watchIds.has(watchId)) memory.searches.delete(watchId);
  }
  const seriesIds = new Set(series.map(({ seriesId }) => seriesId));
  for (const seriesId of memory.waits.keys()) {
    if (!seriesIds.has(seriesId)) memory.waits.delete(seriesId);
  }
}

/** Series that failed apart from the others, which they would keep back at where they are themselves. */
function byFailure(series: readonly WatchedSeries[]): WatchedSeries[][] {
  return [series.filter(({ hasFailed }) => !hasFailed), series.filter(({ hasFailed }) => hasFailed)];
}

function viewOf(
  watch: Watch,
  series: readonly WatchedSeries[],
  { completeThroughMs, now, zone }: ProjectTools,
): { own: WatchedSeries[]; clock: WatchClock; untilMs: number } {
  const clock = createWatchClock(watch.interval, zone);
  return {
    own: series.filter(({ watchId }) => watchId === watch.watchId),
    clock,
    untilMs: closedUntil(clock, { completeThroughMs, nowMs: now(), latenessMs: watch.latenessMs }),
  };
}

/**
 * What is more than a day behind, because the watch was off or nothing ran, is history: it is judged without telling anybody
 * of days long past. Not so saved queries: a funnel is as late as its window is long.
 */
async function makeHistory(
  { watch, own, untilMs }: { watch: Watch; own: readonly WatchedSeries[]; untilMs: number },
  client: pg.PoolClient,
): Promise<void> {
  if (watch.metric.kind === 'saved') return;
  const latestMs = Math.max(DAY_MS, 2 * BUCKET_MS[watch.interval]);
  const late = own.filter(
    ({ nextMs, watchedSinceMs }) => nextMs >= watchedSinceMs && untilMs - nextMs > latestMs,
  );
  if (late.length === 0) return;
  await moveWatchedSince(
    client,
    late.map(({ seriesId }) => seriesId),
    untilMs,
  );
  for (const series of late) series.watchedSinceMs = untilMs;
}

async function judgeAllSlices(
  watch: Watch,
  series: readonly WatchedSeries[],
  view: { clock: WatchClock; untilMs: number },
  slices: SliceTools,
  tools: ProjectTools,
): Promise<void> {
  while (!tools.sources.stopping.aborted) {
    const result = await judgeSlice(watch, series, view, slices);
    noteSlice(watch, result, tools);
    if (result.kind !== 'judged') return;
  }
}

function noteSlice(watch: Watch, result: SliceResult, { telemetry }: ProjectTools): void {
  if (result.kind === 'failed') telemetry.watchFailed(watch, result.error);
  if (result.kind !== 'judged') return;
  for (const anomaly of result.opened) {
    if (!anomaly.isBackfilled) telemetry.anomalyOpened(watch, anomaly);
  }
}

/** The series of the watches, after looking for new ones where it is time to. */
async function searchSeries(
  watches: readonly Watch[],
  client: pg.PoolClient,
  tools: ProjectTools,
): Promise<WatchedSeries[]> {
  const { memory, logger, maxSeries } = tools;
  const { projectId } = watches[0] ?? {};
  if (projectId === undefined) return [];
  let series = await readSeries(client, projectId);
  for (const watch of watches) {
    const definition = definitionOf(watch);
    const known = memory.searches.get(watch.watchId);
    const nowMs = tools.now();
    // What has nothing yet may begin at any moment.
    const restMs = known?.found === true ? HOUR_MS : MINUTE_MS;
    if (known?.definition === definition && nowMs - known.atMs < restMs && nowMs >= known.atMs) continue;
    const { own, clock, untilMs } = viewOf(watch, series, tools);
    try {
      if (await isImporting(tools.pool, projectId, nowMs)) {
        logger.info({ projectId, watch: watch.name }, 'history is being sent: no series begins yet');
        memory.searches.set(watch.watchId, { atMs: nowMs, definition, found: false });
        continue;
      }
      const changed = await refreshSeries(watch, own, {
        client,
        sources: tools.sources,
        clock,
        closedMs: untilMs,
        room: Math.max(0, maxSeries - (series.length - own.length)),
        logger,
        createMonitor: tools.createMonitor,
      });
      if (changed) series = await readSeries(client, projectId);
      const found = series.some(({ watchId }) => watchId === watch.watchId);
      memory.searches.set(watch.watchId, { atMs: nowMs, definition, found });
    } catch (error) {
      tools.telemetry.searchFailed(watch, error);
      await noteFailure(
        client,
        own.map(({ seriesId }) => seriesId),
        error,
      );
    }
  }
  return series;
}

function definitionOf({ metric, interval }: { metric: WatchMetric; interval: string }): string {
  return JSON.stringify([metric, interval]);
}
