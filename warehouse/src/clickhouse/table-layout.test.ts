import { describe, expect, it } from 'vitest';
import { PLAIN_LAYOUT, replicatedLayout } from './table-layout.js';

describe('the layout of tables', () => {
  it('uses plain engines on one node', () => {
    expect(PLAIN_LAYOUT.engine('ReplacingMergeTree(version)')).toBe('ReplacingMergeTree(version)');
    expect(PLAIN_LAYOUT.onCluster).toBe('');
  });

  it('uses replicated engines on a cluster, parameters last', () => {
    const layout = replicatedLayout('main');
    const path = `'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'`;
    expect(layout.engine('MergeTree')).toBe(`ReplicatedMergeTree(${path})`);
    expect(layout.engine('ReplacingMergeTree(version)')).toBe(
      `ReplicatedReplacingMergeTree(${path}, version)`,
    );
    expect(layout.onCluster).toBe(`ON CLUSTER 'main'`);
    expect(replicatedLayout(null).onCluster).toBe('');
  });

  it('remembers tokens and writes through to the disk on both', () => {
    for (const { deduplicationWindow } of [PLAIN_LAYOUT, replicatedLayout('main')]) {
      expect(deduplicationWindow).toMatch(/replicated_deduplication_window = 10000/);
      expect(deduplicationWindow).toMatch(/fsync_after_insert = 1/);
    }
  });
});
