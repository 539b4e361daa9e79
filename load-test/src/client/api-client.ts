import {
  auditSchema,
  eventPageSchema,
  trendsAnswerSchema,
  receiptSchema,
  statusSchema,
  type Audit,
  type QueryInput,
  type Receipt,
  type Status,
} from '@sluice/contracts';
import { Pool } from 'undici';
import type { z } from 'zod';
import { wait } from './wait.js';

export interface ApiClientOptions {
  url: string;
  readKey: string;
  /** How long an answer may take, milliseconds. Default 60,000. */
  timeoutMs?: number;
}

/** The analytics API said no, or said nothing. */
export class ApiError extends Error {
  override name = 'ApiError';
  constructor(
    message: string,
    /** HTTP status; 0 when there was no answer. */
    readonly status: number,
    readonly code: string,
  ) {
    super(message);
  }
}

export interface CountQuestion {
  /** Name of the event; null for all. */
  event: string | null;
  source?: 'auto' | 'raw';
  measure?: 'count' | 'unique_users';
  /** Wait until everything below this watermark is part of the answer. */
  waitFor?: string;
  /** Longest wait, milliseconds, at most 30,000. */
  waitTimeoutMs?: number;
}

export interface FoundEvent {
  messageId: string;
  /** Whether Postgres has it, too. */
  isRaw: boolean;
}

/** Questions to a running Sluice, asked as anybody can. Every method rejects with ApiError. */
export interface ApiClient {
  /** Events of the last month and the coming two days. */
  count(question: CountQuestion): Promise<number>;
  /** Every event that ClickHouse holds, newest first, by messageId. */
  events(filter?: { event?: string; fromMs?: number }): AsyncGenerator<FoundEvent, void, undefined>;
  receipt(messageId: string): Promise<Receipt | undefined>;
  audit(): Promise<Audit>;
  status(): Promise<Status>;
  close(): Promise<void>;
}

const PAGE_SIZE = 200;
const DAY_MS = 86_400_000;

export function createApiClient(options: ApiClientOptions): ApiClient {
  const timeoutMs = options.timeoutMs ?? 60_000;
  const pool = new Pool(new URL(options.url).origin, {
    connections: 16,
    pipelining: 1,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  });
  const headers = { authorization: `Bearer ${options.readKey}`, 'content-type': 'application/json' };

  async function ask<S extends z.ZodType>(schema: S, path: string, body?: object): Promise<z.infer<S>> {
    for (;;) {
      const { status, retryAfter, text } = await exchange(path, body);
      if (status === 200) return schema.parse(JSON.parse(text));
      const problem = problemOf(text);
      if (status !== 429) {
        throw new ApiError(
          `${path}: HTTP ${status} ${problem.code}: ${problem.message}`,
          status,
          problem.code,
        );
      }
      // A key may only ask so often: whoever checks many events waits for its turn.
      await wait((Number(retryAfter) || 1) * 1_000);
    }
  }

  async function exchange(
    path: string,
    body: object | undefined,
  ): Promise<{ status: number; retryAfter: string; text: string }> {
    try {
      const answer = await pool.request({
        method: body === undefined ? 'GET' : 'POST',
        path,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
      });
      return {
        status: answer.statusCode,
        retryAfter: String(answer.headers['retry-after'] ?? ''),
        text: await answer.body.text(),
      };
    } catch (error) {
      throw new ApiError(
        `The analytics API at ${options.url} does not answer: ${String(error)}`,
        0,
        'unanswered',
      );
    }
  }

  return {
    async count({ event, source = 'auto', measure = 'count', waitFor, waitTimeoutMs }) {
      const nowMs = Date.now();
      const question: QueryInput = {
        kind: 'trends',
        series: [{ event, measure }],
        interval: 'day',
        timezone: 'UTC',
        from: dateOf(nowMs - 30 * DAY_MS),
        to: dateOf(nowMs + 2 * DAY_MS),
        source,
        ...(waitFor === undefined ? {} : { wait_for: waitFor }),
        ...(waitTimeoutMs === undefined ? {} : { wait_timeout_ms: waitTimeoutMs }),
      };
      const answer = await ask(trendsAnswerSchema, '/v1/query', question);
      // Null: not known to be zero yet. For a count of what is there, nothing is there.
      return answer.series[0]?.total ?? 0;
    },
    async *events({ event, fromMs } = {}) {
      let cursor: string | null = null;
      do {
        const parameters = new URLSearchParams({ limit: String(PAGE_SIZE) });
        if (event !== undefined) parameters.set('event', event);
        if (fromMs !== undefined) parameters.set('from', new Date(fromMs).toISOString());
        if (cursor !== null) parameters.set('cursor', cursor);
        const page: z.infer<typeof eventPageSchema> = await ask(
          eventPageSchema,
          `/v1/events?${parameters.toString()}`,
        );
        for (const item of page.events) yield { messageId: item.message_id, isRaw: item.message !== null };
        cursor = page.next_cursor;
      } while (cursor !== null);
    },
    async receipt(messageId) {
      try {
        return await ask(receiptSchema, `/v1/receipts/${encodeURIComponent(messageId)}`);
      } catch (error) {
        if (error instanceof ApiError && error.code === 'receipt_not_found') return undefined;
        throw error;
      }
    },
    audit: () => ask(auditSchema, '/v1/audit'),
    status: () => ask(statusSchema, '/v1/status'),
    close: () => pool.destroy(),
  };
}

function dateOf(instantMs: number): string {
  return new Date(instantMs).toISOString().slice(0, 10);
}

function problemOf(text: string): { code: string; message: string } {
  try {
    const { code, message } = JSON.parse(text) as { code?: unknown; message?: unknown };
    return { code: String(code), message: String(message) };
  } catch {
    return { code: 'unexpected_answer', message: text.slice(0, 200) };
  }
}
