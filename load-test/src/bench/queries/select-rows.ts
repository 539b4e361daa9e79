import type { Row } from './measured-questions.js';
import type { BenchInstance } from './open-instance.js';

/** Runs a statement on the same engine and tables as the API; `{db}` stands for the database. */
export async function selectRows({ clickhouse, database }: BenchInstance, sql: string): Promise<Row[]> {
  const result = await clickhouse.client.query({
    query: sql.replaceAll('{db}', database),
    format: 'JSON',
    clickhouse_settings: { max_execution_time: 0, output_format_json_quote_64bit_integers: 0 },
  });
  const { data } = await result.json<Row>();
  return data;
}

/** Makes the engine forget what it remembers of the tables. What the system has read stays in its memory of files. */
export async function forgetTables({ clickhouse }: BenchInstance): Promise<void> {
  for (const cache of ['mark', 'primary index', 'uncompressed', 'query condition']) {
    await clickhouse.client.command({ query: `system drop ${cache} cache` });
  }
}
