import { z } from 'zod';
import type { EventKey } from '../events/event-cursor.js';
import type { ClickHouseQuestion } from '../query-port/run-query.js';

const row = z.object({ event_id: z.string(), timestamp_ms: z.int() });
export type PersonEventRow = z.infer<typeof row>;

/** The newest events of one person before `before`: which they are and when, read in their own order. */
export function askPersonEvents(options: {
  database: string;
  projectId: number;
  /** Ids of the person, before merges. */
  actorIds: readonly string[];
  before: EventKey | undefined;
  limit: number;
}): ClickHouseQuestion<PersonEventRow> {
  const { database, projectId, actorIds, before, limit } = options;
  return {
    name: 'person-events',
    params: {
      db: database,
      project: projectId,
      actors: actorIds,
      limit,
      ...(before === undefined ? {} : { before_ms: before.timestampMs, before_id: before.eventId }),
    },
    row,
    sql: `
      select toString(event_id) as event_id, toUnixTimestamp64Milli(timestamp) as timestamp_ms
      from {db:Identifier}.events
      where project_id = {project:UInt32}
        and actor_hash in (select sipHash64(arrayJoin({actors:Array(String)})))${
          before === undefined
            ? ''
            : `
        and (timestamp, events.event_id) < (fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC'), {before_id:UUID})`
        }
      order by events.timestamp desc, events.event_id desc
      limit {limit:UInt32}`,
  };
}
