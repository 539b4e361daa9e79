import type { WatchedSources } from '@sluice/analytics-api/watched';
import type { ClickHouse } from '@sluice/warehouse';
import { z } from 'zod';

/** Time and memory of one question: it may wait longer than a person would, and must leave room for their questions. */
const MAX_SECONDS = 60;
const MAX_MEMORY_BYTES = 512 * 1024 * 1024;
const MAX_ROWS = 1_000_000;

const document = z.object({ data: z.array(z.unknown()), rows: z.int() });

/** Reads rows of ClickHouse; rejects when the question fails, is cut off, or rows do not have their form. */
export function createAskClickHouse(clickhouse: ClickHouse, stopping: AbortSignal): WatchedSources['ask'] {
  return async ({ sql, params, row }, { maxRows = MAX_ROWS } = { maxRows: MAX_ROWS }) => {
    const result = await clickhouse.client.query({
      query: sql,
      query_params: params,
      // One document: an answer that was cut off does not parse, and so cannot be taken for a whole one.
      format: 'JSON',
      abort_signal: AbortSignal.any([stopping, AbortSignal.timeout((MAX_SECONDS + 5) * 1_000)]),
      clickhouse_settings: {
        readonly: '1',
        max_execution_time: MAX_SECONDS,
        timeout_overflow_mode: 'throw',
        max_memory_usage: String(MAX_MEMORY_BYTES),
        max_result_rows: String(maxRows),
        result_overflow_mode: 'throw',
        output_format_json_quote_64bit_integers: 0,
        wait_end_of_query: 1,
      },
    });
    const answer = document.parse(JSON.parse(await result.text()));
    if (answer.rows !== answer.data.length) throw new Error('The answer of ClickHouse was cut off.');
    return z.array(row).parse(answer.data);
  };
}
