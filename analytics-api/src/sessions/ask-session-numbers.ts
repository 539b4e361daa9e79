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
/** The numbers of some sessions. */
const WHOLE = `count() as sessions, uniqExactIf(person, person != 0) as users, sum(pages) as pageviews,
      countIf(interactions <= 1) as bounces, sum(length_ms) as duration_ms,
      quantileExactInclusive(0.5)(length_ms) as median_ms`;
/** The same in a form that can be put together with that of others: nobody is counted twice. */
const PARTIAL = `count() as visits, uniqExactIfState(person, person != 0) as people, sum(pages) as views,
      countIf(interactions <= 1) as single, sum(length_ms) as length,
      quantileExactInclusiveState(0.5)(length_ms) as lengths`;
const MERGED = `sum(visits) as sessions, uniqExactIfMerge(people) as users, sum(views) as pageviews,
      sum(single) as bounces, sum(length) as duration_ms, quantileExactInclusiveMerge(0.5)(lengths) as median_ms`;

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

/** The numbers of all together: without parts to put together, twice as fast. */
export function askTotal({ statement, sql }: SessionRows): ClickHouseQuestion<SlotRow> {
  return {
    name: 'sessions',
    params: statement.params,
    row: slotRow,
    sql: `
    select 0 as slot, 1 as over_all_slots, ${WHOLE}
    from (${sql})`,
  };
}

const groupRow = z.object({ grp: z.string(), ...numbers });
export type GroupRow = z.infer<typeof groupRow>;

/**
 * The numbers of the groups with most sessions, largest first, and of all others together as the last. Groups are ranked
 * first: to count the people of all groups, only to put most of them together, would cost twice as much.
 */
export function askGroups(rows: SessionRows, limit: number): ClickHouseQuestion<GroupRow> {
  const { statement, sql } = rows;
  return {
    name: 'sessions-groups',
    params: statement.params,
    row: groupRow,
    sql: `
    select if(value in (${largestSql(rows, limit)}), value, '${OTHER_KEY}') as grp, ${WHOLE}
    from (select * except grp, grp as value from (${sql}))
    group by grp
    order by grp = '${OTHER_KEY}', sessions desc, grp`,
  };
}

/** The groups with most sessions. */
function largestSql({ statement, sql }: SessionRows, limit: number): string {
  return `select grp from (${sql}) group by grp order by count() desc, grp limit ${statement.bind('UInt32', limit)}`;
}

/** The sessions of one group; of all groups beyond the largest when it is the one of others. */
export function groupCondition(rows: SessionRows, key: string, limit: number): string {
  if (key === OTHER_KEY) return `grp not in (${largestSql(rows, limit)})`;
  return `grp = ${rows.statement.bind('String', key)}`;
}
