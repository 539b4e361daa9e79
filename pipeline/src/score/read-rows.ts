import type { ClickHouse } from '@sluice/warehouse';
import { HISTORY_ROW_BYTES } from './history-rows.js';
import type { Sql } from './history-sql.js';

/** A scoring leaves room for landing and for answers. Aggregation that would take more memory goes on on disk. */
const READ_SETTINGS = {
  join_use_nulls: 1 as const,
  max_threads: 2,
  max_bytes_before_external_group_by: String(256 * 1024 ** 2),
  // The status of the answer is then that of the whole of it.
  wait_end_of_query: 1 as const,
};

/** Rows of a history question, as bytes: `HISTORY_ROW_BYTES` each. */
export async function readHistoryRows(clickhouse: ClickHouse, sql: Sql): Promise<Buffer> {
  const { stream } = await clickhouse.client.exec({
    query: `${sql.text}\n format RowBinary`,
    query_params: sql.params,
    clickhouse_settings: READ_SETTINGS,
  });
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  const rows = Buffer.concat(chunks);
  if (rows.length % HISTORY_ROW_BYTES !== 0) throw new Error('The histories of people were cut off.');
  return rows;
}

/** The first row of a small question; undefined when there is none. */
export async function readOne<Row>(clickhouse: ClickHouse, sql: Sql): Promise<Row | undefined> {
  const result = await clickhouse.client.query({
    query: sql.text,
    query_params: sql.params,
    format: 'JSONEachRow',
    clickhouse_settings: READ_SETTINGS,
  });
  return (await result.json<Row>())[0];
}
