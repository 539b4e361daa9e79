import { parquetWriteBuffer } from 'hyparquet-writer';
import type { Cell, ColumnType, Table } from './table.js';

type ColumnSource = Parameters<typeof parquetWriteBuffer>[0]['columnData'][number];

const TYPES = {
  text: 'STRING',
  // Text is what keeps every digit, whatever the scale.
  decimal: 'STRING',
  integer: 'INT64',
  number: 'DOUBLE',
  boolean: 'BOOLEAN',
  instant: 'TIMESTAMP',
} as const satisfies Record<ColumnType, ColumnSource['type']>;

/** A table as a Parquet file: every column may hold nulls; instants are milliseconds in UTC. `about` becomes metadata. */
export function writeParquet(table: Table, about: Readonly<Record<string, string>>): Buffer {
  const columnData = table.columns.map(({ name, type }, index): ColumnSource => ({
    name,
    type: TYPES[type],
    nullable: true,
    data: table.rows.map((row) => valueOf(row[index]!, type)),
  }));
  const file = parquetWriteBuffer({
    columnData,
    kvMetadata: Object.entries(about).map(([key, value]) => ({ key, value })),
    createdBy: 'sluice',
  });
  return Buffer.from(file);
}

function valueOf(cell: Cell, type: ColumnType): unknown {
  if (cell === null) return null;
  if (type === 'integer') return BigInt(cell);
  return type === 'instant' ? new Date(String(cell)) : cell;
}
