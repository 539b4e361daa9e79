import type { StickinessQuery } from '@sluice/contracts';
import type { PeopleSql } from '../ask/query-kind.js';
import type { QueryScope } from '../ask/query-scope.js';
import { activityRows } from '../sql/activity-rows.js';
import { choosePeopleTable } from '../sql/people-table.js';
import type { CalendarBucket } from '../time/buckets.js';
import { numbered } from '../time/place-sql.js';

/** Bits of the number that holds the periods of a person. */
const MOST_BITS = 64;

/** Rows `person` and `periods`: in how many of the buckets each was active. */
export function periodsSql(
  query: StickinessQuery,
  scope: QueryScope,
  buckets: readonly CalendarBucket[],
): PeopleSql {
  const { event, type, filters, bots, interval, min_events: least } = query;
  const outer = scope.statement();
  const { statement } = outer;
  const selector = { event, type, filters };
  const rows = activityRows(
    outer,
    { selector, field: '', filters: [], bots },
    {
      places: numbered(buckets, 0),
      table: choosePeopleTable(selector, { buckets, interval, countsEvents: least > 1 }),
    },
  );
  if (least > 1) {
    const sql = `
    select person, count() as periods
    from (
      select person, place from (${rows}) group by person, place
      having sum(n) >= ${statement.bind('UInt64', least)}
    )
    group by person`;
    return { sql, params: statement.params };
  }
  // A bit for each period costs a third of a set of them.
  const periods =
    buckets.length <= MOST_BITS
      ? 'bitCount(groupBitOr(bitShiftLeft(toUInt64(1), place)))'
      : 'uniqExact(place)';
  return {
    sql: `select person, ${periods} as periods from (${rows}) group by person`,
    params: statement.params,
  };
}
