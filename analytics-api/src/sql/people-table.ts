import type { EventSelector, Filter, Interval } from '@sluice/contracts';
import { isClockInterval } from '../time/buckets.js';
import { isRolledUp } from './field-sql.js';
import { isAboutPeople } from './filter-sql.js';

/** Tables that say who was active when. */
export type PeopleTable = 'active_days' | 'user_days' | 'events';

const QUARTER_MS = 900_000;
const DAY_MS = 86_400_000;

interface Stretch {
  startMs: number;
  endMs: number;
}

/**
 * The cheapest table that says who did such events in which buckets. The tables of days have quarters of an hour, names,
 * types and people; whatever looks closer is answered from single events. All zones of today keep their offsets in whole
 * quarters, but a range need not start at one. Hours come from single events, too: one day of a person falls into 24
 * buckets, which costs more than the few events of that day.
 *
 * @param countsEvents Whether it matters how many events somebody did: a day has one count for all its quarters.
 */
export function choosePeopleTable(
  { event, type, filters }: EventSelector,
  options: { buckets: readonly Stretch[]; interval: Interval | 'total'; countsEvents?: boolean },
): PeopleTable {
  const { buckets, interval, countsEvents = false } = options;
  if (isClockInterval(interval) || !areWholeQuarters(buckets)) return 'events';
  if (countsEvents && !areAligned(buckets, DAY_MS)) return 'events';
  if (!filters.every((filter) => isOfNames(filter) || isAboutPeople(filter))) return 'events';
  return event === null && type === null && filters.every(isAboutPeople) ? 'active_days' : 'user_days';
}

export function areWholeQuarters(buckets: readonly Stretch[]): boolean {
  return areAligned(buckets, QUARTER_MS);
}

function areAligned(buckets: readonly Stretch[], unitMs: number): boolean {
  return buckets.every(({ startMs, endMs }) => startMs % unitMs === 0 && endMs % unitMs === 0);
}

/** Whether a filter looks at nothing but names and types of events. */
export function isOfNames(filter: Filter): boolean {
  if ('and' in filter) return filter.and.every(isOfNames);
  if ('or' in filter) return filter.or.every(isOfNames);
  if ('not' in filter) return isOfNames(filter.not);
  if ('has_done' in filter || 'has_not_done' in filter || 'cohort' in filter || 'churn' in filter)
    return false;
  return isRolledUp(filter);
}
