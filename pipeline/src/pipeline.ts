import { createBodyScanner } from '@sluice/body-scan';
import { findElements } from '@sluice/contracts';
import type { LocalDayOf } from '@sluice/contracts/sessions';
import { measureConsumption, type EventLog, type LogConsumer, type RecordBatch } from '@sluice/event-log';
import { createProjectStore, type Logger, type ProjectSettings, type Tracer } from '@sluice/service-kit';
import type { ClickHouse, Postgres } from '@sluice/warehouse';
import type { Registry } from 'prom-client';
import { createBytePool } from './byte-pool.js';
import { createCircumstancesReader } from './enrich/circumstances.js';
import { createLocalDays } from './enrich/local-day.js';
import { locateNowhere, openGeography } from './enrich/geography.js';
import { createUserAgentReader } from './enrich/user-agent.js';
import { completeThroughOf, startCompletenessKeeper } from './land/completeness.js';
import { createKnownIdsPolicy, type KnownIdsPolicy } from './land/known-ids.js';
import { landRange } from './land/land-range.js';
import { takeBatchId, type Landing, type LandingRules } from './land/land-batch.js';
import { createEventPartitions } from './land/partitions.js';
import { readPosition } from './land/position.js';
import { prepareBatch, type PreparationTools, type PreparedBatch } from './land/prepare-batch.js';
import type { OnStep } from './land/steps.js';
import { traceLanding } from './land/trace-landing.js';
import { createPipelineTelemetry, type PartitionGauges } from './telemetry.js';
import { flushBatches } from './roll-up/flush-batches.js';
import { listPending, type PendingBatch } from './roll-up/pending-batch.js';
import { startRollupQueue } from './roll-up/rollup-queue.js';
import { checkPlan } from './tracking-plan.js';
import { startUpkeep, type UpkeepConfig } from './upkeep/upkeep.js';
import { erasePerson } from './erase/erase-person.js';
import { startJobRunner } from './jobs/job-runner.js';
import { rebuildRollups } from './rebuild/rebuild-rollups.js';
import { listProjects, startScoringSchedule } from './score/schedule.js';
import { startWatching } from './watch/start-watching.js';
import type { AskSaved } from '@sluice/analytics-api/watched';
import type { WatchConfig } from './watch/settings.js';

export interface PipelineConfig {
  /** Consumer group in the log. Default `sluice-pipeline`. */
  group?: string;
  /** Records of a batch at most. Default 5,000. */
  maxRecords?: number;
  /** Bytes of a batch at most. Default 4 MiB: with less a row costs more, with more it only waits longer. */
  maxBytes?: number;
  /** How long a batch may wait to fill, milliseconds. Default 200. */
  lingerMs?: number;
  /** Landed batches of a partition that may wait for ClickHouse before landing waits too. Default 8. */
  maxPendingBatches?: number;
  /** The same while ClickHouse fails: landing goes on without it for so long. Default 256. */
  maxPendingBatchesWhileFailing?: number;
  /** Bytes of waiting batches kept in memory; the others are read from Postgres again. Default 128 MiB. */
  maxBytesInMemory?: number;
  /** Bytes that go into ClickHouse in one insert at most. Default 24 MiB. */
  maxGroupBytes?: number;
  /**
   * Longest rest between two inserts into ClickHouse while little waits, milliseconds; never more than three times what the
   * last one took. Default 1,000: it saves most of the processor time of a quiet day.
   */
  maxRollupRestMs?: number;
  /** A MaxMind database (`.mmdb`). Without it there is no geography. */
  geographyPath?: string | undefined;
  upkeep?: UpkeepConfig;
  /** How people are scored for churn. Default: only when it is asked for. */
  churn?: ChurnConfig;
  /** How series are watched. Default: they are not, and nobody is notified. */
  watch?: WatchConfig | undefined;
  /** Called after every step of every batch; tests end the process there. */
  onStep?: OnStep;
}

export interface ChurnConfig {
  /** Local days between two scorings of a project; 0: only when it is asked for. Default 0. */
  everyDays?: number;
  /** Local days after which a model is trained anew. Default 7. */
  retrainDays?: number;
}

export interface PipelineOptions {
  /** A pool of at least two connections for each partition of the log, and four more. */
  postgres: Postgres;
  clickhouse: ClickHouse;
  log: EventLog;
  logger: Logger;
  registry: Registry;
  /** Asks saved queries that are watched. Without it they cannot be. */
  askSaved?: AskSaved | undefined;
  /** Makes spans of batches that hold traced requests. Default: there are none. */
  tracer?: Tracer | undefined;
  config?: PipelineConfig;
}

export interface Pipeline {
  /** Resolves when every landed batch of the partitions at hand is rolled up. */
  drained(): Promise<void>;
  /** Finishes or abandons every batch whole. The stores stay open. */
  stop(): Promise<void>;
}

/** Landing that is later than this has a backlog: then what a row costs matters more than when it is counted. */
const BACKLOG_MS = 2_000;

/** What one partition has at hand, between being assigned and being taken away. */
interface OwnedPartition {
  position: number;
  endOffset: number;
  completeThroughMs: number | undefined;
  knownIds: KnownIdsPolicy;
}

/**
 * Lands the event log in Postgres and rolls it up in ClickHouse, each event exactly once, until `stop`. Several pipelines
 * may share a log: partitions go to one of them at a time, and the fence keeps a late one out.
 */
export async function createPipeline(options: PipelineOptions): Promise<Pipeline> {
  const { postgres, clickhouse, logger, registry, config = {} } = options;
  const log = measureConsumption(options.log, registry);
  const { pool } = postgres;
  const owned = new Map<number, OwnedPartition>();
  const telemetry = createPipelineTelemetry(logger, registry, () =>
    [...owned].map(([partition, state]): PartitionGauges => ({
      partition,
      pendingBatches: queue.pendingOf(partition),
      oldestPendingMs: queue.oldestOf(partition),
      completeThroughMs: state.completeThroughMs,
    })),
  );
  const onStep = config.onStep ?? (() => undefined);
  let landedBatches = 0;
  let preparing: Promise<unknown> = Promise.resolve();
  const projects = createProjects(pool);
  const scanner = createBodyScanner();
  const tools: PreparationTools = {
    // What a scan leaves open is found by reading byte after byte.
    findElements: (body) => scanner.findElements(body) ?? findElements(body).elements,
    readCircumstances: createCircumstancesReader({
      readUserAgent: createUserAgentReader(),
      locate: config.geographyPath === undefined ? locateNowhere : await openGeography(config.geographyPath),
    }),
    checkPlan,
    pool: createBytePool(),
  };
  const partitions = createEventPartitions(pool);
  const keeper = startCompletenessKeeper(pool, log, (error) => telemetry.completenessNotKept(error));

  async function flush(batches: readonly PendingBatch[]): Promise<void> {
    const startedMs = performance.now();
    const { rows } = await flushBatches(
      { pool, clickhouse, onStep, onRefusedRow: (row, error) => telemetry.rowRefused(row, error) },
      batches,
    );
    telemetry.batchesRolledUp(rows, performance.now() - startedMs);
  }

  async function noteFailedFlush(
    batches: readonly PendingBatch[],
    error: unknown,
    attempt: number,
  ): Promise<void> {
    const batchIds = batches.map(({ batchId }) => batchId);
    telemetry.rollUpFailed(error, batchIds, attempt);
    try {
      await pool.query(
        'update batches set attempts = attempts + 1, last_error = $2 where batch_id = any($1::bigint[])',
        [batchIds, String(error).slice(0, 2_000)],
      );
    } catch {
      // Postgres is what is unwell; the log line above is all there can be.
      return;
    }
  }

  const queue = startRollupQueue({
    flush,
    onFailure: noteFailedFlush,
    maxPending: config.maxPendingBatches ?? 8,
    maxPendingWhileFailing: config.maxPendingBatchesWhileFailing ?? 256,
    maxBytesInMemory: config.maxBytesInMemory ?? 128 * 1024 * 1024,
    maxGroupBytes: config.maxGroupBytes ?? 24 * 1024 * 1024,
    maxRestMs: config.maxRollupRestMs ?? 1_000,
    isBehind: () => [...owned.values()].some(isBacklogged),
  });

  /** While events come as fast as they are landed there is always a next batch: that alone is no backlog. */
  function isBacklogged({ position, endOffset, completeThroughMs }: OwnedPartition): boolean {
    return position < endOffset && (completeThroughMs ?? 0) < Date.now() - BACKLOG_MS;
  }

  async function startAt(partition: number): Promise<number> {
    await disown(partition);
    const position = await readPosition(pool, log, partition);
    const left = await listPending(pool, log.id, partition);
    owned.set(partition, {
      position,
      endOffset: position,
      completeThroughMs: undefined,
      knownIds: createKnownIdsPolicy(),
    });
    queue.adopt(partition, left);
    telemetry.partitionTakenOver({ partition, position, pendingBatches: left.length });
    return position;
  }

  async function disown(partition: number): Promise<void> {
    owned.delete(partition);
    await queue.release(partition);
  }

  /**
   * One after another: side by side each would take as long as all of them, and none could land meanwhile. The id is taken
   * here, before the batch before is landed; see there for why that is in order.
   */
  function prepare(batch: RecordBatch): Promise<PreparedBatch> {
    const batchId = takeBatchId(pool);
    // It counts when it is awaited, after the batches in front.
    batchId.catch(() => undefined);
    const prepared = preparing.then(async () => prepareNow(await batchId, batch));
    preparing = prepared.catch(() => undefined);
    return prepared;
  }

  async function prepareNow(batchId: number, batch: RecordBatch): Promise<PreparedBatch> {
    const startedMs = performance.now();
    const prepared = await prepareBatch(batchId, batch.records, projects.settingsOf, tools);
    telemetry.batchPrepared(performance.now() - startedMs);
    return prepared;
  }

  async function land(
    batch: RecordBatch,
    completeThroughMs: number | undefined,
    prepared: PreparedBatch,
    knownIds: KnownIdsPolicy,
  ): Promise<Landing> {
    await partitions.ensureFor(prepared.messages);
    return landRange(
      {
        pool,
        rules: { ...projects.rules, knownIds },
        onStep,
        onRefusedMessage: (message, error) => telemetry.messageRefused(message, error),
      },
      { logId: log.id, partition: batch.partition, from: batch.from, to: batch.to, completeThroughMs },
      prepared,
      batch.records,
    );
  }

  async function handle(batch: RecordBatch, signal: AbortSignal, prepared: PreparedBatch): Promise<void> {
    const partition = owned.get(batch.partition);
    if (partition === undefined) throw new Error(`Partition ${batch.partition} is not owned.`);
    partition.endOffset = batch.endOffset;
    await queue.waitForRoom(batch.partition, signal);
    if (signal.aborted) throw new Error('The partition is being taken away.');

    const startedMs = performance.now();
    const trace = traceLanding(options.tracer, batch);
    const completeThroughMs = completeThroughOf(batch);
    let landing: Landing;
    try {
      landing = await land(batch, completeThroughMs, prepared, partition.knownIds);
      trace.landed(landing);
    } catch (error) {
      trace.failed(error);
      throw error;
    }
    // A failed one may still be on its way to the database.
    prepared.rawRows.release();
    prepared.rollupRows.release();
    partition.position = batch.to;
    partition.completeThroughMs = completeThroughMs ?? partition.completeThroughMs;
    if (landing.batch !== undefined) {
      landedBatches += 1;
      queue.enqueue(batch.partition, landing.batch);
    }

    telemetry.batchLanded({ ...landing, elapsedMs: performance.now() - startedMs });
  }

  const upkeep = await startUpkeep(
    { pool, clickhouse, log, logger, ...(config.upkeep === undefined ? {} : { config: config.upkeep }) },
    () => landedBatches,
  );
  const { everyDays = 0, retrainDays = 7 } = config.churn ?? {};
  const scoring = startScoringSchedule({
    pool,
    clickhouse,
    log,
    logger,
    telemetry,
    isScheduled: everyDays > 0,
    config: { everyDays: Math.max(1, everyDays), retrainDays },
  });
  const jobs = startJobRunner({
    pool,
    logger,
    work: {
      rebuild: async (report) => ({
        ...(await rebuildRollups({
          postgres,
          clickhouse,
          logger,
          onProgress: (progress) => report({ ...progress }),
        })),
      }),
      churn: async (report, { project_id: projectId }) =>
        scoring.scoreNow(typeof projectId === 'number' ? [projectId] : await listProjects(pool), report),
      erase: (report, { erasure_id: erasureId }) =>
        erasePerson(Number(erasureId), { pool, clickhouse, logger, onProgress: report }),
    },
  });
  const watching =
    config.watch === undefined
      ? undefined
      : startWatching({
          pool,
          clickhouse,
          log,
          logger,
          registry,
          askSaved: options.askSaved,
          config: config.watch,
        });
  const consumer: LogConsumer = await log.consume({
    group: config.group ?? 'sluice-pipeline',
    startAt,
    prepare,
    handle,
    onIdle(partition, endOffset, seenAtMs) {
      const state = owned.get(partition);
      if (state !== undefined) {
        state.endOffset = endOffset;
        state.completeThroughMs = seenAtMs;
      }
      keeper.note(partition, endOffset, seenAtMs);
    },
    onAssigned: (partitions) => telemetry.partitionsAssigned(partitions),
    async onRevoked(revoked) {
      await Promise.all(revoked.map(disown));
    },
    onError(error, partition) {
      telemetry.landingFailed(error, partition);
    },
    maxRecords: config.maxRecords ?? 5_000,
    maxBytes: config.maxBytes ?? 4 * 1024 * 1024,
    lingerMs: config.lingerMs ?? 200,
  });

  return {
    drained: () => queue.drained(),
    async stop() {
      await watching?.stop();
      await consumer.stop();
      await queue.stop();
      await scoring.stop();
      await jobs.stop();
      await upkeep.stop();
      await keeper.stop();
    },
  };
}

/** Settings of the projects, with what landing makes of them. */
function createProjects(pool: Postgres['pool']): {
  settingsOf: (projectId: number) => Promise<ProjectSettings>;
  rules: LandingRules;
} {
  const store = createProjectStore({ pool });
  const last = new Map<number, ProjectSettings>();
  const days = new Map<string, LocalDayOf>();
  return {
    async settingsOf(projectId) {
      const settings = (await store.get(projectId)) ?? { ...UNKNOWN_PROJECT, projectId };
      last.set(projectId, settings);
      return settings;
    },
    rules: {
      dayOf(projectId) {
        const timezone = last.get(projectId)?.timezone ?? 'UTC';
        let dayOf = days.get(timezone);
        if (dayOf === undefined) {
          dayOf = createLocalDays(timezone);
          days.set(timezone, dayOf);
        }
        return dayOf;
      },
      ipPolicyOf: (projectId) => last.get(projectId)?.ipPolicy ?? 'truncate',
    },
  };
}

/** Accepted events of a project that is gone are landed all the same, under the defaults. */
const UNKNOWN_PROJECT: Omit<ProjectSettings, 'projectId'> = {
  name: '',
  timezone: 'UTC',
  ipPolicy: 'truncate',
  planMode: 'off',
  trackingPlan: {},
};
