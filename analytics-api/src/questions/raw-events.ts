import { z } from 'zod';
import type { PostgresQuestion } from '../query-port/run-query.js';

const json = z.record(z.string(), z.unknown());
const row = z.object({
  event_id: z.string(),
  received_at: z.date(),
  type: z.string(),
  event: z.string(),
  message_id: z.string(),
  anonymous_id: z.string().nullable(),
  user_id: z.string().nullable(),
  session_id: z.string().nullable(),
  enrichment: json,
  message: json,
});
export type RawEventRow = z.infer<typeof row>;

/** What was stored of these events. */
export function askRawEvents(projectId: number, eventIds: readonly string[]): PostgresQuestion<RawEventRow> {
  const sorted = [...eventIds].sort();
  return {
    name: 'raw-events',
    sql: `
      select event_id::text as event_id, received_at, type, event, message_id, anonymous_id, user_id,
        session_id::text as session_id, enrichment, message
      from events
      where project_id = $1 and event_id = any ($2::uuid[]) and event_id between $3::uuid and $4::uuid`,
    params: [projectId, sorted, sorted[0], sorted.at(-1)],
    row,
    isConstant: true,
  };
}
