import type { Cell, ColumnType, Table } from './table.js';

/**
 * A table as CSV (RFC 4180): a header, lines that end with CR LF, quotes around what needs them. A null is an empty cell, an
 * empty text is `""`.
 *
 * Spreadsheets run a cell that begins like a formula. Text that does, which anybody who sends events may have written, gets
 * an apostrophe in front; readers that are no spreadsheet take it off again, or read NDJSON or Parquet, where nothing is
 * changed. Numbers stay as they are, negative ones too.
 */
export function writeCsv({ columns, rows }: Table): string {
  const header = columns.map(({ name }) => name).join(',');
  const lines = rows.map((row) => row.map((cell, index) => cellOf(cell, columns[index]!.type)).join(','));
  return [header, ...lines, ''].join('\r\n');
}

/** What makes spreadsheets take a cell for a formula, also behind spaces, in their wide forms, too. */
const FORMULA = /^[\t\r\n ]*[=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20]/;

function cellOf(cell: Cell, type: ColumnType): string {
  if (cell === null) return '';
  if (type !== 'text') return String(cell);
  const text = String(cell);
  const guarded = FORMULA.test(text) ? `'${text}` : text;
  return guarded === '' || /[",\r\n']|^\s|\s$/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}
