import type pg from 'pg';

/** Work that somebody asks for and a running pipeline does: it holds the stores, also the embedded ones. */
export interface Job {
  jobId: number;
  kind: JobKind;
  state: 'queued' | 'running' | 'done' | 'failed';
  /** What there is to tell so far; the result once it is done. */
  progress: Record<string, unknown>;
  error: string | null;
}

/**
 * `rebuild`: of the rollups. `churn`: scores people now; with `project_id`, of that project alone. `erase`: carries out the
 * erasure `erasure_id`; its result is the receipt.
 */
export type JobKind = 'rebuild' | 'churn' | 'erase';

/** Asks for a job; resolves with its id. */
export async function requestJob(
  pool: pg.Pool,
  kind: JobKind,
  args: Record<string, unknown> = {},
): Promise<number> {
  const result = await pool.query<{ job_id: number }>(
    'insert into jobs (kind, arguments) values ($1, $2) returning job_id',
    [kind, args],
  );
  return result.rows[0]!.job_id;
}

/** A job as it stands; undefined when there is none with that id. */
export async function readJob(pool: pg.Pool, jobId: number): Promise<Job | undefined> {
  const result = await pool.query<{
    job_id: number;
    kind: JobKind;
    state: Job['state'];
    progress: Record<string, unknown>;
    error: string | null;
  }>('select job_id, kind, state, progress, error from jobs where job_id = $1', [jobId]);
  const row = result.rows[0];
  return row === undefined
    ? undefined
    : { jobId: row.job_id, kind: row.kind, state: row.state, progress: row.progress, error: row.error };
}
