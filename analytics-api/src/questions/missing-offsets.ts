import type { Watermark } from '@sluice/contracts';
import { z } from 'zod';
import type { PostgresQuestion } from '../query-port/run-query.js';

const row = z.object({ partition: z.int(), landed: z.boolean() });

/** The partitions of a watermark whose records are not all rolled up yet; `landed` says whether they are stored. */
export function askMissingOffsets(
  logId: string,
  watermark: Watermark,
): PostgresQuestion<z.infer<typeof row>> {
  return {
    name: 'missing-offsets',
    sql: `
      select w."partition", coalesce(o.next_offset, 0) >= w.until as landed
      from unnest($2::int[], $3::bigint[]) as w ("partition", until)
      left join log_offsets o on o.log_id = $1 and o."partition" = w."partition"
      where coalesce(o.next_offset, 0) < w.until
        or exists (
          select 1 from batches b
          where b.log_id = $1 and b."partition" = w."partition" and b.state = 'pending' and b.from_offset < w.until)`,
    params: [logId, [...watermark.keys()], [...watermark.values()]],
    row,
  };
}
