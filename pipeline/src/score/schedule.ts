import type { Logger } from '@sluice/service-kit';
import type pg from 'pg';
import { JobInterruptedError } from '../jobs/job-runner.js';
import type { PipelineTelemetry } from '../telemetry.js';
import { noteAttempt } from './runs.js';
import { scoreProject, type ScoringOptions, type ScoringOutcome } from './score-project.js';

export interface ScoringSchedule {
  /**
   * Scores these projects now, one after another; one that somebody else is scoring once that is over. A project that fails
   * holds up no other.
   * @throws AggregateError when there were some that failed, with what each of them threw.
   */
  scoreNow(
    projectIds: readonly number[],
    report: (progress: Record<string, unknown>) => void,
  ): Promise<Record<string, unknown>>;
  /** Lets go of a scoring that runs: it is gone on with later. */
  stop(): Promise<void>;
}

export interface ScheduleOptions extends Omit<ScoringOptions, 'onProgress' | 'signal'> {
  telemetry: PipelineTelemetry;
  /** Whether projects are scored by themselves. Default true. */
  isScheduled?: boolean;
  /** Time between two looks for projects that are due, milliseconds. Default 60,000. */
  pollMs?: number;
}

/** Where there is nothing to learn from, it is looked at anew after so long; where something failed, sooner. */
const TRY_AGAIN_MINUTES = 60;
const FIRST_RETRY_MINUTES = 2;
const LAST_RETRY_MINUTES = 360;
const BUSY_RETRY_MS = 500;

/** Scores each project when it is due: at once when it never was, then whenever enough days have passed. */
export function startScoringSchedule(options: ScheduleOptions): ScoringSchedule {
  const { pool, logger, telemetry, pollMs = 60_000, isScheduled = true } = options;
  const stopping = new AbortController();
  const isOver = (): boolean => stopping.signal.aborted;

  async function score(
    projectId: number,
    how: { force?: boolean; report?: (progress: Record<string, unknown>) => void },
  ): Promise<ScoringOutcome> {
    const startedMs = performance.now();
    try {
      const outcome = await scoreProject(
        projectId,
        {
          ...options,
          signal: stopping.signal,
          onProgress: (progress) => how.report?.({ project_id: projectId, ...progress }),
        },
        { force: how.force ?? false },
      );
      if (outcome.kind === 'published') {
        telemetry.peopleScored(projectId, outcome, performance.now() - startedMs);
      }
      return outcome;
    } catch (error) {
      // Nothing failed: it goes on where it was when a pipeline runs again.
      if (isOver()) throw new JobInterruptedError('The pipeline stops.', { cause: error });
      telemetry.scoringFailed(projectId, error);
      await noteAttempt(pool, projectId, { outcome: 'failed', detail: messageOf(error) });
      throw error;
    }
  }

  /** Another scoring of the project may have begun before what is asked for now: it does not stand in for this one. */
  async function scoreInTurn(
    projectId: number,
    report: (progress: Record<string, unknown>) => void,
  ): Promise<ScoringOutcome> {
    for (;;) {
      const outcome = await score(projectId, { force: true, report });
      if (outcome.kind !== 'busy') return outcome;
      if (isOver()) throw new JobInterruptedError('The pipeline stops.');
      report({ project_id: projectId, stage: 'waiting' });
      await pause(BUSY_RETRY_MS, stopping.signal);
    }
  }

  async function notePublished(): Promise<void> {
    const found = await pool.query<{ project_id: number; published_at: Date }>(
      'select c.project_id, r.published_at from churn_current c join churn_runs r using (run_id)',
    );
    telemetry.scoresTold(
      found.rows.map((row) => ({ projectId: row.project_id, publishedAtMs: row.published_at.getTime() })),
    );
  }

  async function look(): Promise<void> {
    for (const projectId of await listReady(pool)) {
      if (isOver()) return;
      try {
        await score(projectId, {});
      } catch {
        // Logged, counted and noted; the other projects are no worse for it.
        continue;
      }
    }
    await notePublished();
  }

  const looking = isScheduled ? poll(look, { pollMs, signal: stopping.signal, logger }) : Promise.resolve();
  return {
    async scoreNow(projectIds, report) {
      const outcomes: Record<string, unknown>[] = [];
      const errors: unknown[] = [];
      for (const projectId of projectIds) {
        try {
          outcomes.push({ project_id: projectId, ...(await scoreInTurn(projectId, report)) });
        } catch (error) {
          if (error instanceof JobInterruptedError) throw error;
          errors.push(new Error(`Project ${projectId}: ${messageOf(error)}`, { cause: error }));
        }
      }
      if (errors.length > 0) throw new AggregateError(errors, errors.map(messageOf).join(' '));
      return { projects: outcomes };
    },
    async stop() {
      stopping.abort(new Error('The pipeline stops.'));
      await looking;
    },
  };
}

async function poll(
  look: () => Promise<void>,
  { pollMs, signal, logger }: { pollMs: number; signal: AbortSignal; logger: Logger },
): Promise<void> {
  while (!signal.aborted) {
    try {
      await look();
    } catch (error) {
      logger.warn({ err: error }, 'projects to score could not be looked for');
    }
    await pause(pollMs, signal);
  }
}

/** Resolves after a time, or at once when the signal is aborted. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}

/** Every project there is. */
export async function listProjects(pool: pg.Pool): Promise<number[]> {
  const found = await pool.query<{ project_id: number }>(
    'select project_id from projects order by project_id',
  );
  return found.rows.map(({ project_id }) => project_id);
}

/** Projects that may be looked at: not those of which the last look said that it is too soon. */
async function listReady(pool: pg.Pool): Promise<number[]> {
  const found = await pool.query<{ project_id: number }>(
    `select p.project_id from projects p
     left join churn_attempts a using (project_id)
     left join churn_definitions d using (project_id)
     where a.project_id is null
       or a.outcome = 'published'
       or d.updated_at > a.attempted_at
       or a.attempted_at < now() - make_interval(mins => case a.outcome
            when 'too_little_history' then $1::int
            when 'failed' then least($2::int * (2 ^ least(a.failures - 1, 20))::int, $3::int)
            else 0 end)
     order by p.project_id`,
    [TRY_AGAIN_MINUTES, FIRST_RETRY_MINUTES, LAST_RETRY_MINUTES],
  );
  return found.rows.map(({ project_id }) => project_id);
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 2_000);
}
