import type { Watermark } from '@sluice/contracts';
import { z } from 'zod';
import type { PostgresQuestion } from '../query-port/run-query.js';

const batchRow = z.object({
  batch_id: z.int(),
  partition: z.int(),
  to_offset: z.int(),
  rows: z.int(),
});
export type BatchRow = z.infer<typeof batchRow>;

/** Batches that landed behind a point of the log, in the order of their ids; those of one partition follow each other. */
export function askBatchesAfter(
  logId: string,
  watermark: Watermark,
  limit: number,
): PostgresQuestion<BatchRow> {
  return {
    name: 'batches-after',
    sql: `
      select b.batch_id, b."partition", b.to_offset, b.rows
      from unnest($2::int[], $3::bigint[]) as seen ("partition", until)
      join batches b on b.log_id = $1 and b."partition" = seen."partition" and b.to_offset > seen.until
      order by b.batch_id limit $4`,
    params: [logId, [...watermark.keys()], [...watermark.values()], limit],
    row: batchRow,
  };
}

const eventRow = z.object({
  event_id: z.string(),
  message_id: z.string(),
  type: z.string(),
  event: z.string(),
  timestamp: z.date(),
  received_at: z.date(),
  anonymous_id: z.string().nullable(),
  user_id: z.string().nullable(),
  session_id: z.string().nullable(),
  enrichment: z.record(z.string(), z.unknown()),
  message: z.record(z.string(), z.unknown()),
});
export type LiveEventRow = z.infer<typeof eventRow>;

/** Events of a project in these batches, in the order of landing; null leaves a filter out. */
export function askEventsOfBatches(options: {
  projectId: number;
  batchIds: readonly number[];
  event: string | null;
  type: string | null;
}): PostgresQuestion<LiveEventRow> {
  return {
    name: 'events-of-batches',
    sql: `
      select event_id::text as event_id, message_id, type, event, "timestamp", received_at,
        anonymous_id, user_id, session_id::text as session_id, enrichment, message
      from events
      where batch_id = any ($2::bigint[]) and batch_id >= $3 and batch_id <= $4 and project_id = $1
        and ($5::text is null or event = $5) and ($6::text is null or type = $6)
      order by batch_id, batch_seq`,
    params: [
      options.projectId,
      options.batchIds,
      options.batchIds[0],
      options.batchIds.at(-1),
      options.event,
      options.type,
    ],
    row: eventRow,
  };
}
