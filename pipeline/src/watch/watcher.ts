import { createStatement, findZone, type AskSaved } from '@sluice/analytics-api/watched';
import type { EventLog } from '@sluice/event-log';
import { createSeriesMonitor } from '@sluice/models/anomaly';
import { MAX_WATCHED_SERIES } from '@sluice/contracts';
import type { Logger } from '@sluice/service-kit';
import type { ClickHouse } from '@sluice/warehouse';
import type pg from 'pg';
import { createAskClickHouse } from './ask-clickhouse.js';
import { createLookUp } from './look-up.js';
import type { CreateSeriesMonitor } from './judge-series.js';
import { prunePoints } from './prune-points.js';
import { readRolledUpState } from './read-completeness.js';
import type { OnWatchStep } from './steps.js';
import type { WatchTelemetry } from './watch-telemetry.js';
import { watchProject, type WatchedProject, type WatchMemory } from './watch-project.js';

export interface WatcherOptions {
  /** Two of its connections are used. */
  pool: pg.Pool;
  clickhouse: ClickHouse;
  log: Pick<EventLog, 'id' | 'partitionCount'>;
  logger: Logger;
  telemetry: WatchTelemetry;
  /** Asks saved queries. Without it they cannot be watched. */
  askSaved?: AskSaved | undefined;
  /** Default the detectors of `models`. */
  createMonitor?: CreateSeriesMonitor;
  /** Series of one project at most. Default 200. */
  maxSeries?: number;
  /** Called after every step of every slice; tests end the process there. */
  onStep?: OnWatchStep;
  /** Default Date.now. */
  now?: () => number;
}

export interface WatchPass {
  hasMore: boolean;
  series: number;
  lagMs: number;
}

export interface Watcher {
  /** Looks at every project once. Resolves with whether history is left. */
  pass(): Promise<WatchPass>;
  /** Ends questions that are under way. */
  abort(): void;
}

/** Watches the series of every project. Keeps nothing that a restart would lose. */
export function createWatcher(options: WatcherOptions): Watcher {
  const { pool, clickhouse, log, logger, telemetry, now = Date.now } = options;
  const stopping = new AbortController();
  const ask = createAskClickHouse(clickhouse, stopping.signal);
  const memories = new Map<number, WatchMemory>();
  let prunedAtMs = -Infinity;

  function memoryOf(projectId: number): WatchMemory {
    const known = memories.get(projectId) ?? { searches: new Map(), waits: new Map() };
    memories.set(projectId, known);
    return known;
  }

  async function passProject(
    project: WatchedProject,
    state: { generation: number; completeThroughMs: number },
  ): Promise<WatchPass> {
    try {
      return await watchProject(project, {
        pool,
        logger,
        telemetry,
        memory: memoryOf(project.projectId),
        now,
        createMonitor: options.createMonitor ?? createSeriesMonitor,
        onStep: options.onStep ?? (() => undefined),
        maxSeries: options.maxSeries ?? MAX_WATCHED_SERIES,
        completeThroughMs: state.completeThroughMs,
        // A zone that this runtime does not know is read as UTC, as everywhere in the pipeline.
        zone: findZone(project.timezone) ?? findZone('UTC')!,
        sources: {
          statement: () =>
            createStatement({
              database: clickhouse.database(state.generation),
              projectId: project.projectId,
              // Merges are of people, whom no watched number is of.
              hasMerges: false,
            }),
          ask,
          lookUp: createLookUp(pool),
          saved: options.askSaved ?? NO_SAVED,
          pool,
          stopping: stopping.signal,
        },
      });
    } catch (error) {
      if (stopping.signal.aborted) return { hasMore: false, series: 0, lagMs: 0 };
      telemetry.projectFailed(project.projectId, error);
      return { hasMore: false, series: 0, lagMs: 0 };
    }
  }

  return {
    async pass() {
      const total = { hasMore: false, series: 0, lagMs: 0 };
      const found = await pool.query<{ project_id: number; timezone: string }>(
        'select project_id, timezone from projects order by project_id',
      );
      for (const row of found.rows) {
        if (stopping.signal.aborted) return total;
        // Read anew for each: a rebuild may have moved answers to another generation.
        const state = await readRolledUpState(pool, log);
        if (state === undefined) return total;
        const project = { projectId: row.project_id, timezone: row.timezone };
        const { hasMore, series, lagMs } = await passProject(project, state);
        total.hasMore ||= hasMore;
        total.series += series;
        total.lagMs = Math.max(total.lagMs, lagMs);
      }
      telemetry.passEnded(total);
      if (now() - prunedAtMs > PRUNE_EVERY_MS) {
        await prunePoints(pool, now());
        prunedAtMs = now();
      }
      return total;
    },
    abort: () => stopping.abort(),
  };
}

const NO_SAVED: AskSaved = {
  numbers: () => Promise.reject(new Error('Saved queries cannot be asked here.')),
  kind: () => Promise.resolve(undefined),
};

const PRUNE_EVERY_MS = 3_600_000;
/** Rest between two looks. A look at a project in which nothing is due is a handful of small statements. */
const PASS_EVERY_MS = 5_000;

/** Looks every five seconds, and at once again while history is left. Never twice at once. */
export function startWatcher(options: WatcherOptions): { stop(): Promise<void> } {
  const watcher = createWatcher(options);
  let stopped = false;
  let wake: () => void = () => undefined;

  async function run(): Promise<void> {
    while (!stopped) {
      try {
        if ((await watcher.pass()).hasMore) continue;
      } catch (error) {
        options.telemetry.passFailed(error);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, PASS_EVERY_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (stopped) wake();
      });
    }
  }

  const running = run();
  return {
    async stop() {
      stopped = true;
      watcher.abort();
      wake();
      await running;
    },
  };
}
