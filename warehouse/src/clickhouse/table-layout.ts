/** The one place where tables on one node and tables on a cluster differ. */
export interface TableLayout {
  /** The engine clause for `MergeTree`, `AggregatingMergeTree` or `ReplacingMergeTree(version)`. */
  engine(name: string): string;
  /** `ON CLUSTER …`, or nothing. */
  onCluster: string;
  /** The table setting that remembers insert tokens; a window counts parts, not inserts. */
  deduplicationWindow: string;
}

const WINDOW_PARTS = 10_000;

export const PLAIN_LAYOUT: TableLayout = {
  engine: (name) => name,
  onCluster: '',
  deduplicationWindow: `non_replicated_deduplication_window = ${WINDOW_PARTS}`,
};

export function replicatedLayout(cluster: string): TableLayout {
  return {
    engine(name) {
      const [family, parameters = ''] = name.replace(')', '').split('(');
      const path = `'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'`;
      return `Replicated${family}(${path}${parameters === '' ? '' : `, ${parameters}`})`;
    },
    onCluster: `on cluster '${cluster}'`,
    deduplicationWindow: `replicated_deduplication_window = ${WINDOW_PARTS}, replicated_deduplication_window_seconds = 604800`,
  };
}
