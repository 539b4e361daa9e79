import { z } from 'zod';
import type { PostgresQuestion } from '../query-port/run-query.js';

const row = z.object({ minute: z.date() });

/** Minutes in which messages were received of which it is not known what became: what is counted in them is no number. */
export function askUnknownMinutes(
  projectId: number,
  range: { fromMs: number; toMs: number },
): PostgresQuestion<z.infer<typeof row>> {
  return {
    name: 'unknown-minutes',
    sql: `
      select minute from ledger
      where project_id = $1 and minute >= $2 and minute < $3
      group by minute
      having sum(logged) <> sum(landed) + sum(duplicates) + sum(dead_lettered)
      order by minute`,
    params: [projectId, new Date(range.fromMs), new Date(range.toMs)],
    row,
  };
}
