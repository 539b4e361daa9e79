/** The one place where tables on one node and tables on a cluster differ. */
export interface TableLayout {
  /** The engine clause for `MergeTree`, `AggregatingMergeTree` or `ReplacingMergeTree(version)`. */
  engine(name: string): string;
  /** `ON CLUSTER …`, or nothing. */
  onCluster: string;
  /** Settings of every table that takes part in deduplication: it remembers tokens, and what it took is on disk. */
  deduplicationWindow: string;
}

/** A window counts parts, not inserts: one insert makes a part in each month that it has rows of. */
const WINDOW_PARTS = 10_000;
const WINDOW_SECONDS = 7 * 86_400;

/** Postgres marks a batch as done, durably, once it is inserted: so an insert has to outlive a loss of power. */
const DURABLE = 'fsync_after_insert = 1, fsync_part_directory = 1';

export const PLAIN_LAYOUT: TableLayout = {
  engine: (name) => name,
  onCluster: '',
  deduplicationWindow: `non_replicated_deduplication_window = ${WINDOW_PARTS}, ${DURABLE}`,
};

/** @param cluster Name of the cluster; null where the database itself replicates its tables. */
export function replicatedLayout(cluster: string | null): TableLayout {
  return {
    engine(name) {
      const [family, parameters = ''] = name.replace(')', '').split('(');
      const path = `'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'`;
      return `Replicated${family}(${path}${parameters === '' ? '' : `, ${parameters}`})`;
    },
    onCluster: cluster === null ? '' : `ON CLUSTER '${cluster}'`,
    deduplicationWindow:
      `replicated_deduplication_window = ${WINDOW_PARTS}, ` +
      `replicated_deduplication_window_seconds = ${WINDOW_SECONDS}, ${DURABLE}`,
  };
}
