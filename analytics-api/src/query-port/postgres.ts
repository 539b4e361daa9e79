import { SluiceError } from '@sluice/contracts';
import type pg from 'pg';
import { checkCount, checkRows } from './check-rows.js';
import type { PostgresQuestion, RunPostgres } from './run-query.js';

export interface PostgresLimits {
  timeoutMs: number;
  maxRows: number;
  /** Default: `read only`. */
  access?: 'read only' | 'read write';
}

/**
 * RunQuery on Postgres: each question is a transaction with a time limit, and a read-only one unless it is said to write.
 * What was read is answered before its transaction has ended, what was changed only once it is committed.
 */
export function createRunPostgres(pool: pg.Pool, defaults: PostgresLimits): RunPostgres {
  const { access = 'read only' } = defaults;
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
      await client.query(beginWith(access, timeoutMs));
      ({ rows } = await client.query<Record<string, unknown>>(statementOf(question)));
    } catch (error) {
      client.release(isStale(error) || !(await hasEnded(client, 'rollback')));
      throw translate(error, question.name);
    }
    if (access === 'read only') {
      void hasEnded(client, 'commit').then((isEnded) => client.release(!isEnded));
    } else {
      await commitChange(client, question.name);
    }
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
function beginWith(access: 'read only' | 'read write', timeoutMs: number): string {
  const limitMs = Math.min(MAX_TIMEOUT_MS, Math.max(1, Math.round(timeoutMs)));
  return `begin transaction ${access}; set local statement_timeout = ${limitMs}`;
}

function statementOf({ name, sql, params, isConstant }: PostgresQuestion<unknown>): pg.QueryConfig {
  return { text: sql, values: [...params], ...(isConstant === true ? { name } : {}) };
}

/** Whether the transaction has ended. A connection of which that is not known must not be used again: its limits remain. */
async function hasEnded(client: pg.PoolClient, how: 'commit' | 'rollback'): Promise<boolean> {
  try {
    await client.query(how);
    return true;
  } catch {
    return false;
  }
}

async function commitChange(client: pg.PoolClient, name: string): Promise<void> {
  try {
    await client.query('commit');
  } catch (error) {
    client.release(!(await hasEnded(client, 'rollback')));
    throw translate(error, name);
  }
  client.release();
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

function translate(error: unknown, name: string): SluiceError {
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
