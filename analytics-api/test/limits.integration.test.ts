import { SluiceError } from '@sluice/contracts';
import { z } from 'zod';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
});
