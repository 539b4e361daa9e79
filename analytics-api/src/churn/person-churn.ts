import type { UserChurn } from '@sluice/contracts';
import type { ApiContext } from '../api-context.js';
import { databaseOf } from '../freshness/completeness.js';
import { askChurnAttempt, askChurnRun, askMergedSince, askPersonScores } from '../questions/churn.js';
import { runOf } from './run-answer.js';

/** Merges since a run whose ids are looked for at most. */
const MAX_MERGES = 10_000;

/** What is foretold of a person, by the id that all theirs stand for. ClickHouse is asked only where the project has scores. */
export async function readPersonChurn(
  projectId: number,
  userId: string,
  signal: AbortSignal,
  context: ApiContext,
): Promise<UserChurn> {
  const { runPostgres, runClickHouse, readCompleteness } = context;
  const { rows: runs } = await runPostgres(askChurnRun(projectId), { signal });
  const run = runs[0];
  if (run === undefined) {
    const { rows } = await runPostgres(askChurnAttempt(projectId), { signal });
    return {
      state: 'not_scored',
      reason: 'no_scores',
      detail: rows[0]?.detail ?? 'No scoring was tried yet.',
    };
  }
  // After the run, so that its scores are in the generation that is read.
  const completeness = await readCompleteness(projectId, { signal });
  const merged = await runPostgres(askMergedSince(projectId, userId, run.run_id), {
    maxRows: MAX_MERGES,
    signal,
  });
  const ids = [userId, ...merged.rows.map(({ previous_id }) => previous_id)];
  const owner = { projectId, database: databaseOf(context, completeness), hasMerges: false };
  const { rows } = await runClickHouse(askPersonScores(owner, { scores: { runId: run.run_id }, ids }), {
    signal,
  });
  const [first] = rows;
  if (first === undefined) {
    return {
      state: 'not_scored',
      reason: 'not_in_run',
      detail: `The newest scores know of what happened up to ${run.known_through}. The person was not active before.`,
    };
  }
  return {
    state: 'scored',
    run: runOf(run),
    last_active: first.last_active,
    age_days: first.age_days,
    horizons: rows.map((row) => ({
      horizon: row.horizon,
      churn_probability: row.churn,
      expected_active_days: row.active,
      expected_value: row.value,
      reasons: row.reasons,
    })),
  };
}
