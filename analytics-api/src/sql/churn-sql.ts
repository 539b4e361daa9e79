import { CHURN_BANDS, type ChurnHorizon } from '@sluice/contracts';
import { withPeople } from './people-sql.js';
import type { Statement } from './statement.js';

/** Which scores are told: those of one whole run. */
export interface ChurnScores {
  runId: number;
}

/**
 * Rows `person` and `probability`: how likely everyone who was scored is to do nothing for `horizon` days.
 *
 * A run knows the merges of its time. Ids that were merged since are one person with several rows, who is gone only when all
 * of them are: the least probability is the closest bound that the rows give.
 */
export function churnSource(statement: Statement, { runId }: ChurnScores, horizon: ChurnHorizon): string {
  const { from, person } = withPeople(statement, '{db:Identifier}.churn_scores');
  const run = statement.bind('UInt64', runId);
  const column = `churn_${horizon}`;
  const where = `project_id = {project:UInt32} and run_id = ${run}`;
  return statement.hasMerges
    ? `select ${person} as person, min(${column}) as probability from ${from} where ${where} group by person`
    : `select ${person} as person, ${column} as probability from ${from} where ${where}`;
}

/** The band of risk that a probability lies in. */
export function bandSql(probability: string): string {
  const { medium, high } = CHURN_BANDS;
  return `multiIf(${probability} >= toFloat32(${high}), 'high', ${probability} >= toFloat32(${medium}), 'medium', 'low')`;
}
