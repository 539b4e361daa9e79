import type { Table } from './table.js';

/** A table as one JSON object a line, each with every column. */
export function writeNdjson({ columns, rows }: Table): string {
  return rows
    .map((row) => {
      const object = Object.fromEntries(columns.map(({ name }, index) => [name, row[index]]));
      return `${JSON.stringify(object)}\n`;
    })
    .join('');
}
