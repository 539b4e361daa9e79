import { latenessMsOf, type SeriesKind } from '@sluice/analytics-api/watched';
import { SluiceError, watchMetricSchema } from '@sluice/contracts';
import type { Direction, WatchInterval } from '@sluice/models/anomaly';
import type pg from 'pg';
import { LOCKS } from '../land/locks.js';
import type { Feedback, NewFeedback } from './judge-series.js';
import type { Measured, Watch, WatchedSeries } from './watched-series.js';

/** The enabled watches of a project, in the order in which they were made. */
export async function readWatches(
  client: pg.ClientBase,
  project: { projectId: number; timezone: string },
): Promise<Watch[]> {
  const found = await client.query<{
    watch_id: number;
    name: string;
    metric: unknown;
    interval: WatchInterval;
    directions: Direction[];
    false_alerts_per_month: number;
    holidays: string[];
    lateness_seconds: number | null;
    backfill_days: number;
  }>(
    `select watch_id, name, metric, interval, directions, false_alerts_per_month, holidays::text[] as holidays,
       lateness_seconds, backfill_days
     from watches where project_id = $1 and enabled order by watch_id`,
    [project.projectId],
  );
  return found.rows.map((row) => ({
    ...project,
    watchId: row.watch_id,
    name: row.name,
    metric: watchMetricSchema.parse(row.metric),
    interval: row.interval,
    directions: row.directions,
    falseAlertsPerMonth: row.false_alerts_per_month,
    holidays: row.holidays,
    latenessMs: latenessMsOf(row),
    backfillDays: row.backfill_days,
  }));
}

/** A watch was deleted meanwhile, or another watcher has moved on: what was to be written is said already, or by nobody. */
export class StaleWatcherError extends Error {
  override name = 'StaleWatcherError';
}

/**
 * Keeps a watch from being deleted until the transaction ends. Taken before any of its series, as who deletes it does: the
 * other way round, both would wait for each other.
 * @throws StaleWatcherError when it is gone.
 */
export async function holdWatch(client: pg.ClientBase, { watchId }: Pick<Watch, 'watchId'>): Promise<void> {
  const found = await client.query('select from watches where watch_id = $1 for key share', [watchId]);
  if (found.rowCount === 0) throw new StaleWatcherError('The watch is deleted.');
}

/** Makes the default watches of a project that never had any. */
export async function makeDefaultWatches(client: pg.ClientBase, projectId: number): Promise<boolean> {
  const made = await client.query(
    `with first as (
       insert into watch_defaults (project_id) values ($1) on conflict do nothing returning project_id
     )
     insert into watches (project_id, name, metric, interval, directions)
     select first.project_id, d.name, d.metric::jsonb, 'quarter_hour', d.directions::text[]
     from first, (values
       ('events', '{"kind": "every_event"}', '{up,down}'),
       ('ingestion', '{"kind": "health"}', '{up}')) as d (name, metric, directions)
     where not exists (select 1 from watches w where w.project_id = $1)
     on conflict (project_id, name) do nothing`,
    [projectId],
  );
  return (made.rowCount ?? 0) > 0;
}

interface SeriesRow {
  series_id: number;
  watch_id: number;
  series: string;
  kind: SeriesKind;
  measured: Measured;
  detector: string;
  detector_version: number;
  next_bucket: Date;
  watched_since: Date;
  has_failed: boolean;
}

/** The series of a project that are judged, without their states. */
export async function readSeries(client: pg.ClientBase, projectId: number): Promise<WatchedSeries[]> {
  const found = await client.query<SeriesRow>(
    `select series_id, watch_id, series, kind, measured, detector, detector_version, next_bucket, watched_since,
       failed_since is not null as has_failed
     from watch_series s
     where project_id = $1 and retired_at is null
       and exists (select 1 from watches w where w.watch_id = s.watch_id and w.enabled)
     order by series_id`,
    [projectId],
  );
  return found.rows.map((row) => ({
    seriesId: row.series_id,
    watchId: row.watch_id,
    series: row.series,
    kind: row.kind,
    measured: row.measured,
    detector: row.detector,
    detectorVersion: row.detector_version,
    nextMs: row.next_bucket.getTime(),
    watchedSinceMs: row.watched_since.getTime(),
    hasFailed: row.has_failed,
  }));
}

/** The states of series that still stand where they were read; what moved on meanwhile is left out. */
export async function readStates(
  client: pg.ClientBase,
  series: readonly WatchedSeries[],
): Promise<Map<number, Uint8Array>> {
  const found = await client.query<{ series_id: number; state: Buffer }>(
    `select s.series_id, s.state from watch_series s
     join unnest($1::bigint[], $2::float8[]) as n (series_id, next_ms)
       on s.series_id = n.series_id and s.next_bucket = to_timestamp(n.next_ms / 1000.0)`,
    [series.map(({ seriesId }) => seriesId), series.map(({ nextMs }) => nextMs)],
  );
  return new Map(found.rows.map(({ series_id, state }) => [series_id, new Uint8Array(state)]));
}

/** What was said of anomalies of these series and is not learned yet, in the order in which it was said. */
export async function readFeedback(
  client: pg.ClientBase,
  seriesIds: readonly number[],
): Promise<Map<number, NewFeedback[]>> {
  const found = await client.query<{ anomaly_id: number; series_id: number; feedback: Feedback }>(
    `select anomaly_id, series_id, feedback from anomalies
     where series_id = any($1::bigint[]) and feedback is not null and learned_feedback is distinct from feedback
     order by feedback_at, anomaly_id`,
    [seriesIds],
  );
  const bySeries = new Map<number, NewFeedback[]>();
  for (const { anomaly_id: anomalyId, series_id: seriesId, feedback } of found.rows) {
    bySeries.set(seriesId, [...(bySeries.get(seriesId) ?? []), { anomalyId, feedback }]);
  }
  return bySeries;
}

export interface NewSeries {
  series: string;
  kind: SeriesKind;
  measured: Measured;
  detector: string;
  detectorVersion: number;
  state: Uint8Array;
  nextMs: number;
  watchedSinceMs: number;
}

/**
 * Begins to watch a series. One that the watch had before and that measures something else now begins anew: its points go,
 * what was open is over, what was found stays.
 */
export async function beginSeries(
  client: pg.ClientBase,
  watch: Pick<Watch, 'watchId' | 'projectId'>,
  of: NewSeries,
): Promise<void> {
  const begun = await client.query<{ series_id: number; is_new: boolean }>(
    `insert into watch_series (watch_id, project_id, series, kind, measured, detector, detector_version, state, next_bucket,
       watched_since)
     values ($1, $2, $3, $4, $5, $6, $7, $8, to_timestamp($9 / 1000.0), to_timestamp($10 / 1000.0))
     on conflict (watch_id, series) do update set kind = excluded.kind, measured = excluded.measured,
       detector = excluded.detector, detector_version = excluded.detector_version, state = excluded.state,
       next_bucket = excluded.next_bucket, watched_since = excluded.watched_since, retired_at = null, last_error = null,
       failed_since = null, updated_at = now()
     returning series_id, xmax = 0 as is_new`,
    [
      watch.watchId,
      watch.projectId,
      of.series,
      of.kind,
      JSON.stringify(of.measured),
      of.detector,
      of.detectorVersion,
      Buffer.from(of.state.buffer, of.state.byteOffset, of.state.byteLength),
      of.nextMs,
      of.watchedSinceMs,
    ],
  );
  const { series_id: seriesId, is_new: isNew } = begun.rows[0]!;
  if (isNew) return;
  await client.query('delete from watch_points where series_id = $1', [seriesId]);
  await closeIncidents(client, watch.projectId, [seriesId]);
}

/** Judges these series no more. What was found in them stays; what was open is over. */
export async function retireSeries(
  client: pg.ClientBase,
  projectId: number,
  seriesIds: readonly number[],
): Promise<void> {
  await client.query('update watch_series set retired_at = now() where series_id = any($1::bigint[])', [
    seriesIds,
  ]);
  await closeIncidents(client, projectId, seriesIds);
}

/** What is open of these series is over, at the time at which it was last seen. */
export async function closeIncidents(
  client: pg.ClientBase,
  projectId: number,
  seriesIds: readonly number[],
): Promise<void> {
  await client.query('select pg_advisory_xact_lock($1, $2)', [LOCKS.ANOMALY_CHANGES, projectId]);
  await client.query(
    `update anomalies set state = 'resolved', resolved_at = greatest(last_seen_at, opened_at),
       change_id = nextval('anomaly_changes')
     where series_id = any($1::bigint[]) and resolved_at is null`,
    [seriesIds],
  );
}

/**
 * Notes why the last look at series failed: they stay where they are. Everybody who may read sees it, so it says what is
 * wrong with the question; what is wrong with a store, with addresses and statements, is for the log.
 */
export async function noteFailure(
  client: pg.ClientBase,
  seriesIds: readonly number[],
  error: unknown,
): Promise<void> {
  const text =
    error instanceof SluiceError
      ? error.message
      : 'It could not be asked or judged; the log of the pipeline says why.';
  await client.query(
    `update watch_series set last_error = $2, failed_since = coalesce(failed_since, now()), updated_at = now()
     where series_id = any($1::bigint[])`,
    [seriesIds, text.slice(0, 2_000)],
  );
}

/** From this bucket on, whatever these series find is told. */
export async function moveWatchedSince(
  client: pg.ClientBase,
  seriesIds: readonly number[],
  sinceMs: number,
): Promise<void> {
  await client.query(
    'update watch_series set watched_since = to_timestamp($2 / 1000.0) where series_id = any($1::bigint[])',
    [seriesIds, sinceMs],
  );
}
