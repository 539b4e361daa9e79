import { z } from 'zod';
import type { ClickHouseQuestion, PostgresQuestion } from '../query-port/run-query.js';

const landedRow = z.object({
  event_id: z.string(),
  received_at: z.date(),
  timestamp: z.date(),
  pending: z.boolean(),
});
export type LandedRow = z.infer<typeof landedRow>;

const LANDED_COLUMNS = `e.event_id::text as event_id, e.received_at, e."timestamp",
        exists (select 1 from batches b where b.batch_id = e.batch_id and b.state = 'pending') as pending`;

/** The stored event of that id. */
export function askEventById(projectId: number, eventId: string): PostgresQuestion<LandedRow> {
  return {
    name: 'event-by-id',
    sql: `select ${LANDED_COLUMNS} from events e where e.project_id = $1 and e.event_id = $2::uuid`,
    params: [projectId, eventId],
    row: landedRow,
  };
}

/** The stored event of a message whose client time is known: the time is the first part of the event's id. */
export function askEventByTime(
  projectId: number,
  messageId: string,
  timestampMs: number,
): PostgresQuestion<LandedRow> {
  const hex = timestampMs.toString(16).padStart(12, '0');
  const time = `${hex.slice(0, 8)}-${hex.slice(8)}`;
  return {
    name: 'event-by-time',
    sql: `
      select ${LANDED_COLUMNS} from events e
      where e.project_id = $1 and e.event_id between $2::uuid and $3::uuid and e.message_id = $4`,
    params: [projectId, `${time}-0000-0000-000000000000`, `${time}-ffff-ffff-ffffffffffff`, messageId],
    row: landedRow,
  };
}

/** The event of a message among those that are stored and not rolled up yet. */
export function askPendingEvent(projectId: number, messageId: string): PostgresQuestion<LandedRow> {
  return {
    name: 'pending-event',
    sql: `
      select e.event_id::text as event_id, e.received_at, e."timestamp", true as pending
      from events e
      where e.batch_id >= (select min(batch_id) from batches where state = 'pending')
        and e.batch_id = any (array(select batch_id from batches where state = 'pending'))
        and e.project_id = $1 and e.message_id = $2
      limit 1`,
    params: [projectId, messageId],
    row: landedRow,
  };
}

const rolledUpRow = z.object({ event_id: z.string(), received_ms: z.int(), timestamp_ms: z.int() });

/** The event of a message among those that are rolled up. */
export function askRolledUpEvent(
  database: string,
  projectId: number,
  messageId: string,
): ClickHouseQuestion<z.infer<typeof rolledUpRow>> {
  return {
    name: 'rolled-up-event',
    sql: `
      select toString(event_id) as event_id, toUnixTimestamp64Milli(received_at) as received_ms,
        toUnixTimestamp64Milli(timestamp) as timestamp_ms
      from {db:Identifier}.events
      where project_id = {project:UInt32} and message_id = {message:String}
      limit 1`,
    params: { db: database, project: projectId, message: messageId },
    row: rolledUpRow,
  };
}

const duplicatesRow = z.object({ duplicates: z.int() });

/** How often a message was sent again. */
export function askDuplicates(
  projectId: number,
  messageId: string,
): PostgresQuestion<z.infer<typeof duplicatesRow>> {
  return {
    name: 'duplicates',
    sql: `select count(*) as duplicates from duplicates where project_id = $1 and message_id = $2`,
    params: [projectId, messageId],
    row: duplicatesRow,
  };
}
