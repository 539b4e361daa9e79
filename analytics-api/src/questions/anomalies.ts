import {
  ANOMALY_STATES,
  evidenceSchema,
  FEEDBACKS,
  SEVERITIES,
  WATCH_INTERVALS,
  watchMetricSchema,
} from '@sluice/contracts';
import { z } from 'zod';
import type { PostgresQuestion } from '../query-port/run-query.js';

/** Which anomalies; null leaves a filter out. */
export interface AnomalySelection {
  projectId: number;
  state: string | null;
  severities: readonly string[] | null;
  watch: string | null;
  series: string | null;
  direction: string | null;
  from: string | null;
  to: string | null;
  includeBackfilled: boolean;
}

const row = z.object({
  anomaly_id: z.int(),
  watch: z.string(),
  metric: watchMetricSchema,
  series: z.string(),
  interval: z.enum(WATCH_INTERVALS),
  bucket: z.date(),
  since: z.date(),
  observed: z.number(),
  expected: z.number(),
  lower: z.number(),
  upper: z.number(),
  score: z.number(),
  surprise: z.number(),
  direction: z.enum(['up', 'down']),
  severity: z.enum(SEVERITIES),
  detector: z.string(),
  detector_version: z.int(),
  state: z.enum(ANOMALY_STATES),
  suppressed_by: z.string().nullable(),
  backfilled: z.boolean(),
  opened_at: z.date(),
  acknowledged_at: z.date().nullable(),
  last_seen_at: z.date(),
  resolved_at: z.date().nullable(),
  peak_bucket: z.date(),
  peak_observed: z.number(),
  peak_expected: z.number(),
  peak_surprise: z.number(),
  buckets: z.int(),
  observed_sum: z.number(),
  expected_sum: z.number(),
  evidence: z.array(evidenceSchema).nullable(),
  feedback: z.enum(FEEDBACKS).nullable(),
  feedback_at: z.date().nullable(),
  snoozed_until: z.date().nullable(),
  change_id: z.int(),
});
export type AnomalyRow = z.infer<typeof row>;

const SELECT = `
      select a.anomaly_id, a.watch, a.metric, a.series, a.interval, a.bucket, a.since, a.observed, a.expected,
        a.lower, a.upper, a.score, a.surprise, a.direction, a.severity, a.detector, a.detector_version, a.state,
        a.suppressed_by, a.backfilled, a.opened_at, a.acknowledged_at, a.last_seen_at, a.resolved_at, a.peak_bucket,
        a.peak_observed, a.peak_expected, a.peak_surprise, a.buckets, a.observed_sum, a.expected_sum, a.evidence,
        a.feedback, a.feedback_at, s.snoozed_until, a.change_id
      from anomalies a join watch_series s on s.series_id = a.series_id`;

const SELECTION = `a.project_id = $1
        and ($2::text is null or a.state = $2) and ($3::text[] is null or a.severity = any ($3))
        and ($4::text is null or a.watch = $4) and ($5::text is null or a.series = $5)
        and ($6::text is null or a.direction = $6)
        and ($7::timestamptz is null or a.opened_at >= $7) and ($8::timestamptz is null or a.opened_at < $8)
        and ($9::boolean or not a.backfilled)`;

function selectionParams(of: AnomalySelection): unknown[] {
  return [
    of.projectId,
    of.state,
    of.severities,
    of.watch,
    of.series,
    of.direction,
    of.from,
    of.to,
    of.includeBackfilled,
  ];
}

/** The newest anomalies first, those after a place in this order. */
export function askAnomalies(
  selection: AnomalySelection,
  { before, limit }: { before: { openedAt: Date; anomalyId: number } | undefined; limit: number },
): PostgresQuestion<AnomalyRow> {
  return {
    name: 'anomalies',
    sql: `${SELECT}
      where ${SELECTION}
        and ($10::timestamptz is null or (a.opened_at, a.anomaly_id) < ($10, $11::bigint))
      order by a.opened_at desc, a.anomaly_id desc limit $12`,
    params: [...selectionParams(selection), before?.openedAt ?? null, before?.anomalyId ?? null, limit],
    row,
  };
}

/** What changed after a change, in the order of changes. */
export function askAnomalyChanges(
  selection: AnomalySelection,
  { after, limit }: { after: number; limit: number },
): PostgresQuestion<AnomalyRow> {
  return {
    name: 'anomaly-changes',
    sql: `${SELECT}
      where ${SELECTION} and a.change_id > $10
      order by a.change_id limit $11`,
    params: [...selectionParams(selection), after, limit],
    row,
  };
}

export function askAnomaly(projectId: number, anomalyId: number): PostgresQuestion<AnomalyRow> {
  return {
    name: 'anomaly',
    sql: `${SELECT} where a.project_id = $1 and a.anomaly_id = $2`,
    params: [projectId, anomalyId],
    row,
  };
}

const stateRow = z.object({ last_change: z.int(), anomalies: z.int() });

/** Changes whenever any anomaly of a project does, or is gone. */
export function askAnomalyState(projectId: number): PostgresQuestion<z.infer<typeof stateRow>> {
  return {
    name: 'anomaly-state',
    sql: `
      select coalesce(max(change_id), 0) as last_change, count(*)::int as anomalies
      from anomalies where project_id = $1`,
    params: [projectId],
    row: stateRow,
    isConstant: true,
  };
}

const changedRow = z.object({ anomaly_id: z.int() });
type Changed = z.infer<typeof changedRow>;

/**
 * Held to the end of a transaction that numbers changes of anomalies, by project, as the watcher does: a change with a
 * smaller number is never seen after one with a larger. Rows of series are locked before it, rows of anomalies after it.
 */
const CHANGES_LOCK = 0x51_c0_07;
const LOCKED = `locked as materialized (select pg_advisory_xact_lock($1::int, $2::int))`;

/** Says that somebody looks after an open anomaly; no row when it is not open. */
export function acknowledgeAnomaly(projectId: number, anomalyId: number): PostgresQuestion<Changed> {
  return {
    name: 'acknowledge-anomaly',
    sql: `
      with ${LOCKED}
      update anomalies a set state = 'acknowledged', acknowledged_at = now(), change_id = nextval('anomaly_changes')
      from locked
      where a.project_id = $2 and a.anomaly_id = $3 and a.state = 'open'
      returning a.anomaly_id`,
    params: [CHANGES_LOCK, projectId, anomalyId],
    row: changedRow,
  };
}

/** Notes what somebody says of an anomaly; no row when that is known, or there is no such anomaly. */
export function noteFeedback(
  projectId: number,
  anomalyId: number,
  feedback: string,
): PostgresQuestion<Changed> {
  return {
    name: 'note-feedback',
    sql: `
      with ${LOCKED}
      update anomalies a set feedback = $4, feedback_at = now(), change_id = nextval('anomaly_changes')
      from locked
      where a.project_id = $2 and a.anomaly_id = $3 and a.feedback is distinct from $4
      returning a.anomaly_id`,
    params: [CHANGES_LOCK, projectId, anomalyId, feedback],
    row: changedRow,
  };
}

/**
 * Snoozes the series of an anomaly until an instant, or no longer (null). What is open in the series is suppressed; the
 * watcher opens what outlasts it. No row when there is no such anomaly or its series is retired.
 */
export function snoozeSeries(
  projectId: number,
  anomalyId: number,
  until: Date | null,
): PostgresQuestion<Changed> {
  return {
    name: 'snooze-series',
    sql: `
      with series as materialized (
        select s.series_id
        from watch_series s join anomalies a on a.series_id = s.series_id
        where a.project_id = $2 and a.anomaly_id = $3 and s.retired_at is null
        for update of s
      ), locked as materialized (
        select series_id, pg_advisory_xact_lock($1::int, $2::int) from series
      ), snoozed as (
        update watch_series s set snoozed_until = $4::timestamptz from locked where s.series_id = locked.series_id
        returning s.series_id
      )
      update anomalies a set change_id = nextval('anomaly_changes'),
        state = case when a.state = 'open' and $4 > now() then 'suppressed' else a.state end,
        suppressed_by = case when a.state = 'open' and $4 > now() then 'snoozed' else a.suppressed_by end
      from snoozed
      where a.series_id = snoozed.series_id and (a.anomaly_id = $3 or a.resolved_at is null)
      returning a.anomaly_id`,
    params: [CHANGES_LOCK, projectId, anomalyId, until],
    row: changedRow,
  };
}

const pointRow = z.object({
  bucket: z.date(),
  observed: z.number().nullable(),
  expected: z.number().nullable(),
  lower: z.number().nullable(),
  upper: z.number().nullable(),
  tail_probability: z.number(),
  anomalous: z.boolean(),
});
export type WatchPointRow = z.infer<typeof pointRow>;

/** Points of the series of an anomaly between two instants, in order; the end is not included. */
export function askPointsAround(
  projectId: number,
  anomalyId: number,
  { from, to, limit }: { from: Date; to: Date; limit: number },
): PostgresQuestion<WatchPointRow> {
  return {
    name: 'points-around',
    sql: `
      select p.bucket, p.observed, p.expected, p.lower, p.upper, p.tail_probability, p.anomalous
      from anomalies a join watch_points p on p.series_id = a.series_id
      where a.project_id = $1 and a.anomaly_id = $2 and p.bucket >= $3 and p.bucket < $4
      order by p.bucket limit $5`,
    params: [projectId, anomalyId, from, to, limit],
    row: pointRow,
  };
}
