import type { Breakdown, Filter, TrendsQuery, TrendsSeries, TrendsSeriesAnswer } from '@sluice/contracts';
import { isAboutPeople } from '../sql/filter-sql.js';
import { isRolledUp } from '../sql/field-sql.js';
import { isCohortBreakdown } from '../sql/group-sql.js';
import { isClockInterval, type CalendarBucket } from '../time/buckets.js';

export type TrendsSource = TrendsSeriesAnswer['source'];

const QUARTER_MS = 900_000;
const DAY_MS = 86_400_000;

/**
 * The table that answers a series. The rollups have quarters of an hour, names, types and people; whatever looks closer is
 * counted from single events. All zones of today keep their offsets in whole quarters, but a range need not start at one.
 * People by the hour come from single events, too: one day of a person falls into 24 buckets, which costs more than the few
 * events of that day.
 */
export function chooseSource(
  series: TrendsSeries,
  query: Pick<TrendsQuery, 'interval' | 'filters' | 'breakdown' | 'source'>,
  buckets: readonly CalendarBucket[],
): TrendsSource {
  if (query.source === 'raw') return 'events';
  const filters = [...series.filters, ...query.filters];
  const breakdown = query.breakdown;
  const isAligned = (unitMs: number): boolean =>
    buckets.every(({ startMs, endMs }) => startMs % unitMs === 0 && endMs % unitMs === 0);
  if (!isAligned(QUARTER_MS)) return 'events';
  switch (series.measure) {
    case 'count':
      return filters.every(isOfNames) && isBreakdownOfNames(breakdown) ? 'counts_15m' : 'events';
    case 'unique_users':
    case 'trailing_users':
    case 'count_per_user': {
      if (isClockInterval(query.interval)) return 'events';
      // A day of a person has one count for all its quarters.
      if (series.measure === 'count_per_user' && !isAligned(DAY_MS)) return 'events';
      if (!filters.every((filter) => isOfNames(filter) || isAboutPeople(filter))) return 'events';
      if (!isBreakdownOfNames(breakdown) && !isBreakdownOfPeople(breakdown)) return 'events';
      const looksAtNames =
        series.event !== null ||
        series.type !== null ||
        !filters.every(isAboutPeople) ||
        (breakdown !== undefined && !isBreakdownOfPeople(breakdown));
      return looksAtNames ? 'user_days' : 'active_days';
    }
    default:
      return 'events';
  }
}

/** Whether a filter looks at nothing but names and types of events. */
function isOfNames(filter: Filter): boolean {
  if ('and' in filter) return filter.and.every(isOfNames);
  if ('or' in filter) return filter.or.every(isOfNames);
  if ('not' in filter) return isOfNames(filter.not);
  if ('has_done' in filter || 'has_not_done' in filter || 'cohort' in filter) return false;
  return isRolledUp(filter);
}

function isBreakdownOfNames(breakdown: Breakdown | undefined): boolean {
  return breakdown === undefined || (!isCohortBreakdown(breakdown) && isRolledUp(breakdown));
}

function isBreakdownOfPeople(breakdown: Breakdown | undefined): boolean {
  return breakdown !== undefined && (isCohortBreakdown(breakdown) || breakdown.user_property !== undefined);
}
