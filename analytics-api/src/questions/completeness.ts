import { z } from 'zod';
import type { PostgresQuestion } from '../query-port/run-query.js';

const row = z.object({
  generation: z.int().nullable(),
  partitions: z.int(),
  landed_through: z.date().nullable(),
  pending_batches: z.int(),
  pending_rows: z.int(),
  pending_from: z.date().nullable(),
  pending_unknown: z.boolean(),
  spooled_messages: z.int(),
  spooled_from: z.date().nullable(),
  rolled_up: z.int(),
  has_merges: z.boolean(),
});
export type CompletenessRow = z.infer<typeof row>;

/**
 * How far the path of events is complete, as one snapshot: landing, batches that are not rolled up, and what gateways hold
 * on disk. A spool that has been drained into the log counts until landing has passed the moment of the drain.
 *
 * For a project also how many of its events were rolled up, and whether ids of it were ever merged.
 */
export function askCompleteness(logId: string, projectId: number): PostgresQuestion<CompletenessRow> {
  return {
    name: 'completeness',
    sql: `
      with landing as (
        select count(*)::int as partitions,
          case when count(*) = count(complete_through) then min(complete_through) end as landed_through
        from log_offsets where log_id = $1
      ), pending as (
        select count(*)::int as batches, coalesce(sum(rows), 0)::bigint as rows, min(received_from) as received_from,
          count(*) > count(received_from) as is_unknown
        from batches where state = 'pending'
      ), spooled as (
        select coalesce(sum(s.messages), 0)::bigint as messages, min(s.oldest_receipt_at) as received_from
        from spools s, landing l
        where s.messages > 0 or l.landed_through is null or s.updated_at > l.landed_through
      )
      select
        (select generation from rollup_generations where state = 'live' order by generation desc limit 1) as generation,
        landing.partitions, landing.landed_through,
        pending.batches as pending_batches, pending.rows as pending_rows, pending.received_from as pending_from,
        pending.is_unknown as pending_unknown,
        spooled.messages as spooled_messages, spooled.received_from as spooled_from,
        coalesce((select events from rolled_up where project_id = $2), 0) as rolled_up,
        exists (select from identities where project_id = $2) as has_merges
      from landing, pending, spooled`,
    params: [logId, projectId],
    row,
    isConstant: true,
  };
}
