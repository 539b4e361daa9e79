import { SluiceError, type Point, type RetentionAnswer, type RetentionQuery } from '@sluice/contracts';
import { echoOf, type QuestionKind } from '../ask/query-kind.js';
import { isCompleteTo, type QueryScope } from '../ask/query-scope.js';
import type { PersonlessContext } from '../sql/event-rows.js';
import { askCalendarCells, calendarPeople } from './calendar-clock.js';
import { averagesOf, fillTable } from './cells.js';
import { askElapsedCells, elapsedPeople } from './elapsed-clock.js';
import { retentionTable, type RetentionTable } from './table.js';

/** Who comes back, cohort by cohort. */
export const retention: QuestionKind<'retention'> = {
  kind: 'retention',
  async answer(query, scope): Promise<RetentionAnswer> {
    const table = retentionTable(query, scope);
    const context = contextOf(table, scope);
    const cells = await scope.ask(
      query.clock === 'calendar'
        ? askCalendarCells(query, context, table)
        : askElapsedCells(query, context, table, scope.zone),
    );
    const rows = fillTable(cells, table, query, scope);
    return {
      kind: 'retention',
      query: echoOf(query, { range: table.range, zone: scope.zone }),
      ...scope.frame({ definition: definitionOf(query) }),
      complete: isCompleteTo(table.range.toMs, scope),
      rows,
      averages: averagesOf(rows),
    };
  },
  async people(query, point, scope) {
    const table = retentionTable(query, scope);
    const context = contextOf(table, scope);
    const cell = { ...point, row: rowOf(point, table) };
    return query.clock === 'calendar'
      ? calendarPeople(query, context, table, cell)
      : elapsedPeople(query, context, table, cell, scope.zone);
  },
};

/** What filters go by: behaviours without a time of their own are looked for where the cohorts are. */
function contextOf({ range }: RetentionTable, scope: QueryScope): PersonlessContext {
  return { ...scope.statement(), range };
}

function rowOf(point: Point<'retention'>, { rows, columnsOf }: RetentionTable): number {
  const fail = (message: string, field: string): never => {
    throw new SluiceError('invalid_query', { message, field: `/point/${field}` });
  };
  const row = rows.findIndex(({ startMs }) => startMs === Date.parse(point.row));
  if (row === -1) return fail('No row starts then.', 'row');
  if (point.column >= columnsOf(row)) return fail(`The row has ${columnsOf(row)} columns.`, 'column');
  return row;
}

const COHORTS: Record<RetentionQuery['cohort'], string> = {
  recurring: 'People are in the cohort of every period in which they did the start event.',
  first_touch:
    'People are in the cohort of the period of their first event ever that has the name and type of the start event, if that very event meets its filters.',
  first_matching:
    'People are in the cohort of the period of their first event ever that meets all of the start event.',
};
const CLOCKS: Record<RetentionQuery['clock'], string> = {
  calendar: 'Column k is the k-th period of the local calendar after that of the cohort.',
  elapsed_24h:
    'Column k is the time from k to k + 1 times 24 hours after the first start event of the person in the period of the cohort.',
  elapsed_24h_floored:
    'Column k is the time from k to k + 1 times 24 hours after the start of the local hour of the first start event of the person in the period of the cohort.',
};
const MATCHES: Record<RetentionQuery['match'], string> = {
  on: 'A cell counts those of the cohort who did the return event in its period.',
  on_or_after:
    'A cell counts those of the cohort who did the return event in its period or in a later one, up to the last period of the table.',
};

function definitionOf({ cohort, clock, match }: RetentionQuery): string {
  return [
    COHORTS[cohort],
    CLOCKS[clock],
    MATCHES[match],
    'Column 0 is the cohort itself. Averages are the share of all people in cohorts for which the period has ended and is complete.',
  ].join(' ');
}
