import type { Anomaly, WatchPoint } from '@sluice/contracts';
import type { AnomalyRow, WatchPointRow } from '../questions/anomalies.js';

export function anomalyOf(row: AnomalyRow): Anomaly {
  const { peak_bucket, peak_observed, peak_expected, peak_surprise, ...shown } = row;
  return {
    ...shown,
    bucket: row.bucket.toISOString(),
    since: row.since.toISOString(),
    opened_at: row.opened_at.toISOString(),
    acknowledged_at: row.acknowledged_at?.toISOString() ?? null,
    last_seen_at: row.last_seen_at.toISOString(),
    resolved_at: row.resolved_at?.toISOString() ?? null,
    feedback_at: row.feedback_at?.toISOString() ?? null,
    snoozed_until: row.snoozed_until?.toISOString() ?? null,
    peak: {
      bucket: peak_bucket.toISOString(),
      observed: peak_observed,
      expected: peak_expected,
      surprise: peak_surprise,
    },
  };
}

export function pointOf(row: WatchPointRow): WatchPoint {
  return { ...row, bucket: row.bucket.toISOString() };
}
