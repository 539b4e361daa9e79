import { SluiceError } from '@sluice/contracts';
import { z } from 'zod';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createChangePostgres } from '../src/query-port/change-postgres.js';
import { createRunClickHouse } from '../src/query-port/clickhouse.js';
import { createRunPostgres } from '../src/query-port/postgres.js';
import { openApiFixture, type ApiFixture } from './api-fixture.js';

let api: ApiFixture;

beforeAll(async () => {
  api = await openApiFixture({ requestsPerMinute: 3 });
});
afterAll(async () => api.close());

const row = z.object({ n: z.int() });
const clickhouse = (sql: string, limits = {}) =>
  createRunClickHouse(api.clickhouse, { timeoutMs: 5_000, maxRows: 100, maxMemoryBytes: 100_000_000 })(
    { name: 'test', sql, params: {}, row },
    limits,
  );
const postgres = (sql: string, limits = {}) =>
  createRunPostgres(api.pool, { timeoutMs: 5_000, maxRows: 100 })(
    { name: 'test', sql, params: [], row },
    limits,
  );

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return error instanceof SluiceError ? error.code : String(error);
  }
  return 'none';
}

describe('a key', () => {
  it('may make so many requests a minute, and is told how many are left', async () => {
    const one = await api.createProject();
    const other = await api.createProject();
    const first = await api.get(one.key, '/v1/status');
    expect(first.headers).toMatchObject({ 'ratelimit-limit': '3', 'ratelimit-remaining': '2' });
    await api.get(one.key, '/v1/status');
    await api.get(one.key, '/v1/status');
    const refused = await api.get(one.key, '/v1/status');
    expect(refused.statusCode).toBe(429);
    expect(refused.json()).toMatchObject({ code: 'rate_limited', retryable: true });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await api.get(other.key, '/v1/status')).statusCode).toBe(200);
  });
});

describe('a question to ClickHouse', () => {
  it('ends with an error when it takes too long', async () => {
    const slow = clickhouse('select count() as n from numbers(100000000000) where number % 7 = 3', {
      timeoutMs: 300,
    });
    expect(await codeOf(slow)).toBe('query_timeout');
  });

  it('ends with an error when it needs too much memory', async () => {
    expect(await codeOf(clickhouse('select uniqExact(number) as n from numbers(100000000)'))).toBe(
      'query_too_large',
    );
  });

  it('ends with an error when it has too many rows, and the next one is not harmed', async () => {
    expect(await codeOf(clickhouse('select number as n from numbers(100000)'))).toBe('query_too_large');
    expect((await clickhouse('select 7 as n')).rows).toEqual([{ n: 7 }]);
  });

  it('ends with an error when its rows are not what was expected', async () => {
    expect(await codeOf(clickhouse(`select 'x' as n`))).toBe('query_failed');
    // Beyond 2^53 a number would silently be another one.
    expect(await codeOf(clickhouse('select toUInt64(9007199254740993) as n'))).toBe('query_failed');
  });

  it('ends with an error when it is wrong', async () => {
    expect(await codeOf(clickhouse('select nonsense as n'))).toBe('query_failed');
  });

  it('cannot write', async () => {
    expect(await codeOf(clickhouse(`truncate table ${api.database}.events`))).toBe('query_failed');
  });

  it('is cancelled when nobody waits for it', async () => {
    const controller = new AbortController();
    const work = clickhouse('select count() as n from numbers(1000000000000) where number % 7 = 3', {
      signal: controller.signal,
    });
    controller.abort();
    expect(await codeOf(work)).toBe('query_failed');
  });
});

describe('a question to Postgres', () => {
  it('ends with an error when it takes too long, and the connection can be used again', async () => {
    expect(await codeOf(postgres('select 1 as n from pg_sleep(5)', { timeoutMs: 100 }))).toBe(
      'query_timeout',
    );
    expect((await postgres('select 7 as n')).rows).toEqual([{ n: 7 }]);
  });

  it('ends with an error when it has too many rows', async () => {
    expect(await codeOf(postgres('select n from generate_series(1, 200) as n'))).toBe('query_too_large');
  });

  it('cannot write', async () => {
    expect(await codeOf(postgres(`delete from projects returning 1 as n`))).toBe('query_failed');
  });

  it('leaves neither its transaction nor its time limit on the connection', async () => {
    const { pool, ask } = onOneConnection();
    expect((await ask('select 7 as n')).rows).toEqual([{ n: 7 }]);
    const left = await pool.query(
      `select current_setting('statement_timeout') as timeout, current_setting('transaction_read_only') as read_only`,
    );
    expect(left.rows).toEqual([{ timeout: '0', read_only: 'off' }]);
    expect(await codeOf(ask('select nonsense as n'))).toBe('query_failed');
    const after = await pool.query(`select current_setting('statement_timeout') as timeout`);
    expect(after.rows).toEqual([{ timeout: '0' }]);
    expect(pool.totalCount).toBe(1);
    await pool.end();
  });

  it('is answered, and its connection given up, when its transaction cannot be ended', async () => {
    const { pool, ask } = onOneConnection();
    pool.once('connect', (client: pg.PoolClient) => {
      const query = client.query.bind(client) as (...args: unknown[]) => unknown;
      const failing = (...args: unknown[]): unknown =>
        args[0] === 'commit' ? Promise.reject(new Error('lost')) : query(...args);
      Object.assign(client, { query: failing });
    });
    expect((await ask('select pg_backend_pid() as n')).rows).toHaveLength(1);
    await vi.waitFor(() => expect(pool.totalCount).toBe(0));
    expect((await ask('select 7 as n')).rows).toEqual([{ n: 7 }]);
    await pool.end();
  });

  it('is answered again after its table has changed under what was prepared', async () => {
    const { pool, ask } = onOneConnection();
    await pool.query('create table kept (n integer)');
    const kept = () => ask('select * from kept', { isConstant: true });
    expect((await kept()).rows).toEqual([]);
    expect((await kept()).rows).toEqual([]);
    await pool.query('alter table kept add column other integer');
    expect(await codeOf(kept())).toBe('query_failed');
    expect((await kept()).rows).toEqual([]);
    await pool.query('drop table kept');
    await pool.end();
  });

  it('that changes something is answered and noted when that is committed, and fails when it cannot be', async () => {
    const { pool } = onOneConnection();
    const change = createChangePostgres(pool, { timeoutMs: 5_000, maxRows: 100 });
    const noted = {
      by: { kind: 'service', id: 'test' },
      projectId: 1,
      action: 'plan.change',
      target: 'x',
    } as const;
    const ask = (sql: string) => change({ name: 'test', sql, params: [], row }, noted);
    const notes = async (): Promise<number> =>
      (await api.pool.query(`select from admin_actions where action = 'plan.change'`)).rowCount ?? 0;
    await pool.query('create table once (n integer unique deferrable initially deferred)');
    expect((await ask('insert into once values (1) returning n')).rows).toEqual([{ n: 1 }]);
    expect((await api.pool.query('select n from once')).rows).toEqual([{ n: 1 }]);
    // Checked at the commit alone.
    expect(await codeOf(ask('insert into once values (1) returning n'))).toBe('query_failed');
    expect(await notes()).toBe(1);
    expect((await ask('insert into once values (2) returning n')).rows).toEqual([{ n: 2 }]);
    expect(await notes()).toBe(2);
    expect((await ask('delete from once where n = 77 returning n')).rows).toEqual([]);
    expect(await notes()).toBe(2);
    expect(pool.totalCount).toBe(1);
    await pool.query('drop table once');
    await pool.end();
  });
});

/** A pool of its own with a single connection, so that the next question meets what the one before has left. */
function onOneConnection() {
  const pool = new pg.Pool({ ...api.pool.options, max: 1 });
  pool.on('connect', (client) => client.on('error', () => undefined));
  const run = createRunPostgres(pool, { timeoutMs: 5_000, maxRows: 100 });
  return {
    pool,
    ask: (sql: string, more: { isConstant?: true } = {}) =>
      run({ name: 'test', sql, params: [], row, ...more }),
  };
}
