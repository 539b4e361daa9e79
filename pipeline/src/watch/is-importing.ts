import type pg from 'pg';

const WINDOW_MS = 60_000;
/** Rows that are looked at, most. */
const SAMPLE = 5_000;
/** Fewer than this may be devices that were offline. */
const LEAST_ROWS = 500;

/**
 * Whether a project's history is being sent just now: of what was received in the last minute, more than half was an hour
 * old. What has not been sent yet looks like silence, so no series begins meanwhile.
 */
export async function isImporting(pool: pg.Pool, projectId: number, nowMs: number): Promise<boolean> {
  const found = await pool.query<{ rows: number; old: number }>(
    `select count(*)::int as rows, (count(*) filter (where "timestamp" < received_at - interval '1 hour'))::int as old
     from (
       select "timestamp", received_at from events
       where project_id = $1 and received_at > to_timestamp($2 / 1000.0) and received_at <= to_timestamp($3 / 1000.0)
       limit $4
     ) received`,
    [projectId, nowMs - WINDOW_MS, nowMs, SAMPLE],
  );
  const { rows, old } = found.rows[0]!;
  return rows >= LEAST_ROWS && old > rows / 2;
}
