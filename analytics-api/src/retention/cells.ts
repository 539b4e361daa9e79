import type { RetentionAnswer, RetentionQuery } from '@sluice/contracts';
import { z } from 'zod';
import type { DataView } from '../ask/query-scope.js';
import { isoOf } from '../time/range.js';
import { isMature, type RetentionTable } from './table.js';

export const cellRow = z.object({ row: z.int(), column: z.int(), users: z.int() });
/** People of a row (from 0) who came back in a column; column 0 is the cohort. Cells with nobody are missing. */
export type CellRow = z.infer<typeof cellRow>;

type Row = RetentionAnswer['rows'][number];

/** The rows of an answer from the cells that were found. */
export function fillTable(
  found: readonly CellRow[],
  table: RetentionTable,
  query: Pick<RetentionQuery, 'match' | 'clock'>,
  view: Pick<DataView, 'completeThroughMs'>,
): Row[] {
  const users = table.rows.map((_row, row) => new Array<number>(table.periods - row).fill(0));
  for (const cell of found) users[cell.row]![cell.column] = cell.users;
  // Found is who came back in a column for the last time: they count in all columns before.
  if (query.match === 'on_or_after') for (const row of users) addFromBehind(row);
  return table.rows.map(({ startMs, endMs, label, partial }, row) => {
    const size = users[row]![0]!;
    return {
      start: isoOf(startMs),
      end: isoOf(endMs),
      label,
      partial,
      size,
      cells: users[row]!.slice(0, table.columnsOf(row)).map((count, column) => ({
        users: count,
        rate: size === 0 ? null : count / size,
        mature: isMature(table, { row, column }, query, view),
      })),
    };
  });
}

/** Column 0 is the whole cohort already. */
function addFromBehind(row: number[]): void {
  for (let column = row.length - 2; column > 0; column -= 1) row[column]! += row[column + 1]!;
}

/**
 * For each column, the share of all people in cohorts for which its period has ended: every person weighs the same, and a
 * period that has only begun pulls nothing down.
 */
export function averagesOf(rows: readonly Row[]): RetentionAnswer['averages'] {
  const columns = Math.max(...rows.map(({ cells }) => cells.length));
  return Array.from({ length: columns }, (_column, column) => {
    const ended = rows.filter(({ size, cells }) => size > 0 && cells[column]?.mature === true);
    const users = ended.reduce((sum, { size }) => sum + size, 0);
    const returned = ended.reduce((sum, { cells }) => sum + cells[column]!.users, 0);
    return { rate: users === 0 ? null : returned / users, cohorts: ended.length, users };
  });
}
