/** What the cells of a column hold, or null. A decimal is a number as text, exact. */
export type ColumnType = 'text' | 'integer' | 'number' | 'decimal' | 'boolean' | 'instant';
export type Cell = string | number | boolean | null;

export interface Column {
  name: string;
  type: ColumnType;
}

/** Rows of one form. */
export interface Table {
  columns: readonly Column[];
  rows: readonly (readonly Cell[])[];
}

export type Row = Readonly<Record<string, Cell | undefined>>;

/** A table of these columns, in their order; what a row does not have is null. */
export function tableWith(types: Readonly<Record<string, ColumnType>>, rows: Iterable<Row>): Table {
  const columns = Object.entries(types).map(([name, type]) => ({ name, type }));
  return { columns, rows: Array.from(rows, (row) => columns.map(({ name }) => row[name] ?? null)) };
}
