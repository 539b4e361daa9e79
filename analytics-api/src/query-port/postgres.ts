import { SluiceError } from '@sluice/contracts';
import type pg from 'pg';
import { checkCount, checkRows } from './check-rows.js';
import type { PostgresQuestion, RunPostgres } from './run-query.js';

export interface PostgresLimits {
  timeoutMs: number;
  maxRows: number;
}

/**
 * RunQuery on Postgres: each question is a read-only transaction with a time limit. What was read is answered before its
 * transaction has ended.
 */
export function createRunPostgres(pool: pg.Pool, defaults: PostgresLimits): RunPostgres {
  return async (question, limits = {}) => {
    const { timeoutMs = defaults.timeoutMs, maxRows = defaults.maxRows, signal } = limits;
    if (signal?.aborted === true) throw abandoned(question.name);
    const startedAt = performance.now();
    let client: pg.PoolClient;
    try {
      client = await pool.connect();
    } catch (error) {
      throw translate(error, question.name);
    }
    let rows: Record<string, unknown>[];
    try {
      await client.query(beginWith('read only', timeoutMs));
      ({ rows } = await client.query<Record<string, unknown>>(statementOf(question)));
    } catch (error) {
      client.release(isStale(error) || !(await hasEnded(client, 'rollback')));
      throw translate(error, question.name);
    }
    void hasEnded(client, 'commit').then((isEnded) => client.release(!isEnded));
    checkCount(question, rows.length, maxRows);
    return {
      rows: checkRows(question, rows),
      rowsRead: rows.length,
      bytesRead: 0,
      elapsedMs: performance.now() - startedAt,
    };
  };
}

const MAX_TIMEOUT_MS = 2_147_483_647;

/** Two statements in one message, which takes no bound values: nothing but a number is put into it. */
export function beginWith(access: 'read only' | 'read write', timeoutMs: number): string {
  const limitMs = Math.min(MAX_TIMEOUT_MS, Math.max(1, Math.round(timeoutMs)));
  return `begin transaction ${access}; set local statement_timeout = ${limitMs}`;
}

export function statementOf({ name, sql, params, isConstant }: PostgresQuestion<unknown>): pg.QueryConfig {
  return { text: sql, values: [...params], ...(isConstant === true ? { name } : {}) };
}

/** Whether the transaction has ended. A connection of which that is not known must not be used again: its limits remain. */
export async function hasEnded(client: pg.PoolClient, how: 'commit' | 'rollback'): Promise<boolean> {
  try {
    await client.query(how);
    return true;
  } catch {
    return false;
  }
}

/** Codes for a prepared statement that does not fit its tables any more, or is gone: the connection would fail again. */
const STALE_STATEMENT = new Set(['0A000', '26000']);

function isStale(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && STALE_STATEMENT.has(code);
}

function abandoned(name: string): SluiceError {
  return new SluiceError('query_failed', { message: `${name} was abandoned: nobody waits for it.` });
}

export function translate(error: unknown, name: string): SluiceError {
  const code = (error as { code?: unknown }).code;
  if (code === '57014') return new SluiceError('query_timeout', { cause: error });
  const isAbsent = typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code) || /^(08|53|57)/.test(code);
  if (isAbsent) {
    return new SluiceError('store_unavailable', {
      message: 'Postgres does not answer.',
      retryAfterSeconds: 2,
      cause: error,
    });
  }
  return new SluiceError('query_failed', { message: `The query ${name} failed.`, cause: error });
}
