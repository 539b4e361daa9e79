import { z } from 'zod';
import type { ClickHouseQuestion } from '../query-port/run-query.js';
import { OTHER_KEY } from '../sql/group-sql.js';
import type { SessionRows } from './session-rows.js';

const numbers = {
  sessions: z.int(),
  users: z.int(),
  pageviews: z.int(),
  bounces: z.int(),
  /** Of all sessions together. */
  duration_ms: z.int(),
  /** Null without sessions. */
  median_ms: z.number().nullable(),
};
/** What some sessions say, in a form that can be put together with that of others: nobody is counted twice. */
const PARTIAL = `count() as visits, uniqExactIfState(person, person != 0) as people, sum(pages) as views,
      countIf(interactions <= 1) as single, sum(duration_ms) as duration,
      quantileExactInclusiveState(0.5)(duration_ms) as durations`;
const MERGED = `sum(visits) as sessions, uniqExactIfMerge(people) as users, sum(views) as pageviews,
      sum(single) as bounces, sum(duration) as duration_ms, quantileExactInclusiveMerge(0.5)(durations) as median_ms`;

const slotRow = z.object({
  /** Start of the bucket, milliseconds; meaningless when the row is over all buckets. */
  slot: z.int(),
  over_all_slots: z.int(),
  ...numbers,
});
export type SlotRow = z.infer<typeof slotRow>;
export type NumbersRow = Pick<SlotRow, keyof typeof numbers>;

/** The numbers of each bucket, and of all together. */
export function askSlots({ statement, sql }: SessionRows): ClickHouseQuestion<SlotRow> {
  return {
    name: 'sessions',
    params: statement.params,
    row: slotRow,
    sql: `
    select slot, grouping(slot) as over_all_slots, ${MERGED}
    from (select slot, ${PARTIAL} from (${sql}) group by slot)
    group by grouping sets ((slot), ())`,
  };
}

/** The numbers of all together: without parts that are put together later, twice as fast. */
export function askTotal({ statement, sql }: SessionRows): ClickHouseQuestion<SlotRow> {
  return {
    name: 'sessions',
    params: statement.params,
    row: slotRow,
    sql: `
    select 0 as slot, 1 as over_all_slots, count() as sessions, uniqExactIf(person, person != 0) as users,
      sum(pages) as pageviews, countIf(interactions <= 1) as bounces, sum(visits.duration_ms) as duration_ms,
      quantileExactInclusive(0.5)(visits.duration_ms) as median_ms
    from (${sql}) as visits`,
  };
}

const groupRow = z.object({ grp: z.string(), ...numbers });
export type GroupRow = z.infer<typeof groupRow>;

/** The numbers of the groups with most sessions, largest first, and of all others together as the last. */
export function askGroups({ statement, sql }: SessionRows, limit: number): ClickHouseQuestion<GroupRow> {
  return {
    name: 'sessions-groups',
    params: statement.params,
    row: groupRow,
    sql: `
    select if(place <= ${statement.bind('UInt32', limit)}, value, '${OTHER_KEY}') as grp, min(place) as first_place, ${MERGED}
    from (
      select *, row_number() over (order by visits desc, value) as place
      from (select grp as value, ${PARTIAL} from (${sql}) group by value)
    )
    group by grp
    order by first_place`,
  };
}

const rankRow = z.object({ grp: z.string() });

/** The groups with most sessions: the same that `askGroups` names. */
export function askLargestGroups(
  { statement, sql }: SessionRows,
  limit: number,
): ClickHouseQuestion<z.infer<typeof rankRow>> {
  return {
    name: 'sessions-largest-groups',
    params: statement.params,
    row: rankRow,
    sql: `
    select grp from (${sql}) group by grp order by count() desc, grp limit ${statement.bind('UInt32', limit)}`,
  };
}
