import { z } from 'zod';
import type { PostgresQuestion } from '../query-port/run-query.js';

const row = z.object({ partition: z.int(), next_offset: z.int() });

/** Up to where each partition of the log is landed; a partition without a row is at its start. */
export function askLandedOffsets(logId: string): PostgresQuestion<z.infer<typeof row>> {
  return {
    name: 'landed-offsets',
    sql: `select "partition", next_offset from log_offsets where log_id = $1 order by "partition"`,
    params: [logId],
    row,
  };
}
