import { ClickHouseError } from '@clickhouse/client';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGeneration, openClickHouse, type ClickHouse } from '../src/index.js';
import { startProcess } from './fixtures/start-process.js';

let dir: string;
let clickhouse: ClickHouse;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sluice-clickhouse-'));
  clickhouse = await openClickHouse(`embedded:${dir}`);
  await clickhouse.client.command({ query: 'create database t' });
});

afterAll(async () => {
  await clickhouse.close();
  await rm(dir, { recursive: true, force: true });
});

async function select<T>(query: string, more: object = {}): Promise<T[]> {
  const result = await clickhouse.client.query({ query, format: 'JSONEachRow', ...more });
  return result.json<T>();
}

async function makeTable(name: string): Promise<void> {
  await clickhouse.client.command({
    query: `create table t.${name} (a UInt32) engine = MergeTree order by a
            settings non_replicated_deduplication_window = 1000`,
  });
}

async function insertNumber(table: string, a: number, token?: string): Promise<void> {
  await clickhouse.client.insert({
    table: `t.${table}`,
    values: [{ a }],
    format: 'JSONEachRow',
    clickhouse_settings: {
      ...clickhouse.insertSettings,
      ...(token === undefined ? {} : { insert_deduplication_token: token }),
    },
  });
}

describe('settings on the embedded engine', () => {
  it('of an insert end with it: the next one without a token is not dropped as its repetition', async () => {
    await makeTable('tokens');
    await insertNumber('tokens', 1, 'x');
    await insertNumber('tokens', 2);
    await insertNumber('tokens', 3);
    expect(await select('select a from t.tokens order by a')).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }]);
  });

  it('of many inserts at once do not mix', async () => {
    await makeTable('many');
    const numbers = Array.from({ length: 40 }, (_, i) => i);
    await Promise.all([...numbers, ...numbers].map((i) => insertNumber('many', i, `token ${i}`)));
    expect(await select('select count() as n, uniqExact(a) as u from t.many')).toEqual([{ n: 40, u: 40 }]);
  });

  it('that make a query read-only leave the next statements writable', async () => {
    await makeTable('written');
    const limits = { clickhouse_settings: { readonly: '1', max_execution_time: 5, max_threads: 1 } };
    await select('select 1', limits);
    await expect(select('create table t.forbidden (a UInt8) engine = Memory', limits)).rejects.toThrow(
      /readonly/,
    );
    await insertNumber('written', 1);
    expect(await select(`select value from system.settings where name = 'max_threads'`)).not.toEqual([
      { value: '1' },
    ]);
  });

  it('of a failed statement are forgotten', async () => {
    const failing = { clickhouse_settings: { max_threads: 1, log_queries: 0 } };
    await expect(select('select nothing', failing)).rejects.toThrow(ClickHouseError);
    expect(
      await select(`select count() as n from system.settings where name = 'max_threads' and changed`),
    ).toEqual([{ n: 0 }]);
  });
});

describe('parameters on the embedded engine', () => {
  it('arrive as they are, whatever they hold', async () => {
    const query_params = { s: `a'b\\c\t\n\0{s: String};--é😀`, list: [`x'`, '\\', ''], n: 7, none: null };
    expect(
      await select(
        'select {s: String} as s, {list: Array(String)} as list, {n: UInt8} as n, {none: Nullable(String)} as none',
        { query_params },
      ),
    ).toEqual([query_params]);
  });

  it('may be longer than a statement may be', async () => {
    const list = Array.from({ length: 50_000 }, (_, n) => `a rather long id ${n}`);
    const query = 'select length({list: Array(String)}) as n';
    expect(await select(query, { query_params: { list } })).toEqual([{ n: 50_000 }]);
  });

  it('of queries at the same time do not mix', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        select<{ p: number }>('select {p: UInt32} as p', { query_params: { p: i } }),
      ),
    );
    expect(answers.map(([row]) => row?.p)).toEqual(Array.from({ length: 60 }, (_, i) => i));
  });

  it('that were forgotten are an error, not the value of an earlier query', async () => {
    await select('select {forgotten: UInt32}', { query_params: { forgotten: 1 } });
    await expect(select('select {forgotten: UInt32}')).rejects.toThrow(/forgotten/);
  });
});

describe('a statement on the embedded engine', () => {
  it('fails with the code and type that a server gives', async () => {
    await expect(select('select * from t.absent')).rejects.toMatchObject({
      code: '60',
      type: 'UNKNOWN_TABLE',
    });
  });

  it('that is aborted stops working in the engine', async () => {
    const abort = new AbortController();
    const running = select('select sum(cityHash64(number)) from numbers(1000000000000) -- endless', {
      abort_signal: abort.signal,
    });
    const count = `select count() as n from system.processes where query like '%-- endless%' and query not like '%processes%'`;
    await expect.poll(() => select(count), { timeout: 10_000 }).toEqual([{ n: 1 }]);
    abort.abort();
    await expect(running).rejects.toThrow(/aborted/);
    await expect.poll(() => select(count), { timeout: 10_000 }).toEqual([{ n: 0 }]);
  });

  it('lets short ones pass while it is long, and leaves the event loop free', async () => {
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const abort = new AbortController();
    const long = select('select sum(cityHash64(number)) from numbers(1000000000000)', {
      abort_signal: abort.signal,
    });
    for (let i = 0; i < 20; i++) await select('select 1');
    abort.abort();
    await expect(long).rejects.toThrow(/aborted/);
    delay.disable();
    expect(delay.percentile(99) / 1e6).toBeLessThan(100);
  });

  it('takes an insert without rows', async () => {
    await makeTable('empty');
    await clickhouse.client.insert({ table: 't.empty', values: [], format: 'JSONEachRow' });
    expect(await select('select count() as n from t.empty')).toEqual([{ n: 0 }]);
  });
});

describe('the directory of the embedded engine', () => {
  it('is shared by all who open it in one process, until the last one closes it', async () => {
    const second = await openClickHouse(`embedded:${dir}`);
    await second.client.command({ query: 'create table t.shared (a UInt8) engine = Memory' });
    await second.close();
    expect(await select('select count() as n from t.shared')).toEqual([{ n: 0 }]);
  });

  it('is the only one in a process', async () => {
    const other = await mkdtemp(join(tmpdir(), 'sluice-clickhouse-'));
    await expect(openClickHouse(`embedded:${other}`)).rejects.toThrow(/already has ClickHouse open in/);
    await rm(other, { recursive: true });
  });

  it('is refused to another process with a text that names the one that has it', async () => {
    const attempt = startProcess('./hold-clickhouse.ts', [dir]);
    await expect(attempt).rejects.toThrow(new RegExp(`in use by process ${process.pid}`));
    await expect(select('select 1 as one')).resolves.toEqual([{ one: 1 }]);
  });
});

describe('closing the embedded engine', () => {
  it('finishes inserts that run, and cancels queries', async () => {
    const handle = await openClickHouse(`embedded:${dir}`);
    await makeTable('closing');
    const query = handle.client.query({
      query: 'select sum(cityHash64(number)) from numbers(1000000000000)',
    });
    const failed = expect(query).rejects.toThrow(/closed/);
    const inserts = Array.from({ length: 5 }, (_, i) =>
      handle.client.insert({ table: 't.closing', values: [{ a: i }], format: 'JSONEachRow' }),
    );
    // The client hands statements over in the microtasks after the call.
    await new Promise((resolve) => setImmediate(resolve));
    await handle.close();
    await failed;
    await Promise.all(inserts);
    expect(await select('select count() as n from t.closing')).toEqual([{ n: 5 }]);
    await expect(handle.client.query({ query: 'select 1' })).rejects.toThrow(/closed/);
  });
});

describe('a killed process', () => {
  it('leaves rows and tokens, and no lock', async () => {
    await clickhouse.close();
    const left = await mkdtemp(join(tmpdir(), 'sluice-clickhouse-'));
    const child = await startProcess('./hold-clickhouse.ts', [left]);
    await expect(openClickHouse(`embedded:${left}`)).rejects.toThrow(
      new RegExp(`in use by process ${child.pid}`),
    );
    await child.kill('SIGKILL');
    const reopened = await openClickHouse(`embedded:${left}`);
    await createGeneration(reopened, 1);
    await reopened.client.insert({
      table: `${reopened.database(1)}.events`,
      values: JSON.parse(child.firstLine) as object[],
      format: 'JSONEachRow',
      clickhouse_settings: { ...reopened.insertSettings, insert_deduplication_token: 'before' },
    });
    const result = await reopened.client.query({
      query: `select (select count() from sluice_g1.events) as events,
                     (select sum(events) from sluice_g1.counts_15m) as counts,
                     (select sum(events) from sluice_g1.user_days) as user_days,
                     (select sum(events) from sluice_g1.sessions) as sessions,
                     (select sum(events) from sluice_g1.receipts_1m) as receipts`,
      format: 'JSONEachRow',
    });
    expect(await result.json()).toEqual([
      { events: 100, counts: 100, user_days: 100, sessions: 100, receipts: 100 },
    ]);
    await reopened.close();
    await rm(left, { recursive: true });
  });
});
