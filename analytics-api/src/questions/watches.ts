import { WATCH_INTERVALS, watchMetricSchema, type WatchDefinition } from '@sluice/contracts';
import { z } from 'zod';
import type { PostgresQuestion } from '../query-port/run-query.js';

const shape = {
  name: z.string(),
  metric: watchMetricSchema,
  interval: z.enum(WATCH_INTERVALS),
  directions: z.array(z.enum(['up', 'down'])),
  false_alerts_per_month: z.number(),
  holidays: z.array(z.string()),
  lateness_seconds: z.int().nullable(),
  backfill_days: z.int(),
  enabled: z.boolean(),
  created_at: z.date(),
  updated_at: z.date(),
};
const row = z.object(shape);
export type WatchRow = z.infer<typeof row>;

const COLUMNS = `name, metric, interval, directions, false_alerts_per_month, holidays::text[] as holidays, lateness_seconds,
        backfill_days, enabled, created_at, updated_at`;

const listRow = row.extend({ series: z.int(), failing: z.int() });
export type WatchListRow = z.infer<typeof listRow>;

/** All watches of a project by name. */
export function askWatches(projectId: number): PostgresQuestion<WatchListRow> {
  return {
    name: 'watches',
    sql: `
      select ${COLUMNS}, coalesce(s.series, 0) as series, coalesce(s.failing, 0) as failing
      from watches w left join (
        select watch_id, count(*)::int as series, count(failed_since)::int as failing
        from watch_series where project_id = $1 and retired_at is null group by watch_id
      ) as s on s.watch_id = w.watch_id
      where project_id = $1 order by name`,
    params: [projectId],
    row: listRow,
  };
}

export function askWatch(projectId: number, name: string): PostgresQuestion<WatchRow> {
  return {
    name: 'watch',
    sql: `select ${COLUMNS} from watches where project_id = $1 and name = $2`,
    params: [projectId, name],
    row,
  };
}

const seriesRow = z.object({
  series: z.string(),
  kind: z.enum(['count', 'level']),
  detector: z.string(),
  detector_version: z.int(),
  next_bucket: z.date(),
  watched_since: z.date(),
  snoozed_until: z.date().nullable(),
  retired_at: z.date().nullable(),
  last_error: z.string().nullable(),
  failed_since: z.date().nullable(),
});
export type WatchSeriesRow = z.infer<typeof seriesRow>;

/** The series of a watch, those that are judged first. */
export function askWatchSeries(projectId: number, name: string): PostgresQuestion<WatchSeriesRow> {
  return {
    name: 'watch-series',
    sql: `
      select s.series, s.kind, s.detector, s.detector_version, s.next_bucket, s.watched_since, s.snoozed_until,
        s.retired_at, s.last_error, s.failed_since
      from watch_series s join watches w on w.watch_id = s.watch_id
      where w.project_id = $1 and w.name = $2
      order by s.retired_at is not null, s.series`,
    params: [projectId, name],
    row: seriesRow,
  };
}

/** Makes a watch, or makes it anew; no row when there are too many. */
export function saveWatch(
  projectId: number,
  name: string,
  watch: WatchDefinition,
  most: number,
): PostgresQuestion<WatchRow> {
  return {
    name: 'save-watch',
    sql: `
      insert into watches (project_id, name, metric, interval, directions, false_alerts_per_month, holidays,
        lateness_seconds, backfill_days, enabled)
      select $1, $2, $3::jsonb, $4, $5::text[], $6, $7::date[], $8, $9, $10
      where (select count(*) from watches where project_id = $1 and name <> $2) < $11
      on conflict (project_id, name) do update set metric = excluded.metric, interval = excluded.interval,
        directions = excluded.directions, false_alerts_per_month = excluded.false_alerts_per_month,
        holidays = excluded.holidays, lateness_seconds = excluded.lateness_seconds,
        backfill_days = excluded.backfill_days, enabled = excluded.enabled, updated_at = now()
      returning ${COLUMNS}`,
    params: [
      projectId,
      name,
      JSON.stringify(watch.metric),
      watch.interval,
      [...new Set(watch.directions)],
      watch.false_alerts_per_month,
      watch.holidays,
      watch.lateness_seconds,
      watch.backfill_days,
      watch.enabled,
      most,
    ],
    row,
  };
}

const nameRow = z.object({ name: z.string() });

/** Deletes a watch with its series, their points and anomalies; no row when there is none. */
export function deleteWatch(projectId: number, name: string): PostgresQuestion<z.infer<typeof nameRow>> {
  return {
    name: 'delete-watch',
    sql: 'delete from watches where project_id = $1 and name = $2 returning name',
    params: [projectId, name],
    row: nameRow,
  };
}
