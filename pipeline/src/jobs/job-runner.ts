import type { Logger } from '@sluice/service-kit';
import type pg from 'pg';
import { LOCKS } from '../land/locks.js';
import type { JobKind } from './jobs.js';

export type ReportProgress = (progress: Record<string, unknown>) => void;

export type JobWork = (
  report: ReportProgress,
  args: Record<string, unknown>,
) => Promise<Record<string, unknown>>;

export interface JobRunnerOptions {
  pool: pg.Pool;
  logger: Logger;
  /** How each kind of job is done; resolves with its result. Must be safe to repeat after a crash. */
  work: Record<JobKind, JobWork>;
  /** Time between two looks for work, milliseconds. Default 1,000. */
  pollMs?: number;
}

export interface JobRunner {
  /** Takes no further job and waits for the running one. */
  stop(): Promise<void>;
}

/** Work was let go of because the pipeline stops: the job stays open, and is taken up again. */
export class JobInterruptedError extends Error {
  override name = 'JobInterruptedError';
}

/** Progress is written at most this often. */
const REPORT_EVERY_MS = 500;

/**
 * Does the jobs of the table, one at a time. A job is locked in the session that works on it: when a runner is killed, the
 * lock goes with its session and the next look by any runner takes the job up again from its start.
 */
export function startJobRunner(options: JobRunnerOptions): JobRunner {
  const { logger, pollMs = 1_000 } = options;
  let stopping = false;
  let wake: () => void = () => undefined;

  async function run(): Promise<void> {
    while (!stopping) {
      try {
        const worked = await doNextJob(options);
        if (worked) continue;
      } catch (error) {
        logger.warn({ err: error }, 'jobs could not be looked for');
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pollMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (stopping) wake();
      });
    }
    logger.debug('no more jobs are taken');
  }

  const running = run();
  return {
    async stop() {
      stopping = true;
      wake();
      await running;
    },
  };
}

/** True when there was a job, whatever became of it. */
async function doNextJob({ pool, logger, work }: JobRunnerOptions): Promise<boolean> {
  const client = await pool.connect();
  let holdsLock = false;
  try {
    const open = await client.query<{ job_id: number; kind: JobKind; arguments: Record<string, unknown> }>(
      `select job_id, kind, arguments from jobs where state in ('queued', 'running') order by job_id`,
    );
    for (const { job_id: jobId, kind, arguments: args } of open.rows) {
      const lock = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1, $2) as locked', [
        LOCKS.JOB,
        jobId,
      ]);
      if (lock.rows[0]?.locked !== true) continue;
      holdsLock = true;
      await doJob(
        pool,
        logger,
        jobId,
        () => client.query('select 1'),
        (report) => work[kind](report, args),
      );
      return true;
    }
    return false;
  } finally {
    // Ends the session where it holds a lock, and with it the lock.
    client.release(holdsLock);
  }
}

async function doJob(
  pool: pg.Pool,
  logger: Logger,
  jobId: number,
  checkLock: () => Promise<unknown>,
  work: (report: ReportProgress) => Promise<Record<string, unknown>>,
): Promise<void> {
  const taken = await pool.query(
    `update jobs set state = 'running', started_at = now(), progress = '{}'
     where job_id = $1 and state in ('queued', 'running')`,
    [jobId],
  );
  if (taken.rowCount !== 1) return;
  let reportedAtMs = 0;
  let reporting: Promise<unknown> = Promise.resolve();
  const report: ReportProgress = (progress) => {
    if (Date.now() - reportedAtMs < REPORT_EVERY_MS) return;
    reportedAtMs = Date.now();
    reporting = pool
      .query(`update jobs set progress = $2 where job_id = $1 and state = 'running'`, [jobId, progress])
      .catch((error: unknown) => logger.warn({ err: error, jobId }, 'the progress of a job was not noted'));
  };
  try {
    const result = await work(report);
    await reporting;
    await checkLock();
    await pool.query(`update jobs set state = 'done', finished_at = now(), progress = $2 where job_id = $1`, [
      jobId,
      result,
    ]);
    logger.info({ jobId, result }, 'a job is done');
  } catch (error) {
    await reporting;
    if (error instanceof JobInterruptedError) return;
    logger.error({ err: error, jobId }, 'a job failed');
    await pool.query(`update jobs set state = 'failed', finished_at = now(), error = $2 where job_id = $1`, [
      jobId,
      error instanceof Error ? error.message : String(error),
    ]);
  }
}
