import type { LifecycleQuery } from '@sluice/contracts';
import type { PeopleSql } from '../ask/query-kind.js';
import type { QueryScope } from '../ask/query-scope.js';
import { activityRows } from '../sql/activity-rows.js';
import { choosePeopleTable } from '../sql/people-table.js';
import { cutIntoBuckets, type CalendarBucket, type CalendarOptions } from '../time/buckets.js';
import { numbered, type Placed } from '../time/place-sql.js';
import type { TimeRange } from '../time/range.js';

/** The place of the bucket before the first; 0 is everything earlier. */
const BEFORE_FIRST = 1;
/** The place of the first bucket of the range. */
export const FIRST_PLACE = 2;

const HOUR_MS = 3_600_000;
/** Longer than two of the intervals, whatever clocks do. */
const LOOK_BACK_MS = { hour: 3 * HOUR_MS, day: 60 * HOUR_MS, week: 360 * HOUR_MS, month: 1_560 * HOUR_MS };

/**
 * Rows `person` and `places`: all places in which each was active, in order, each once. Consecutive buckets have consecutive
 * places.
 */
export function peoplePlaces(
  query: LifecycleQuery,
  scope: QueryScope,
  buckets: readonly CalendarBucket[],
): PeopleSql {
  const { event, type, filters, bots, interval } = query;
  const calendar = { interval, weekStart: query.week_start, zone: scope.zone };
  const places = withLookBack(buckets, scope.range, calendar);
  const outer = scope.statement();
  const selector = { event, type, filters };
  const rows = activityRows(
    outer,
    { selector, field: '', filters: [], bots },
    { places, earlier: true, table: choosePeopleTable(selector, { buckets: places, interval }) },
  );
  return {
    sql: `select person, arraySort(arrayDistinct(groupArray(place))) as places from (${rows}) group by person`,
    params: outer.statement.params,
  };
}

/**
 * The buckets with the whole interval before the first. Where the first bucket is cut by the start of the range, what is cut
 * off lies between the two and counts as earlier.
 */
function withLookBack(
  buckets: readonly CalendarBucket[],
  { fromMs }: TimeRange,
  calendar: CalendarOptions & { interval: keyof typeof LOOK_BACK_MS },
): Placed[] {
  const lookBackMs = Math.max(fromMs - LOOK_BACK_MS[calendar.interval], 0);
  const units = cutIntoBuckets({ fromMs: lookBackMs, toMs: fromMs + 1 }, calendar);
  const { startMs } = units.at(-1)!;
  return [
    ...numbered(units.slice(-2, -1), BEFORE_FIRST),
    ...(startMs < fromMs ? [{ startMs, endMs: fromMs, place: 0 }] : []),
    ...numbered(buckets, FIRST_PLACE),
  ];
}
