import { z } from 'zod';
import type { PostgresQuestion } from '../query-port/run-query.js';

const json = z.record(z.string(), z.unknown());
const row = z.object({ event_id: z.string(), enrichment: json, message: json });

/** What was stored of these events. */
export function askRawEvents(
  projectId: number,
  eventIds: readonly string[],
): PostgresQuestion<z.infer<typeof row>> {
  const sorted = [...eventIds].sort();
  return {
    name: 'raw-events',
    sql: `
      select event_id::text as event_id, enrichment, message from events
      where project_id = $1 and event_id = any ($2::uuid[]) and event_id between $3::uuid and $4::uuid`,
    params: [projectId, sorted, sorted[0], sorted.at(-1)],
    row,
  };
}
