import type { RevenueQuery } from '@sluice/contracts';
import { z } from 'zod';
import type { ClickHouseQuestion } from '../query-port/run-query.js';
import type { PersonlessContext } from '../sql/event-rows.js';
import type { CalendarBucket } from '../time/buckets.js';
import { slotSql } from '../time/slot-sql.js';
import { AMOUNT, purchases } from './purchase-rows.js';

const revenueRow = z.object({
  currency: z.string(),
  /** Start of the bucket, milliseconds; meaningless when the row is over all buckets. */
  slot: z.int(),
  over_all_slots: z.int(),
  /** A decimal: sums of decimals are exact. */
  revenue: z.string(),
  purchases: z.int(),
  paying_users: z.int(),
});
export type RevenueRow = z.infer<typeof revenueRow>;

/** What was paid in each bucket and in all together, by currency. People are counted for each, once. */
export function askRevenue(
  query: RevenueQuery,
  context: PersonlessContext,
  buckets: readonly CalendarBucket[],
): ClickHouseQuestion<RevenueRow> {
  const { statement, range } = context;
  const { from, person, where } = purchases(query, context, range);
  return {
    name: 'revenue',
    params: statement.params,
    row: revenueRow,
    sql: `
    select currency, slot, grouping(slot) as over_all_slots, toString(sum(part.1)) as revenue, sum(part.2) as purchases,
      uniqExactIfMerge(part.3) as paying_users
    from (
      select currency, slot, (sum(amount), count(), uniqExactIfState(person, person != 0)) as part
      from (
        select currency, ${slotSql(statement, 'toUnixTimestamp64Milli(timestamp)', buckets)} as slot,
          ${AMOUNT} as amount, ${person} as person
        from ${from}
        where ${where}
      )
      group by currency, slot
    )
    group by grouping sets ((currency, slot), (currency))`,
  };
}
