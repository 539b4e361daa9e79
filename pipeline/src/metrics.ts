import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface PartitionGauges {
  partition: number;
  pendingBatches: number;
  oldestPendingMs: number | undefined;
  lagRecords: number;
  completeThroughMs: number | undefined;
}

export type PipelineMetrics = ReturnType<typeof createPipelineMetrics>;

const STAGE_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Metrics of the pipeline. `readPartitions` is asked at every scrape. */
export function createPipelineMetrics(registry: Registry, readPartitions: () => PartitionGauges[]) {
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name: `sluice_pipeline_${name}`, help, labelNames, registers });
  const gauge = (name: string, help: string, value: (of: PartitionGauges) => number | undefined) =>
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
  gauge('pending_batches', 'Landed batches that are not rolled up yet.', (of) => of.pendingBatches);
  gauge('oldest_pending_rollup_seconds', 'Age of the oldest batch that is not rolled up yet.', (of) =>
    of.oldestPendingMs === undefined ? 0 : Math.max(0, (Date.now() - of.oldestPendingMs) / 1_000),
  );
  gauge('lag_records', 'Records of the log that are not landed yet.', (of) => of.lagRecords);
  gauge(
    'complete_through_timestamp_seconds',
    'Everything accepted before this instant is landed.',
    (of) => of.completeThroughMs && of.completeThroughMs / 1_000,
  );
  return {
    landed: counter('landed_total', 'New events written to Postgres.'),
    duplicates: counter('duplicates_total', 'Messages that had landed before.'),
    deadLetters: counter('dead_letters_total', 'Messages stored as dead letters, by code.', ['code']),
    rolledUp: counter('rolled_up_total', 'Events inserted into ClickHouse.'),
    failures: counter('failures_total', 'Attempts that failed and are repeated, by stage.', ['stage']),
    refusedRows: counter('refused_rows_total', 'Rows whose properties ClickHouse refused and took as text.'),
    staleOwner: counter('stale_owner_total', 'Batches given up because another owner had moved on.'),
    batchRows: new Histogram({
      name: 'sluice_pipeline_batch_rows',
      help: 'New rows of a landed batch.',
      buckets: [1, 10, 50, 100, 500, 1_000, 2_500, 5_000, 10_000, 25_000],
      registers,
    }),
    stageSeconds: new Histogram({
      name: 'sluice_pipeline_stage_seconds',
      help: 'Time of one batch in a stage: prepare, land, roll_up.',
      labelNames: ['stage'],
      buckets: STAGE_BUCKETS,
      registers,
    }),
    churn: {
      people: counter('churn_people_scored_total', 'People scored by runs that were published.'),
      seconds: new Histogram({
        name: 'sluice_pipeline_churn_run_seconds',
        help: 'Time of a scoring of one project, training included.',
        buckets: [1, 5, 15, 60, 300, 900, 3_600],
        registers,
      }),
      publishedAt: new Gauge({
        name: 'sluice_pipeline_churn_published_timestamp_seconds',
        help: 'When the scores that are told were published, by project.',
        labelNames: ['project'],
        registers,
      }),
    },
  };
}
