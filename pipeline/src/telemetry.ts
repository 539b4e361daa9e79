import { ERRORS } from '@sluice/contracts';
import type { Logger } from '@sluice/service-kit';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { StaleOwnerError } from './land/failures.js';

/** Everything of a pipeline that can be observed, each moment named once: one call counts it and writes its log line. */
export interface PipelineTelemetry {
  /** The group gave this process partitions. */
  partitionsAssigned(partitions: readonly number[]): void;
  partitionTakenOver(facts: { partition: number; position: number; pendingBatches: number }): void;
  batchPrepared(elapsedMs: number): void;
  batchLanded(facts: {
    landed: number;
    duplicates: number;
    deadLetters: readonly { code: string }[];
    elapsedMs: number;
  }): void;
  /** It is tried again. */
  landingFailed(error: unknown, partition: number | undefined): void;
  /** Postgres refuses a message for what is in it: it becomes a dead letter. */
  messageRefused(message: { projectId: number; messageId: string }, error: Error): void;
  batchesRolledUp(rows: number, elapsedMs: number): void;
  /** They are tried again. */
  rollUpFailed(error: unknown, batchIds: readonly number[], attempt: number): void;
  /** ClickHouse refuses the properties of an event: they are rolled up as text. */
  rowRefused(row: { projectId: number; eventId: string }, error: Error): void;
  completenessNotKept(error: unknown): void;
  peopleScored(projectId: number, outcome: { people: number }, elapsedMs: number): void;
  /** It is tried again. */
  scoringFailed(projectId: number, error: unknown): void;
  /** All scores that are told now, and since when. */
  scoresTold(scores: readonly { projectId: number; publishedAtMs: number }[]): void;
}

export interface PartitionGauges {
  partition: number;
  pendingBatches: number;
  oldestPendingMs: number | undefined;
  completeThroughMs: number | undefined;
}

const STAGE_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** `readPartitions` is asked at every scrape. */
export function createPipelineTelemetry(
  logger: Logger,
  registry: Registry,
  readPartitions: () => PartitionGauges[],
): PipelineTelemetry {
  const registers = [registry];
  const counter = <L extends string = never>(name: string, help: string, labelNames: L[] = []) =>
    new Counter({ name: `sluice_pipeline_${name}`, help, labelNames, registers });
  const gauge = (name: string, help: string, value: (of: PartitionGauges) => number | undefined): void => {
    new Gauge({
      name: `sluice_pipeline_${name}`,
      help,
      labelNames: ['partition'],
      registers,
      collect() {
        this.reset();
        for (const of of readPartitions()) {
          const found = value(of);
          if (found !== undefined) this.set({ partition: String(of.partition) }, found);
        }
      },
    });
  };
  const agoSeconds = (atMs: number): number => Math.max(0, (Date.now() - atMs) / 1_000);
  gauge('pending_batches', 'Landed batches that are not rolled up yet.', (of) => of.pendingBatches);
  gauge(
    'oldest_pending_rollup_seconds',
    'Age of the oldest batch that is not rolled up yet; 0: none.',
    (of) => (of.oldestPendingMs === undefined ? 0 : agoSeconds(of.oldestPendingMs)),
  );
  gauge(
    'complete_through_timestamp_seconds',
    'Everything accepted before this instant is landed.',
    (of) => of.completeThroughMs && of.completeThroughMs / 1_000,
  );
  gauge(
    'watermark_lag_seconds',
    'How long ago the instant is before which everything accepted is landed.',
    (of) => of.completeThroughMs && agoSeconds(of.completeThroughMs),
  );

  const landed = counter('landed_total', 'New events written to Postgres.');
  const duplicates = counter('duplicates_total', 'Messages that had landed before.');
  const deadLetters = counter('dead_letters_total', 'Messages stored as dead letters, by code.', ['code']);
  const rolledUp = counter('rolled_up_total', 'Events inserted into ClickHouse.');
  const failures = counter('failures_total', 'Attempts that failed and are repeated, by stage.', ['stage']);
  const refusedRows = counter(
    'refused_rows_total',
    'Rows whose properties ClickHouse refused and took as text.',
  );
  const staleOwner = counter('stale_owner_total', 'Batches given up because another owner had moved on.');
  const rebalances = counter('rebalances_total', 'Times that partitions were given to this process anew.');
  const peopleScored = counter('churn_people_scored_total', 'People scored by runs that were published.');
  const batchRows = new Histogram({
    name: 'sluice_pipeline_batch_rows',
    help: 'New rows of a landed batch.',
    buckets: [1, 10, 50, 100, 500, 1_000, 2_500, 5_000, 10_000, 25_000],
    registers,
  });
  const stageSeconds = new Histogram({
    name: 'sluice_pipeline_stage_seconds',
    help: 'Time of one batch in a stage: prepare, land, roll_up.',
    labelNames: ['stage'],
    buckets: STAGE_BUCKETS,
    registers,
  });
  const churnSeconds = new Histogram({
    name: 'sluice_pipeline_churn_run_seconds',
    help: 'Time of a scoring of one project, training included.',
    buckets: [1, 5, 15, 60, 300, 900, 3_600],
    registers,
  });
  const churnPublishedAt = new Gauge({
    name: 'sluice_pipeline_churn_published_timestamp_seconds',
    help: 'When the scores that are told were published, by project.',
    labelNames: ['project_id'],
    registers,
  });

  const seconds = {
    prepare: stageSeconds.labels('prepare'),
    land: stageSeconds.labels('land'),
    rollUp: stageSeconds.labels('roll_up'),
  };
  const failed = {
    land: failures.labels('land'),
    rollUp: failures.labels('roll_up'),
    churn: failures.labels('churn'),
  };

  return {
    partitionsAssigned(partitions) {
      rebalances.inc();
      logger.debug({ partitions }, 'partitions were assigned');
    },
    partitionTakenOver(facts) {
      logger.info(facts, 'partition taken over');
    },
    batchPrepared(elapsedMs) {
      seconds.prepare.observe(elapsedMs / 1_000);
    },
    batchLanded(batch) {
      seconds.land.observe(batch.elapsedMs / 1_000);
      landed.inc(batch.landed);
      duplicates.inc(batch.duplicates);
      for (const { code } of batch.deadLetters) deadLetters.labels(boundedCode(code)).inc();
      batchRows.observe(batch.landed);
    },
    landingFailed(error, partition) {
      failed.land.inc();
      if (error instanceof StaleOwnerError) staleOwner.inc();
      logger.error({ err: error, partition }, 'landing failed; it is tried again');
    },
    messageRefused({ projectId, messageId }, error) {
      logger.warn(
        { projectId, messageId, reason: error.message },
        'Postgres refused a message; it is a dead letter',
      );
    },
    batchesRolledUp(rows, elapsedMs) {
      rolledUp.inc(rows);
      seconds.rollUp.observe(elapsedMs / 1_000);
    },
    rollUpFailed(error, batchIds, attempt) {
      failed.rollUp.inc();
      logger.error({ err: error, batchIds, attempt }, 'batches could not be rolled up; they are tried again');
    },
    rowRefused({ projectId, eventId }, error) {
      refusedRows.inc();
      logger.warn(
        { projectId, eventId, reason: error.message },
        'ClickHouse refused the properties of an event; they are rolled up as text',
      );
    },
    completenessNotKept(error) {
      logger.warn({ err: error }, 'complete_through could not be moved on');
    },
    peopleScored(projectId, outcome, elapsedMs) {
      churnSeconds.observe(elapsedMs / 1_000);
      peopleScored.inc(outcome.people);
      logger.info({ projectId, ...outcome }, 'people were scored');
    },
    scoringFailed(projectId, error) {
      failed.churn.inc();
      logger.error({ err: error, projectId }, 'people could not be scored; it is tried again');
    },
    scoresTold(scores) {
      churnPublishedAt.reset();
      for (const { projectId, publishedAtMs } of scores) {
        churnPublishedAt.set({ project_id: String(projectId) }, publishedAtMs / 1_000);
      }
    },
  };
}

/** A code of a record may be of another version, or of somebody else's making. */
function boundedCode(code: string): string {
  return Object.hasOwn(ERRORS, code) ? code : 'other';
}
