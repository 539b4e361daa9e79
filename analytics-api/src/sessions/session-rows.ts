import type { SessionsQuery } from '@sluice/contracts';
import type { PersonlessContext } from '../sql/event-rows.js';
import { SESSION_SQL } from '../sql/field-sql.js';
import { botConditions } from '../sql/filter-sql.js';
import { keyOf } from '../sql/group-sql.js';
import { withPeople } from '../sql/people-sql.js';
import { timeCondition, type Statement } from '../sql/statement.js';
import type { CalendarBucket } from '../time/buckets.js';
import type { TimeRange } from '../time/range.js';
import { slotSql } from '../time/slot-sql.js';
import { sessionConditions } from './session-conditions.js';

export interface SessionRows {
  statement: Statement;
  /** Rows `slot`, `grp`, `pages`, `interactions` and `length_ms`: one for each session. */
  visits: string;
  /** The same with `person` (0: nobody). To find them costs as much as to read all the rest. */
  peopled: string;
}

/**
 * The sessions that start within some buckets. Parts of the table hold what single batches of events say of a session;
 * `final` puts these together, so there is one row for each.
 *
 * @param within Only sessions that start in here: a part of the buckets.
 */
export function sessionRows(
  query: SessionsQuery,
  context: PersonlessContext,
  buckets: readonly CalendarBucket[],
  within: TimeRange,
): SessionRows {
  const { statement } = context;
  const { breakdown, bots, filters } = query;
  const conditions = [
    'project_id = {project:UInt32}',
    timeCondition(statement, 'started_at', within),
    ...botConditions(bots),
    ...sessionConditions(filters, context),
  ];
  const visits = `
        select ${slotSql(statement, 'toUnixTimestamp64Milli(started_at)', buckets)} as slot,
          ${breakdown === undefined ? `''` : keyOf(SESSION_SQL[breakdown.session])} as grp,
          tupleElement(actor, 'hash') as actor_hash, pages, interactions,
          toUInt64(greatest(toUnixTimestamp64Milli(ended_at) - toUnixTimestamp64Milli(started_at), 0)) as length_ms
        from {db:Identifier}.sessions final
        where ${conditions.join('\n          and ')}`;
  const { from, person } = withPeople(statement, `(${visits}) as visits`);
  return {
    statement,
    visits,
    peopled: `
      select slot, grp, ${person} as person, pages, interactions, length_ms
      from ${from}`,
  };
}
