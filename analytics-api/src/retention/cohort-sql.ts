import type { RetentionQuery } from '@sluice/contracts';
import { activityRows, type Activity } from '../sql/activity-rows.js';
import { eventRows, selectorSql, type PersonlessContext } from '../sql/event-rows.js';
import { choosePeopleTable } from '../sql/people-table.js';
import type { CalendarBucket } from '../time/buckets.js';
import { numbered, placeSql } from '../time/place-sql.js';

/** The place of the first row. What lies before all rows is place 0. */
export const FIRST_PLACE = 1;

const AT = 'toUnixTimestamp64Milli(timestamp)';

export function startOf({ start, filters, bots }: RetentionQuery): Activity {
  return { selector: start, field: '/start', filters, bots };
}

export function returnOf({ return: selector, filters, bots }: RetentionQuery): Activity {
  return { selector, field: '/return', filters, bots };
}

/** Rows `person` and `place`: who is in the cohorts of which rows. The same can come many times. */
export function cohortRows(
  query: RetentionQuery,
  outer: PersonlessContext,
  rows: readonly CalendarBucket[],
): string {
  const activity = startOf(query);
  if (query.cohort === 'first_touch' && query.start.filters.length > 0) {
    return `select person, place from (${firstTouches(query, outer, rows)})`;
  }
  const started = activityRows(outer, activity, {
    places: numbered(rows, FIRST_PLACE),
    earlier: query.cohort !== 'recurring',
    table: choosePeopleTable(
      { ...query.start, filters: [...query.start.filters, ...query.filters] },
      { buckets: rows, interval: query.period },
    ),
  });
  if (query.cohort === 'recurring') return `select person, place from (${started})`;
  return `select person, min(place) as place from (${started}) group by person having place > 0`;
}

/** Rows `person`, `place` and `at` (milliseconds): the start event of everyone in the cohort of each row. */
export function cohortStarts(
  query: RetentionQuery,
  outer: PersonlessContext,
  rows: readonly CalendarBucket[],
): string {
  if (query.cohort === 'first_touch' && query.start.filters.length > 0)
    return firstTouches(query, outer, rows);
  const { statement } = outer;
  const { selector, field, filters, bots } = startOf(query);
  const isRecurring = query.cohort === 'recurring';
  const { from, person, where } = eventRows(outer, {
    selectors: [{ selector, field }],
    filters,
    bots,
    range: { fromMs: isRecurring ? rows[0]!.startMs : 0, toMs: rows.at(-1)!.endMs },
    ofSomebody: true,
  });
  const place = (at: string): string => placeSql(statement, at, numbered(rows, FIRST_PLACE));
  if (isRecurring) {
    return `
      select ${person} as person, ${place(AT)} as place, min(${AT}) as at
      from ${from}
      where ${where}
      group by person, place`;
  }
  return `
      select person, ${place('at')} as place, at
      from (select ${person} as person, min(${AT}) as at from ${from} where ${where} group by person)
      where at >= ${statement.bind('Int64', rows[0]!.startMs)}`;
}

/**
 * The first event ever by name and type of everyone for whom it meets the filters of the start event. Of events at the very
 * same time, one that meets them is enough.
 */
function firstTouches(
  query: RetentionQuery,
  outer: PersonlessContext,
  rows: readonly CalendarBucket[],
): string {
  const { statement } = outer;
  const { selector, field, filters, bots } = startOf(query);
  const { from, person, where, context } = eventRows(outer, {
    selectors: [{ selector: { ...selector, filters: [] }, field }],
    filters,
    bots,
    range: { fromMs: 0, toMs: rows.at(-1)!.endMs },
    ofSomebody: true,
  });
  return `
      select person, ${placeSql(statement, 'at', numbered(rows, FIRST_PLACE))} as place, at
      from (
        select ${person} as person, min(${AT}) as at, minIf(${AT}, ${selectorSql(selector, context, field)}) as met_at
        from ${from}
        where ${where}
        group by person
      )
      where at = met_at and at >= ${statement.bind('Int64', rows[0]!.startMs)}`;
}
