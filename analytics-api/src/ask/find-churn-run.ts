import { SluiceError } from '@sluice/contracts';
import { askChurnAttempt, askChurnRun, type ChurnRunRow } from '../questions/churn.js';
import type { QueryLimits, RunPostgres } from '../query-port/run-query.js';

/** Whether a question, or a cohort that it names, looks at churn. */
export function namesChurn(part: unknown): boolean {
  if (Array.isArray(part)) return part.some(namesChurn);
  if (typeof part !== 'object' || part === null) return false;
  return Object.entries(part).some(([key, value]) => key === 'churn' || namesChurn(value));
}

/**
 * The run whose scores are told. Read before the generation of the rollups is: a run that is told at one moment is in every
 * generation that is live later.
 * @throws SluiceError churn_not_scored, with the reason, where there is none.
 */
export async function findChurnRun(
  projectId: number,
  { runPostgres, limits, field }: { runPostgres: RunPostgres; limits: QueryLimits; field?: string },
): Promise<ChurnRunRow> {
  const { rows } = await runPostgres(askChurnRun(projectId), limits);
  if (rows[0] !== undefined) return rows[0];
  throw await notScored(projectId, { runPostgres, limits, ...(field === undefined ? {} : { field }) });
}

async function notScored(
  projectId: number,
  { runPostgres, limits, field }: { runPostgres: RunPostgres; limits: QueryLimits; field?: string },
): Promise<SluiceError> {
  const { rows } = await runPostgres(askChurnAttempt(projectId), limits);
  const reason = rows[0]?.detail ?? 'No scoring was tried yet.';
  return new SluiceError('churn_not_scored', {
    message: `The people of this project have no churn scores yet. ${reason}`,
    ...(field === undefined ? {} : { field }),
  });
}
