import { SluiceError } from '@sluice/contracts';
import type { ClickHouse } from '@sluice/warehouse';
import { z } from 'zod';
import { checkCount, checkRows } from './check-rows.js';
import type { RunClickHouse } from './run-query.js';

export interface ClickHouseLimits {
  timeoutMs: number;
  maxRows: number;
  maxMemoryBytes: number;
}

const answerSchema = z.object({
  data: z.array(z.unknown()),
  rows: z.int(),
  statistics: z.object({ rows_read: z.number(), bytes_read: z.number() }),
});

/** What the server is given beyond its own limit, so that its error arrives and not ours. */
const GRACE_MS = 1_000;

/**
 * RunQuery on ClickHouse: read-only, with limits of time, memory and rows that end the query with an error. An abandoned
 * query is cancelled.
 */
export function createRunClickHouse(clickhouse: ClickHouse, defaults: ClickHouseLimits): RunClickHouse {
  return async (question, limits = {}) => {
    const { timeoutMs = defaults.timeoutMs, maxRows = defaults.maxRows, signal } = limits;
    const deadline = AbortSignal.timeout(Math.max(1, Math.round(timeoutMs)) + GRACE_MS);
    const abort = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
    const startedAt = performance.now();
    let text: string;
    try {
      const result = await clickhouse.client.query({
        query: question.sql,
        query_params: question.params,
        // One document: an answer that was cut off does not parse, and so cannot be taken for a whole one.
        format: 'JSON',
        abort_signal: abort,
        clickhouse_settings: {
          readonly: '1',
          max_execution_time: Math.max(0.001, timeoutMs / 1_000),
          timeout_overflow_mode: 'throw',
          max_memory_usage: String(defaults.maxMemoryBytes),
          max_result_rows: String(maxRows),
          result_overflow_mode: 'throw',
          output_format_json_quote_64bit_integers: 0,
          join_use_nulls: 1,
          wait_end_of_query: 1,
          cancel_http_readonly_queries_on_client_close: 1,
        },
      });
      text = await result.text();
    } catch (error) {
      throw translate(error, question.name, { signal, deadline });
    }
    const answer = parse(text, question.name);
    checkCount(question, answer.data.length, maxRows);
    return {
      rows: checkRows(question, answer.data),
      rowsRead: answer.statistics.rows_read,
      bytesRead: answer.statistics.bytes_read,
      elapsedMs: performance.now() - startedAt,
    };
  };
}

function parse(text: string, name: string): z.infer<typeof answerSchema> {
  const fail = (cause: unknown): SluiceError =>
    new SluiceError('query_failed', { message: `The answer to ${name} was cut off.`, cause });
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw fail(error);
  }
  const result = answerSchema.safeParse(document);
  if (!result.success) throw fail(result.error);
  if (result.data.rows !== result.data.data.length) throw fail(undefined);
  return result.data;
}

/** ClickHouse's codes for a query that took too long. */
const TIMEOUTS = new Set(['159', '160', '209']);
/** … and for one that went over a limit: rows or bytes read or returned, memory, sets, length. */
const TOO_LARGE = new Set(['158', '241', '191', '307', '396', '306']);
const BUSY = new Set(['202']);
const CANNOT_COMPILE_REGEXP = '427';

function translate(
  error: unknown,
  name: string,
  { signal, deadline }: { signal: AbortSignal | undefined; deadline: AbortSignal },
): SluiceError {
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string' && /^\d+$/.test(code)) {
    if (TIMEOUTS.has(code)) return new SluiceError('query_timeout', { cause: error });
    if (TOO_LARGE.has(code)) return new SluiceError('query_too_large', { cause: error });
    if (code === CANNOT_COMPILE_REGEXP) {
      return new SluiceError('invalid_query', {
        message: 'A regular expression of `matches` or `not_matches` cannot be read (RE2 syntax).',
        field: '/filters',
        cause: error,
      });
    }
    if (BUSY.has(code)) return new SluiceError('overloaded', { retryAfterSeconds: 1, cause: error });
    return new SluiceError('query_failed', { message: `The query ${name} failed.`, cause: error });
  }
  if (signal?.aborted === true) {
    return new SluiceError('query_failed', {
      message: `${name} was abandoned: nobody waits for it.`,
      cause: error,
    });
  }
  if (deadline.aborted) return new SluiceError('query_timeout', { cause: error });
  return new SluiceError('store_unavailable', {
    message: 'ClickHouse does not answer.',
    retryAfterSeconds: 2,
    cause: error,
  });
}
