import type pg from 'pg';
import type { Severity } from '../notify/severity.js';
import type { AnomalyState, EvidenceItem, Incident } from './fold-incidents.js';
import type { Watch, WatchedSeries } from './watched-series.js';

interface IncidentRow {
  anomaly_id: number;
  series_id: number;
  bucket: Date;
  since: Date;
  observed: number;
  expected: number;
  lower: number;
  upper: number;
  score: number;
  surprise: number;
  direction: Incident['direction'];
  severity: Severity;
  state: AnomalyState;
  suppressed_by: string | null;
  backfilled: boolean;
  opened_at: Date;
  last_seen_at: Date;
  resolved_at: Date | null;
  peak_bucket: Date;
  peak_observed: number;
  peak_expected: number;
  peak_surprise: number;
  buckets: number;
  observed_sum: number;
  expected_sum: number;
  surprise_sum: number;
  evidence: EvidenceItem[] | null;
}

/** The incident of each series that is not over, by series. They are locked until the transaction ends. */
export async function readOpenIncidents(
  client: pg.ClientBase,
  seriesIds: readonly number[],
): Promise<Map<number, Incident>> {
  const found = await client.query<IncidentRow>(
    `select anomaly_id, series_id, bucket, since, observed, expected, lower, upper, score, surprise, direction, severity,
       state, suppressed_by, backfilled, opened_at, last_seen_at, resolved_at, peak_bucket, peak_observed, peak_expected,
       peak_surprise, buckets, observed_sum, expected_sum, surprise_sum, evidence
     from anomalies where series_id = any($1::bigint[]) and resolved_at is null
     for update`,
    [seriesIds],
  );
  return new Map(found.rows.map((row) => [row.series_id, incidentOf(row)]));
}

function incidentOf(row: IncidentRow): Incident {
  return {
    anomalyId: row.anomaly_id,
    bucketMs: row.bucket.getTime(),
    sinceMs: row.since.getTime(),
    observed: row.observed,
    expected: row.expected,
    lower: row.lower,
    upper: row.upper,
    score: row.score,
    surprise: row.surprise,
    direction: row.direction,
    severity: row.severity,
    state: row.state,
    suppressedBy: row.suppressed_by ?? undefined,
    isBackfilled: row.backfilled,
    openedMs: row.opened_at.getTime(),
    lastSeenMs: row.last_seen_at.getTime(),
    resolvedMs: row.resolved_at?.getTime(),
    peak: {
      startMs: row.peak_bucket.getTime(),
      observed: row.peak_observed,
      expected: row.peak_expected,
      surprise: row.peak_surprise,
    },
    extent: {
      buckets: row.buckets,
      observedSum: row.observed_sum,
      expectedSum: row.expected_sum,
      surpriseSum: row.surprise_sum,
    },
    evidence: row.evidence ?? undefined,
  };
}

/** Stores a new incident; resolves with its id. */
export async function insertIncident(
  client: pg.ClientBase,
  incident: Incident,
  of: { watch: Watch; series: WatchedSeries; detector: string; detectorVersion: number },
): Promise<number> {
  const { watch, series } = of;
  const { peak, extent } = incident;
  const found = await client.query<{ anomaly_id: number }>(
    `insert into anomalies (project_id, watch_id, series_id, watch, metric, series, interval, bucket, since, observed,
       expected, lower, upper, score, surprise, direction, severity, detector, detector_version, state, suppressed_by,
       backfilled, opened_at, last_seen_at, resolved_at, peak_bucket, peak_observed, peak_expected, peak_surprise, buckets,
       observed_sum, expected_sum, surprise_sum, evidence, change_id)
     values ($1, $2, $3, $4, $5, $6, $7, to_timestamp($8 / 1000.0), to_timestamp($9 / 1000.0), $10, $11, $12, $13, $14, $15,
       $16, $17, $18, $19, $20, $21, $22, to_timestamp($23 / 1000.0), to_timestamp($24 / 1000.0),
       to_timestamp($25::float8 / 1000.0), to_timestamp($26 / 1000.0), $27, $28, $29, $30, $31, $32, $33, $34,
       nextval('anomaly_changes'))
     returning anomaly_id`,
    [
      watch.projectId,
      watch.watchId,
      series.seriesId,
      watch.name,
      JSON.stringify(watch.metric),
      series.series,
      watch.interval,
      incident.bucketMs,
      incident.sinceMs,
      incident.observed,
      incident.expected,
      incident.lower,
      incident.upper,
      incident.score,
      incident.surprise,
      incident.direction,
      incident.severity,
      of.detector,
      of.detectorVersion,
      incident.state,
      incident.suppressedBy ?? null,
      incident.isBackfilled,
      incident.openedMs,
      incident.lastSeenMs,
      incident.resolvedMs ?? null,
      peak.startMs,
      peak.observed,
      peak.expected,
      peak.surprise,
      extent.buckets,
      extent.observedSum,
      extent.expectedSum,
      extent.surpriseSum,
      incident.evidence === undefined ? null : JSON.stringify(incident.evidence),
    ],
  );
  return found.rows[0]!.anomaly_id;
}

/** Writes what time has made of a stored incident. What people say of it is not touched. */
export async function updateIncident(
  client: pg.ClientBase,
  anomalyId: number,
  incident: Incident,
): Promise<void> {
  const { peak, extent } = incident;
  await client.query(
    `update anomalies set severity = $2, state = $3, suppressed_by = $4, last_seen_at = to_timestamp($5 / 1000.0),
       resolved_at = to_timestamp($6::float8 / 1000.0), peak_bucket = to_timestamp($7 / 1000.0), peak_observed = $8,
       peak_expected = $9, peak_surprise = $10, buckets = $11, observed_sum = $12, expected_sum = $13, surprise_sum = $14,
       change_id = nextval('anomaly_changes')
     where anomaly_id = $1`,
    [
      anomalyId,
      incident.severity,
      incident.state,
      incident.suppressedBy ?? null,
      incident.lastSeenMs,
      incident.resolvedMs ?? null,
      peak.startMs,
      peak.observed,
      peak.expected,
      peak.surprise,
      extent.buckets,
      extent.observedSum,
      extent.expectedSum,
      extent.surpriseSum,
    ],
  );
}
