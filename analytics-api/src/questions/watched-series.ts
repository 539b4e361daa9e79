import { SEVERITIES } from '@sluice/contracts';
import { z } from 'zod';
import type { PostgresQuestion } from '../query-port/run-query.js';

/** What a series measures, as the watcher notes it. */
export interface MeasuredEvents {
  kind: 'events';
  event: string | null;
  type: string | null;
  bots: string;
  interval: string;
}

const seriesRow = z.object({ series_id: z.int(), watch: z.string(), series: z.string() });

/** The series of a project that measures just this, if there is one: of several, that of the oldest watch. */
export function askWatchedSeries(
  projectId: number,
  measured: MeasuredEvents,
): PostgresQuestion<z.infer<typeof seriesRow>> {
  return {
    name: 'watched-series',
    sql: `
      select s.series_id, w.name as watch, s.series
      from watch_series s join watches w on w.watch_id = s.watch_id
      where s.project_id = $1 and s.retired_at is null and w.enabled and s.measured @> $2::jsonb
      order by w.watch_id, s.series_id limit 1`,
    params: [projectId, JSON.stringify(measured)],
    row: seriesRow,
  };
}

const bandRow = z.object({
  bucket: z.date(),
  expected: z.number().nullable(),
  lower: z.number().nullable(),
  upper: z.number().nullable(),
  anomalous: z.boolean(),
});

/** What was expected of a series between two instants; the end is not included. */
export function askBand(
  projectId: number,
  seriesId: number,
  range: { fromMs: number; toMs: number },
): PostgresQuestion<z.infer<typeof bandRow>> {
  return {
    name: 'band',
    sql: `
      select p.bucket, p.expected, p.lower, p.upper, p.anomalous
      from watch_series s join watch_points p on p.series_id = s.series_id
      where s.project_id = $1 and s.series_id = $2 and p.bucket >= $3 and p.bucket < $4
      order by p.bucket`,
    params: [projectId, seriesId, new Date(range.fromMs), new Date(range.toMs)],
    row: bandRow,
  };
}

const incidentRow = z.object({
  anomaly_id: z.int(),
  direction: z.enum(['up', 'down']),
  severity: z.enum(SEVERITIES),
  since: z.date(),
  bucket: z.date(),
  resolved_at: z.date().nullable(),
});

/** Anomalies of a series that touch a range, oldest first. */
export function askIncidents(
  projectId: number,
  seriesId: number,
  range: { fromMs: number; toMs: number },
): PostgresQuestion<z.infer<typeof incidentRow>> {
  return {
    name: 'incidents',
    sql: `
      select anomaly_id, direction, severity, since, bucket, resolved_at from anomalies
      where project_id = $1 and series_id = $2 and since < $4 and (resolved_at is null or resolved_at > $3)
      order by since, anomaly_id`,
    params: [projectId, seriesId, new Date(range.fromMs), new Date(range.toMs)],
    row: incidentRow,
  };
}

const stateRow = z.object({ state: z.string() });

/** Changes whenever what is stored of a project's watched series does. */
export function askWatchState(projectId: number): PostgresQuestion<z.infer<typeof stateRow>> {
  return {
    name: 'watch-state',
    sql: `
      select concat_ws(' ',
        (select max(change_id) from anomalies where project_id = $1),
        (select count(*) from anomalies where project_id = $1),
        (select max(updated_at) from watch_series where project_id = $1),
        (select max(next_bucket) from watch_series where project_id = $1),
        (select count(*) from watch_series where project_id = $1 and retired_at is null),
        (select max(updated_at) from watches where project_id = $1),
        (select count(*) from watches where project_id = $1)) as state`,
    params: [projectId],
    row: stateRow,
    isConstant: true,
  };
}
