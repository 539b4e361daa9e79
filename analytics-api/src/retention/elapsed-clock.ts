import type { Point, RetentionQuery } from '@sluice/contracts';
import type { PeopleSql } from '../ask/query-kind.js';
import type { ClickHouseQuestion } from '../query-port/run-query.js';
import { eventRows, type PersonlessContext } from '../sql/event-rows.js';
import type { Statement } from '../sql/statement.js';
import type { TimeRange } from '../time/range.js';
import type { Zone } from '../time/zone.js';
import { cellRow, type CellRow } from './cells.js';
import { cohortStarts, FIRST_PLACE, returnOf } from './cohort-sql.js';
import type { RetentionTable } from './table.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/**
 * How many of each row came back in each later window of 24 hours; with `on_or_after`, how many came back then for the last
 * time. Everyone has windows of their own, which begin with their start event in the row, or with its hour.
 */
export function askElapsedCells(
  query: RetentionQuery,
  outer: PersonlessContext,
  table: RetentionTable,
  zone: Zone,
): ClickHouseQuestion<CellRow> {
  const windows = query.match === 'on' ? 'windows' : 'if(empty(windows), [], [arrayMax(windows)])';
  const sql = `
    select place - ${FIRST_PLACE} as row, arrayJoin(arrayPushFront(${windows}, 0)) as column, count() as users
    from (${personWindows(query, outer, table, zone)})
    group by row, column`;
  return {
    name: `retention-${query.clock}-${query.cohort}`,
    params: outer.statement.params,
    row: cellRow,
    sql,
  };
}

/** The people of a row who are in a cell, or who are not. */
export function elapsedPeople(
  query: RetentionQuery,
  outer: PersonlessContext,
  table: RetentionTable,
  { row, column, returned }: { row: number } & Pick<Point<'retention'>, 'column' | 'returned'>,
  zone: Zone,
): PeopleSql {
  const { statement } = outer;
  const window = statement.bind('Int64', column);
  const inCell =
    column === 0
      ? 'true'
      : query.match === 'on'
        ? `has(windows, ${window})`
        : `arrayExists(w -> w >= ${window}, windows)`;
  return {
    sql: `
    select person from (${personWindows(query, outer, table, zone)})
    where place = ${statement.bind('UInt16', row + FIRST_PLACE)} and ${returned ? inCell : `not ${inCell}`}`,
    params: statement.params,
  };
}

/**
 * Rows `person`, `place`, `windows`: for each cohort of a person, the windows after the first in which they came back.
 *
 * Of what somebody did on one day of UTC, the first and the last event say as much as all of them: a window is as long as
 * such a day, so it holds the day or one of its ends, and with any event of the day it holds the one at that end.
 */
function personWindows(
  query: RetentionQuery,
  outer: PersonlessContext,
  table: RetentionTable,
  zone: Zone,
): string {
  const { statement } = outer;
  const { rows, range, periods } = table;
  const { selector, field, filters, bots } = returnOf(query);
  const returns = eventRows(outer, {
    selectors: [{ selector, field }],
    filters,
    bots,
    range: { fromMs: range.fromMs, toMs: range.toMs + periods * DAY_MS },
    ofSomebody: true,
  });
  const began = query.clock === 'elapsed_24h' ? 'at' : startOfHourSql(statement, 'at', range, zone);
  const limits = statement.bind(
    'Array(Int64)',
    rows.map((_row, row) => (query.match === 'on' ? table.columnsOf(row) : periods - row)),
  );
  const day = statement.bind('Int64', DAY_MS);
  return `
      select person, start.1 as place,
        arrayDistinct(arrayFilter(
          w -> w > 0 and w < ${limits}[start.1],
          arrayMap(at -> intDiv(at - start.2, ${day}), returns))) as windows
      from (
        select person,
          arrayJoin(groupArrayIf((place, first_at), is_start)) as start,
          arrayConcat(groupArrayIf(first_at, not is_start), groupArrayIf(last_at, not is_start)) as returns
        from (
          select person, place, ${began} as first_at, first_at as last_at, true as is_start
          from (${cohortStarts(query, outer, rows)})
          union all
          select ${returns.person} as person, toUInt16(0) as place,
            min(${RETURNED_AT}) as first_at, max(${RETURNED_AT}) as last_at, false as is_start
          from ${returns.from}
          where ${returns.where}
          group by person, intDiv(${RETURNED_AT}, ${day})
        )
        group by person
      )`;
}

const RETURNED_AT = 'toUnixTimestamp64Milli(timestamp)';

/**
 * The start of the hour of local clocks that an instant (an expression, milliseconds) lies in. Only that part of an offset
 * matters which is no whole hour: most zones keep it.
 */
function startOfHourSql(statement: Statement, at: string, { fromMs, toMs }: TimeRange, zone: Zone): string {
  const segments = zone.segments(fromMs, toMs).map((segment) => ({
    fromMs: segment.fromMs,
    shiftMs: ((segment.offsetMs % HOUR_MS) + HOUR_MS) % HOUR_MS,
  }));
  const starts = statement.bind(
    'Array(Int64)',
    segments.map((segment) => segment.fromMs),
  );
  const shifts = statement.bind(
    'Array(Int64)',
    segments.map(({ shiftMs }) => shiftMs),
  );
  const shift = `transform(roundDown(${at}, ${starts}), ${starts}, ${shifts}, toInt64(0))`;
  return `${at} - (${at} + ${shift}) % ${statement.bind('Int64', HOUR_MS)}`;
}
