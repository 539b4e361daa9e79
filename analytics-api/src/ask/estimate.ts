import type { EstimateAnswer } from '@sluice/contracts';
import { z } from 'zod';
import type { ClickHouseQuestion, QueryLimits, RunClickHouse } from '../query-port/run-query.js';

const partsRow = z.object({ table: z.string(), parts: z.int(), rows: z.int() });
const columnRow = z.object({
  table: z.string(),
  name: z.string(),
  bytes_per_row: z.number(),
  /** Of the whole row: parts too small to be stored by column do not say what a column takes. */
  row_bytes: z.number(),
});

/**
 * What a question would read, from the primary index alone: rows of the granules that could hold something, and bytes by the
 * mean size of the columns that it names.
 */
export async function estimate(
  question: ClickHouseQuestion<unknown>,
  { runClickHouse, limits }: { runClickHouse: RunClickHouse; limits: QueryLimits },
): Promise<EstimateAnswer['statements'][number]> {
  const { rows: parts } = await runClickHouse(
    { ...question, name: 'estimate', sql: `explain estimate ${question.sql}`, row: partsRow },
    limits,
  );
  const { rows: columns } = await runClickHouse(
    {
      name: 'column-sizes',
      sql: `
        select c.table as table, c.name as name, c.data_uncompressed_bytes / greatest(t.total_rows, 1) as bytes_per_row,
          t.total_bytes_uncompressed / greatest(t.total_rows, 1) as row_bytes
        from system.columns as c
        inner join system.tables as t on t.database = c.database and t.name = c.table
        where c.database = {db:String} and c.table in {tables:Array(String)}`,
      params: { db: question.params['db'], tables: parts.map(({ table }) => table) },
      row: columnRow,
    },
    limits,
  );
  const words = new Set(question.sql.match(/\w+/g) ?? []);
  const bytesOf = (table: string): number => {
    const own = columns.filter((column) => column.table === table);
    const named = own.filter(({ name }) => words.has(name));
    const known = named.reduce((sum, { bytes_per_row }) => sum + bytes_per_row, 0);
    return known > 0 ? known : ((own[0]?.row_bytes ?? 0) * named.length) / Math.max(own.length, 1);
  };
  return {
    name: question.name,
    rows: parts.reduce((sum, { rows }) => sum + rows, 0),
    bytes: Math.round(parts.reduce((sum, { table, rows }) => sum + rows * bytesOf(table), 0)),
    parts: parts.reduce((sum, part) => sum + part.parts, 0),
  };
}
