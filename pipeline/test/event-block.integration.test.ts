import { insertableJson } from '@sluice/warehouse';
import fc from 'fast-check';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { JsonObject } from '../src/decode/json.js';
import type { RawRow } from '../src/land/raw-row.js';
import { createEventBlock } from '../src/roll-up/event-block.js';
import { insertEvents } from '../src/roll-up/insert-batch.js';
import { ask, openStores, type Stores } from './kit.js';

const LONG = 'ü€'.repeat(10_000);

function rowOf(n: number): RawRow {
  return {
    projectId: 4_000_000_000,
    eventId: `01a208b1-ad44-8225-b6b6-${n.toString(16).padStart(12, '0')}`,
    receivedAtMs: Date.UTC(2026, 10, 23, 13, 5, 9, 7),
    timestampMs: Date.UTC(2000, 0, 1, 0, 0, 0, n % 1_000),
    type: 'track',
    event: `Event ${n % 300}`,
    messageId: n === 7 ? LONG : `message ${n}`,
    anonymousId: 'a\tb\\c\n',
    userId: n % 2 === 0 ? null : `user ${n}`,
    sessionId: '01a208b1-ad44-8225-b6b6-10483b554cc8',
    enrichment: n % 3 === 0 ? { revenue: '-0.0001', currency: 'EUR', city: 'Köln', bot: true } : {},
    message: {
      groupId: 5,
      properties: { n, 'a.b': 'dot', nested: { list: [1, 'two', { three: 3 }] }, text: '\\"\n' },
      context: { page: { url: 'https://shop.example/p?q' }, locale: 'de' },
    },
  };
}

describe('an event block', () => {
  let stores: Stores;

  beforeAll(async () => {
    stores = await openStores(inject('postgresUrl'));
  });
  afterAll(() => stores.close());

  it('is read by ClickHouse as it was meant; several make one part, once for a token', async () => {
    const blocks = [0, 1].map((part) => {
      const block = createEventBlock();
      for (let n = 0; n < 1_000; n++) block.append(2 ** 40 + part, rowOf(part * 1_000 + n));
      return part === 0 ? block.encode() : block.encode(Uint32Array.of(0, 3, 998));
    });
    for (let attempt = 0; attempt < 2; attempt++) await insertEvents(stores.clickhouse, 1, 'token', blocks);

    const [parts] = await ask<object>(
      stores,
      `select toUInt32(count()) as parts, toUInt32(sum(rows)) as n from system.parts
       where active and database = splitByChar('.', '{db}.')[1] and table = 'events'`,
    );
    expect(parts).toEqual({ parts: 1, n: 1_003 });
    const [counted] = await ask<object>(stores, 'select toUInt32(sum(events)) as n from {db}.counts_15m');
    expect(counted).toEqual({ n: 1_003 });

    const rows = await ask<object>(
      stores,
      `select toString(project_id) as project, toString(event_id) as event_id, toString(batch_id) as batch_id,
         toString(received_at) as received_at, toString(timestamp) as timestamp, event, anonymous_id, actor_id, group_id,
         toString(session_id) as session_id, is_bot, toString(properties.n) as n, toString(properties.nested) as nested,
         toString(properties.text) as text, page_path, city, locale, toString(revenue) as revenue, currency
       from {db}.events where message_id in ('message 3', 'message 1998') order by event_id`,
    );
    expect(rows).toMatchObject([
      {
        project: '4000000000',
        event_id: '01a208b1-ad44-8225-b6b6-000000000003',
        batch_id: '1099511627776',
        received_at: '2026-11-23 13:05:09.007',
        timestamp: '2000-01-01 00:00:00.003',
        event: 'Event 3',
        anonymous_id: 'a\tb\\c\n',
        actor_id: 'user 3',
        group_id: '5',
        session_id: '01a208b1-ad44-8225-b6b6-10483b554cc8',
        is_bot: true,
        n: '3',
        text: '\\"\n',
        page_path: '/p',
        city: 'Köln',
        locale: 'de',
        revenue: '-0.0001',
        currency: 'EUR',
      },
      { batch_id: '1099511627777', actor_id: 'a\tb\\c\n', event: 'Event 198', city: 'Köln', n: '1998' },
    ]);
    const [long] = await ask<object>(
      stores,
      `select toUInt32(lengthUTF8(message_id)) as length from {db}.events where endsWith(message_id, 'ü€')`,
    );
    expect(long).toEqual({ length: 20_000 });
  });

  it('gives properties of any JSON the values that they have in text', async () => {
    const { clickhouse } = stores;
    let projectId = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.jsonValue({ maxDepth: 4 })),
          {
            minLength: 1,
            maxLength: 20,
          },
        ),
        async (all) => {
          projectId += 1;
          const block = createEventBlock();
          const texts = all.map((properties, n) => {
            const stored = JSON.parse(JSON.stringify(properties)) as JsonObject;
            block.append(1, { ...rowOf(n), projectId, message: { properties: stored } });
            return insertableJson(JSON.stringify(properties));
          });
          await insertEvents(clickhouse, 1, `any ${projectId}`, [block.encode()]);
          const settings = Object.entries(clickhouse.insertSettings)
            .filter(([name]) => /json/.test(name))
            .map(([name, value]) => `${name} = ${String(value)}`)
            .join(', ');
          await clickhouse.client.exec({
            query: `insert into ${clickhouse.database(1)}.events (project_id, batch_id, event_id, properties)
                    settings ${settings} format TabSeparated`,
            values: Readable.from(
              texts.map(
                (json, n) => `${projectId}\t2\t${rowOf(n).eventId}\t${json.replaceAll('\\', '\\\\')}\n`,
              ),
            ),
          });
          const read = (batchId: number): Promise<unknown[]> =>
            ask(
              stores,
              `select toString(properties) as json, toString(JSONAllPathsWithTypes(properties)) as types from {db}.events
               where project_id = ${projectId} and batch_id = ${batchId} order by event_id`,
            );
          expect(await read(1)).toEqual(await read(2));
        },
      ),
      { numRuns: 60 },
    );
  });
});
