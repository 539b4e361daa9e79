import type { Breakdown, TrendsQuery, TrendsSeries, TrendsSeriesAnswer } from '@sluice/contracts';
import { isRolledUp } from '../sql/field-sql.js';
import { isCohortBreakdown, isPeopleBreakdown } from '../sql/group-sql.js';
import { areWholeQuarters, choosePeopleTable, isOfNames } from '../sql/people-table.js';
import type { CalendarBucket } from '../time/buckets.js';

export type TrendsSource = TrendsSeriesAnswer['source'];

/**
 * The table that answers a series. The rollups have quarters of an hour, names, types and people; whatever looks closer is
 * counted from single events.
 */
export function chooseSource(
  series: TrendsSeries,
  query: Pick<TrendsQuery, 'interval' | 'filters' | 'breakdown' | 'source'>,
  buckets: readonly CalendarBucket[],
): TrendsSource {
  if (query.source === 'raw') return 'events';
  const filters = [...series.filters, ...query.filters];
  const breakdown = query.breakdown;
  switch (series.measure) {
    case 'count':
      return filters.every(isOfNames) && isBreakdownOfNames(breakdown) && areWholeQuarters(buckets)
        ? 'counts_15m'
        : 'events';
    case 'unique_users':
    case 'trailing_users':
    case 'count_per_user': {
      if (!isBreakdownOfNames(breakdown) && !isBreakdownOfPeople(breakdown)) return 'events';
      const table = choosePeopleTable(
        { ...series, filters },
        { buckets, interval: query.interval, countsEvents: series.measure === 'count_per_user' },
      );
      const groupsByName = breakdown !== undefined && !isBreakdownOfPeople(breakdown);
      return table === 'active_days' && groupsByName ? 'user_days' : table;
    }
    default:
      return 'events';
  }
}

function isBreakdownOfNames(breakdown: Breakdown | undefined): boolean {
  if (breakdown === undefined) return true;
  return !isCohortBreakdown(breakdown) && !('churn' in breakdown) && isRolledUp(breakdown);
}

function isBreakdownOfPeople(breakdown: Breakdown | undefined): boolean {
  return breakdown !== undefined && isPeopleBreakdown(breakdown);
}
