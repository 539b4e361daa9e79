import type { Point, RetentionQuery } from '@sluice/contracts';
import type { PeopleSql } from '../ask/query-kind.js';
import type { ClickHouseQuestion } from '../query-port/run-query.js';
import { activityRows } from '../sql/activity-rows.js';
import type { PersonlessContext } from '../sql/event-rows.js';
import { choosePeopleTable } from '../sql/people-table.js';
import { numbered } from '../time/place-sql.js';
import { cellRow, type CellRow } from './cells.js';
import { cohortRows, FIRST_PLACE, returnOf, startOf } from './cohort-sql.js';
import type { RetentionTable } from './table.js';

/**
 * How many of each row came back in each later period; with `on_or_after`, how many came back then for the last time.
 *
 * Everyone gets a number; each place has the set of those who start in it and the set of those who come back in it, as
 * bitmaps of these numbers; a cell is the size of an intersection. So the work grows with the activity and, by little, with
 * the cells, and not with the pairs of active periods of each person.
 */
export function askCalendarCells(
  query: RetentionQuery,
  outer: PersonlessContext,
  table: RetentionTable,
): ClickHouseQuestion<CellRow> {
  const { statement } = outer;
  const widest = statement.bind('UInt16', query.match === 'on' ? table.columnsOf(0) - 1 : table.periods);
  return {
    name: `retention-calendar-${query.cohort}`,
    params: statement.params,
    row: cellRow,
    sql: `
    select
      places[i] - ${FIRST_PLACE} as row,
      if(j = i, 0, places[j] - places[i]) as column,
      bitmapAndCardinality(people[i], people[j]) as users
    from (
      select places, people, i,
        arrayJoin(arrayPushFront(
          arrayFilter(j -> j > row_count and places[j] > places[i] and places[j] - places[i] <= ${widest}, arrayEnumerate(places)),
          i)) as j
      from (
        select
          length(starts) as row_count,
          arrayConcat(starts.1, returns.1) as places,
          arrayConcat(starts.2, returns.2) as people,
          arrayJoin(arrayEnumerate(starts)) as i
        from (
          select
            groupArrayIf((place, people), is_start) as starts,
            groupArrayIf((place, people), is_return) as returns
          from (
            select intDiv(code, 4) as place, bitTest(code, 0) as is_start, bitTest(code, 1) as is_return,
              groupBitmapState(number) as people
            from (
              select arrayJoin(codes) as code, number
              from (
                select arrayDistinct(groupArray(code)) as codes, toUInt32(rowNumberInAllBlocks()) as number
                from (${codedRows(query, outer, table)})
                group by person
              )
            )
            group by code
          )
        )
      )
    )`,
  };
}

/**
 * Rows `person` and `code`: a place times 4, plus 1 where the person is in the cohort of that place, plus 2 where they came
 * back in it.
 */
function codedRows(query: RetentionQuery, outer: PersonlessContext, table: RetentionTable): string {
  const { statement } = outer;
  if (startsAreReturns(query, table)) {
    const last = statement.bind('UInt16', table.rows.length);
    return `select person, toUInt32(place) * 4 + if(place <= ${last}, 3, 2) as code from (${returnRows(query, outer, table)})`;
  }
  const returns =
    query.match === 'on'
      ? `select person, place from (${returnRows(query, outer, table)})`
      : `select person, max(place) as place from (${returnRows(query, outer, table)}) group by person`;
  return `
      select person, toUInt32(place) * 4 + 1 as code from (${cohortRows(query, outer, table.rows)})
      union all
      select person, toUInt32(place) * 4 + 2 as code from (${returns})`;
}

/** Whether one reading of the rows says both who starts and who comes back. */
function startsAreReturns(query: RetentionQuery, { rows, returns }: RetentionTable): boolean {
  return (
    query.cohort === 'recurring' &&
    query.match === 'on' &&
    JSON.stringify(startOf(query).selector) === JSON.stringify(returnOf(query).selector) &&
    rows.every(({ endMs }, index) => endMs === returns[index]!.endMs)
  );
}

function returnRows(query: RetentionQuery, outer: PersonlessContext, { returns }: RetentionTable): string {
  return activityRows(outer, returnOf(query), {
    places: numbered(returns, FIRST_PLACE),
    table: choosePeopleTable(
      { ...query.return, filters: [...query.return.filters, ...query.filters] },
      { buckets: returns, interval: query.period },
    ),
  });
}

/** The people of a row who are in a cell, or who are not. */
export function calendarPeople(
  query: RetentionQuery,
  outer: PersonlessContext,
  table: RetentionTable,
  { row, column, returned }: { row: number } & Pick<Point<'retention'>, 'column' | 'returned'>,
): PeopleSql {
  const { statement } = outer;
  const bind = (place: number): string => statement.bind('UInt16', place);
  const place = row + FIRST_PLACE;
  const inCell =
    column === 0
      ? 'true'
      : `person in (
      select person from (${returnRows(query, outer, table)})
      where place ${query.match === 'on' ? '=' : '>='} ${bind(place + column)})`;
  return {
    sql: `
    select person from (${cohortRows(query, outer, table.rows)})
    where place = ${bind(place)} and ${returned ? inCell : `not ${inCell}`}
    group by person`,
    params: statement.params,
  };
}
