import { z } from 'zod';
import type { PostgresQuestion } from '../query-port/run-query.js';

const row = z.object({ project_id: z.int() });

/** Projects that received something since an instant. */
export function askActiveProjects(sinceMs: number): PostgresQuestion<z.infer<typeof row>> {
  return {
    name: 'active-projects',
    sql: `select distinct project_id from ledger where minute >= to_timestamp($1 / 1000.0) order by 1`,
    params: [sinceMs],
    row,
  };
}
