import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGeneration, dropGeneration, openClickHouse } from '../src/index.js';
import { eventRows } from './fixtures/event-rows.js';
import { serveClickHouse, type ServedClickHouse } from './fixtures/serve-clickhouse.js';

describe('openClickHouse with the address of a server', () => {
  let dir: string;
  let server: ServedClickHouse;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sluice-server-'));
    server = await serveClickHouse(dir, 'ann', 'p@ss/word?');
  });

  afterAll(async () => {
    await server.close();
    await rm(dir, { recursive: true });
  });

  const address = (parameters = ''): string =>
    `http://ann:${encodeURIComponent('p@ss/word?')}@${server.host}/${parameters}`;

  it('takes the same migrations, inserts and tokens as the embedded engine', async () => {
    const clickhouse = await openClickHouse(address('?prefix=team_a'));
    expect(clickhouse.database(2)).toBe('team_a_g2');
    await createGeneration(clickhouse, 2);
    const values = eventRows(1, 50);
    for (let i = 0; i < 2; i++) {
      await clickhouse.client.insert({
        table: 'team_a_g2.events',
        values,
        format: 'JSONEachRow',
        clickhouse_settings: { ...clickhouse.insertSettings, insert_deduplication_token: 'once' },
      });
    }
    const result = await clickhouse.client.query({
      query: `select (select count() from team_a_g2.events) as events,
                     (select sum(events) from team_a_g2.counts_15m where event != {other: String}) as counts`,
      query_params: { other: `it's\tnone` },
      format: 'JSONEachRow',
    });
    expect(await result.json()).toEqual([{ events: 50, counts: 50 }]);
    await dropGeneration(clickhouse, 2);
    await clickhouse.close();
  });

  it('asks for replicated tables on the cluster that the address names', async () => {
    const clickhouse = await openClickHouse(address('?cluster=main'));
    // The engine behind this server is alone: it knows no cluster of that name.
    await expect(createGeneration(clickhouse, 3)).rejects.toThrow();
    expect(server.queries.at(-1)).toMatch(/^create database if not exists sluice_g3 ON CLUSTER 'main'/);
    expect(clickhouse.layout.engine('MergeTree')).toMatch(/^ReplicatedMergeTree/);
    await clickhouse.close();
  });

  it('refuses a name that could end the statement it stands in', async () => {
    await expect(openClickHouse(address(`?cluster=a'b`))).rejects.toThrow(/cluster is not valid/);
    await expect(openClickHouse(address('?prefix=a-b'))).rejects.toThrow(/prefix.* not valid/);
  });

  it('says which server refused or does not answer, without its password', async () => {
    await expect(openClickHouse(`http://ann:wrong-word@${server.host}/`)).rejects.toThrow(
      new RegExp(`ClickHouse at ${server.host} cannot be used: .*Authentication failed`),
    );
    const nobody = openClickHouse('http://ann:secret-word@127.0.0.1:1/');
    await expect(nobody).rejects.toThrow(/ClickHouse at 127\.0\.0\.1:1 cannot be used/);
    await expect(nobody).rejects.not.toThrow(/secret-word/);
  });
});
