import { SluiceError } from '@sluice/contracts';
import type pg from 'pg';
import { checkCount, checkRows } from './check-rows.js';
import type { RunPostgres } from './run-query.js';

export interface PostgresLimits {
  timeoutMs: number;
  maxRows: number;
  /** Default: `read only`. */
  access?: 'read only' | 'read write';
}

/**
 * RunQuery on Postgres: each question is a transaction with a time limit, and a read-only one unless it is said to write.
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
    let broken = false;
    try {
      await client.query(BEGIN[defaults.access ?? 'read only']);
      await client.query(`select set_config('statement_timeout', $1, true)`, [
        String(Math.max(1, Math.round(timeoutMs))),
      ]);
      const result = await client.query<Record<string, unknown>>(question.sql, [...question.params]);
      await client.query('commit');
      checkCount(question, result.rows.length, maxRows);
      return {
        rows: checkRows(question, result.rows),
        rowsRead: result.rows.length,
        bytesRead: 0,
        elapsedMs: performance.now() - startedAt,
      };
    } catch (error) {
      broken = !(await rolledBack(client));
      throw translate(error, question.name);
    } finally {
      client.release(broken);
    }
  };
}

const BEGIN = {
  'read only': 'begin transaction read only',
  'read write': 'begin transaction read write',
} as const;

async function rolledBack(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query('rollback');
    return true;
  } catch {
    return false;
  }
}

function abandoned(name: string): SluiceError {
  return new SluiceError('query_failed', { message: `${name} was abandoned: nobody waits for it.` });
}

function translate(error: unknown, name: string): SluiceError {
  if (error instanceof SluiceError) return error;
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
