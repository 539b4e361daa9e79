import { filterSchema } from '@sluice/contracts';
import { z } from 'zod';
import type { PostgresQuestion } from '../query-port/run-query.js';

const row = z.object({
  name: z.string(),
  description: z.string(),
  kind: z.enum(['live', 'static']),
  filter: filterSchema.nullable(),
  user_ids: z.array(z.string()).nullable(),
  updated_at: z.date(),
});
export type CohortRow = z.infer<typeof row>;

const COLUMNS = 'name, description, kind, filter, user_ids, updated_at';

/** The cohorts of a project with one of these names. */
export function askCohorts(projectId: number, names: readonly string[]): PostgresQuestion<CohortRow> {
  return {
    name: 'cohorts',
    sql: `select ${COLUMNS} from cohorts where project_id = $1 and name = any ($2::text[]) order by name`,
    params: [projectId, names],
    row,
  };
}
