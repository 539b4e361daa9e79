import { z } from 'zod';
import type { ClickHouseQuestion } from '../query-port/run-query.js';
import type { EventKey } from '../events/event-cursor.js';

export interface EventFilter {
  event?: string | undefined;
  type?: string | undefined;
  userId?: string | undefined;
  anonymousId?: string | undefined;
  sessionId?: string | undefined;
  /** Only these, as far as they are known to the store. */
  eventIds?: readonly string[] | undefined;
}

const row = z.object({
  event_id: z.string(),
  timestamp_ms: z.int(),
  received_ms: z.int(),
  message_id: z.string(),
  type: z.string(),
  event: z.string(),
  anonymous_id: z.string(),
  user_id: z.string(),
  session_id: z.string(),
});
export type EventRow = z.infer<typeof row>;

/** The newest events within `[fromMs, toMs)` and before `before`. */
export function askEvents(options: {
  database: string;
  projectId: number;
  filter: EventFilter;
  fromMs: number;
  toMs: number;
  before: EventKey | undefined;
  limit: number;
}): ClickHouseQuestion<EventRow> {
  const { database, projectId, filter, fromMs, toMs, before, limit } = options;
  const conditions = [
    'project_id = {project:UInt32}',
    `timestamp >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')`,
    `timestamp < fromUnixTimestamp64Milli({to:Int64}, 'UTC')`,
  ];
  const params: Record<string, unknown> = { db: database, project: projectId, from: fromMs, to: toMs, limit };
  const bind = (condition: string, name: string, value: unknown): void => {
    if (value === undefined) return;
    conditions.push(condition);
    params[name] = value;
  };
  bind('event = {event:String}', 'event', filter.event);
  bind('type = {type:String}', 'type', filter.type);
  // The person of an event is its user id where it has one: the index over persons finds it.
  bind('actor_hash = sipHash64({user:String}) and user_id = {user:String}', 'user', filter.userId);
  bind('anonymous_id = {anonymous:String}', 'anonymous', filter.anonymousId);
  bind('events.session_id = {session:UUID}', 'session', filter.sessionId);
  bind('events.event_id in {ids:Array(UUID)}', 'ids', filter.eventIds);
  if (before !== undefined) {
    conditions.push(
      `(timestamp, events.event_id) < (fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC'), {before_id:UUID})`,
    );
    params['before_ms'] = before.timestampMs;
    params['before_id'] = before.eventId;
  }
  return {
    name: 'events',
    params,
    row,
    sql: `
      select toString(event_id) as event_id, toUnixTimestamp64Milli(timestamp) as timestamp_ms,
        toUnixTimestamp64Milli(received_at) as received_ms, message_id, type, event, anonymous_id, user_id,
        toString(session_id) as session_id
      from {db:Identifier}.events
      where ${conditions.join('\n        and ')}
      order by events.timestamp desc, events.event_id desc
      limit {limit:UInt32}`,
  };
}
