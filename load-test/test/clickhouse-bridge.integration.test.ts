import { ClickHouseError, type ClickHouseClient } from '@clickhouse/client';
import { migrateClickHouse, openClickHouse, type ClickHouse } from '@sluice/warehouse';
import { createTestDatabase, openEngineConnection, type TestDatabase } from '@sluice/warehouse/testing';
import fc from 'fast-check';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  startClickHouseBridge,
  type ClickHouseBridge,
} from '../src/services/clickhouse-bridge/clickhouse-bridge.js';

describe('the bridge to the ClickHouse engine', () => {
  let dir: string;
  let bridge: ClickHouseBridge;
  let clickhouse: ClickHouse;
  let client: ClickHouseClient;
  let database: TestDatabase;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sluice-bridge-'));
    bridge = await startClickHouseBridge({
      engine: await openEngineConnection(dir, { reads: 2, writes: 1 }),
      users: { owner: { password: 'pass:word' }, reader: { password: 'r', readOnly: true } },
    });
    clickhouse = await openClickHouse(`http://owner:pass%3Aword@127.0.0.1:${bridge.port}/`);
    client = clickhouse.client;
    database = await createTestDatabase(inject('postgresUrl'));
  });

  afterAll(async () => {
    await clickhouse.close();
    await bridge.stop();
    await database.drop();
    await rm(dir, { recursive: true, force: true });
  });

  it('answers pings, and lets nobody in without the right password', async () => {
    expect(await (await fetch(`http://127.0.0.1:${bridge.port}/ping`)).text()).toBe('Ok.\n');
    await expect(openClickHouse(`http://owner:wrong@127.0.0.1:${bridge.port}/`)).rejects.toThrow(
      /Authentication failed/,
    );
  });

  it('gives back every value of a parameter as it was given, short or long', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom("'", '"', '\\', '\t', '\n', '\r', '{', '}', 'é', 'a', '\0') }),
        fc.array(fc.string({ unit: 'binary' }), { maxLength: 5 }),
        async (text, list) => {
          const result = await client.query({
            query: 'select {text: String} as text, {list: Array(String)} as list',
            query_params: { text, list },
            format: 'JSONEachRow',
          });
          expect(await result.json()).toEqual([{ text, list }]);
        },
      ),
      { numRuns: 60 },
    );
    const long = Array.from({ length: 20_000 }, (_, i) => `it's number ${i}`);
    const result = await client.query({
      query: 'select length({long: Array(String)}) as n, has({long: Array(String)}, {last: String}) as found',
      query_params: { long, last: long.at(-1) },
      format: 'JSONEachRow',
    });
    expect(await result.json()).toEqual([{ n: 20_000, found: 1 }]);
  });

  it('says the codes of exceptions, with a status that is an error', async () => {
    const failure = client.query({ query: 'select * from no_such_table', format: 'JSONEachRow' });
    await expect(failure).rejects.toMatchObject({ code: '60', type: 'UNKNOWN_TABLE' });
    await expect(failure).rejects.toBeInstanceOf(ClickHouseError);
    await expect(client.command({ query: 'selec 1' })).rejects.toMatchObject({ code: '62' });
    const slow = client.query({
      query: 'select sum(sipHash64(number)) from numbers(100000000000)',
      format: 'JSONEachRow',
      clickhouse_settings: { max_execution_time: 0.2 },
    });
    await expect(slow).rejects.toMatchObject({ code: '159' });
  });

  it('lets a reader read, and write nothing', async () => {
    const reader = await openClickHouse(`http://reader:r@127.0.0.1:${bridge.port}/`);
    try {
      const result = await reader.client.query({ query: 'select 1 as one', format: 'JSONEachRow' });
      expect(await result.json()).toEqual([{ one: 1 }]);
      const write = reader.client.command({ query: 'create database forbidden' });
      await expect(write).rejects.toMatchObject({ code: '164' });
    } finally {
      await reader.close();
    }
  });

  it('takes an insert once under its token, in a block of the Native format', async () => {
    await client.command({
      query: `create table pairs (n UInt8) engine = MergeTree order by n
              settings non_replicated_deduplication_window = 100`,
    });
    // One column `n` of type UInt8 with three rows: 1, 2, 3.
    const block = Buffer.from([1, 3, 1, ...Buffer.from('n'), 5, ...Buffer.from('UInt8'), 1, 2, 3]);
    const insert = async (token: string): Promise<void> => {
      const result = await client.exec({
        query: `insert into pairs (n) settings insert_deduplication_token = '${token}', insert_deduplicate = 1 format Native`,
        values: Readable.from([block.subarray(0, 4), block.subarray(4)]),
      });
      result.stream.resume();
      await finished(result.stream);
    };
    await insert('a');
    await insert('a');
    await insert('b');
    const result = await client.query({
      query: 'select count() as rows, sum(n) as sum from pairs',
      format: 'JSONEachRow',
    });
    expect(await result.json()).toEqual([{ rows: 6, sum: 12 }]);
    await expect(insert("c', no_such_setting = '1")).rejects.toMatchObject({ code: '115' });
  });

  it('stops a question whose asker has gone, when it is asked to', async () => {
    const abort = new AbortController();
    const ask = () =>
      client.query({
        query: 'select sum(sipHash64(number)) from numbers(1000000000000)',
        format: 'JSONEachRow',
        abort_signal: abort.signal,
        clickhouse_settings: { readonly: '1', cancel_http_readonly_queries_on_client_close: 1 },
      });
    // Two questions are all that may run at once: only when both are stopped is the next one answered.
    const ends = Promise.allSettled([ask(), ask()]);
    await untilRunning(2);
    abort.abort();
    expect((await ends).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const result = await client.query({ query: 'select 1 as one', format: 'JSONEachRow' });
    expect(await result.json()).toEqual([{ one: 1 }]);
  });

  it('brings the schema of the rollups up to date over HTTP, twice', async () => {
    expect(await migrateClickHouse(clickhouse, database.pool)).toEqual({ generation: 1 });
    expect(await migrateClickHouse(clickhouse, database.pool)).toEqual({ generation: 1 });
  });

  /** Resolves when so many of the slow questions run. Looks through a write, which has a place of its own to run in. */
  async function untilRunning(count: number): Promise<void> {
    for (;;) {
      try {
        await client.command({
          query: `insert into function null('n UInt8')
                  select throwIf(countIf(query like '%sipHash64%' and query not like 'insert%') < ${count})
                  from system.processes`,
        });
        return;
      } catch (error) {
        if ((error as ClickHouseError).code !== '395') throw error;
      }
    }
  }
});
