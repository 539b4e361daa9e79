import { encodeRecordMeta, findElements } from '@sluice/contracts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { doUpkeep, LogMismatchError, rebuildRollups, replayDeadLetters } from '../src/index.js';
import { landBatch, takeBatchId } from '../src/land/land-batch.js';
import { StaleOwnerError } from '../src/land/failures.js';
import { createCircumstancesReader } from '../src/enrich/circumstances.js';
import { prepareBatch } from '../src/land/prepare-batch.js';
import { readPosition } from '../src/land/position.js';
import { createLogger } from '@sluice/service-kit';
import {
  ask,
  balanced,
  byDevice,
  caughtUp,
  count,
  eventually,
  openStores,
  readBalance,
  recordOf,
  runPipeline,
  track,
  type Stores,
} from './kit.js';

const logger = createLogger('pipeline', 'silent');

describe('the pipeline', () => {
  let stores: Stores;
  /** Messages sent and distinct ones, over the whole file: the balance is checked against them after every step. */
  let logged = 0;
  let distinct = 0;
  let deadLettered = 0;

  beforeAll(async () => {
    stores = await openStores(inject('postgresUrl'));
  });
  afterAll(() => stores.close());

  const expectBalance = async (): Promise<void> => {
    await caughtUp(stores);
    expect(await readBalance(stores)).toEqual(balanced({ logged, distinct, deadLettered }));
  };

  it('counts every message once, however often and in whatever company it is sent', async () => {
    const pipeline = await runPipeline(stores);
    const messages = Array.from({ length: 300 }, (_, i) => track(`device-${i % 7}`, `Event ${i % 3}`));
    const groups = byDevice(messages);
    const records = [...groups.values()].map((batch) => recordOf(stores, batch));
    await stores.log.append(records);
    // The same requests again, one of them once more in the same append, and single messages in other company.
    await stores.log.append([...records, records[0]!]);
    await stores.log.append(messages.slice(0, 50).map((message) => recordOf(stores, [message])));
    logged += 300 + 300 + groups.get('device-0')!.length + 50;
    distinct += 300;
    await expectBalance();
    await pipeline.stop();

    expect(await count(stores, 'duplicates')).toBe(logged - 300);
    const [row] = await ask<{ sessions: number }>(
      stores,
      'select uniqExact(session_id) as sessions from {db}.sessions',
    );
    expect(row!.sessions).toBe(7);
  });

  it('gives a message that reaches two partitions at once to one of them', async () => {
    const pipeline = await runPipeline(stores, { lingerMs: 50 });
    const messages = Array.from({ length: 200 }, () => track('device-two', 'Raced'));
    // The same ids under two devices, as no honest client would send them.
    for (let start = 0; start < 200; start += 20) {
      const part = messages.slice(start, start + 20);
      await stores.log.append([
        recordOf(stores, part, { partition: 0 }),
        recordOf(
          stores,
          part.map((message) => ({ ...message, anonymousId: 'device-three' })),
          { partition: 1 },
        ),
      ]);
    }
    logged += 400;
    distinct += 200;
    await expectBalance();
    await pipeline.stop();
  });

  it('counts once what is sent again after it has stopped asking for known messages first', async () => {
    const pipeline = await runPipeline(stores, { maxRecords: 1 });
    const messages = Array.from({ length: 30 }, () => track('device-calm', 'Calm'));
    const send = async (...batches: Record<string, unknown>[][]): Promise<void> => {
      await stores.log.append(batches.map((batch) => recordOf(stores, batch, { partition: 0 })));
      logged += batches.flat().length;
    };
    // A record is a batch. None of these is known.
    await send(...messages.slice(0, 20).map((message) => [message]));
    distinct += 20;
    await expectBalance();
    const known = await count(stores, 'duplicates');
    // Known ones before, between and behind new ones.
    await send(
      [messages[19]!, messages[20]!, messages[3]!, messages[21]!, messages[0]!],
      [messages[22]!, messages[22]!, messages[1]!],
      messages.slice(20, 30),
    );
    distinct += 10;
    await expectBalance();
    await pipeline.stop();
    expect((await count(stores, 'duplicates')) - known).toBe(3 + 2 + 3);
    const sessions = await stores.postgres.pool.query<{ n: number }>(
      `select count(distinct session_id)::int as n from events where event = 'Calm'`,
    );
    expect(sessions.rows[0]!.n).toBe(1);
  });

  it('lets a late owner of a partition write nothing', async () => {
    const { pool } = stores.postgres;
    const position = await readPosition(pool, stores.log, 0);
    const before = await readBalance(stores);
    const readCircumstances = createCircumstancesReader({ readUserAgent: () => ({}), locate: () => ({}) });
    const tools = {
      readCircumstances,
      checkPlan: () => [],
      findElements: (body: Uint8Array) => findElements(body).elements,
    };
    const settings = {
      projectId: stores.projectId,
      name: 'test',
      timezone: 'UTC',
      ipPolicy: 'truncate',
      planMode: 'off',
      trackingPlan: {},
    } as const;
    const record = { ...recordOf(stores, [track('late', 'Late')]), offset: 0, appendedAtMs: Date.now() };
    const prepared = await prepareBatch(
      await takeBatchId(pool),
      [record],
      () => Promise.resolve(settings),
      tools,
    );
    const client = await pool.connect();
    const range = {
      logId: stores.log.id,
      partition: 0,
      from: 0,
      to: position + 5,
      completeThroughMs: undefined,
    };
    const rules = { dayOf: () => () => 0, ipPolicyOf: () => 'truncate' as const };
    await expect(landBatch(client, range, prepared, rules)).rejects.toThrow(StaleOwnerError);
    client.release();
    expect(await readBalance(stores)).toEqual(before);
    expect(await readPosition(pool, stores.log, 0)).toBe(position);
  });

  it('drops what it prepared ahead when another owner has moved the partition on', async () => {
    const { pool } = stores.postgres;
    const from = await readPosition(pool, stores.log, 0);
    const names = ['Ours', 'Prepared', 'After'];
    const records = names.map((name) => recordOf(stores, [track('ahead', name)], { partition: 0 }));
    await stores.log.append(records.slice(0, 2));
    let moved = false;
    const pipeline = await runPipeline(stores, {
      maxRecords: 1,
      async onStep(step) {
        if (step !== 'committed' || moved) return;
        moved = true;
        // As if the next offset had been landed by somebody else, who found a duplicate there.
        await pool.query(
          `update log_offsets set next_offset = $3 where log_id = $1 and "partition" = $2 and next_offset = $4`,
          [stores.log.id, 0, from + 2, from + 1],
        );
      },
    });
    await stores.log.append(records.slice(2));
    logged += 2;
    distinct += 2;
    await expectBalance();
    await pipeline.stop();
    const found = await pool.query<{ event: string }>(
      `select event from events where anonymous_id = 'ahead' order by batch_id`,
    );
    expect(found.rows.map(({ event }) => event)).toEqual(['Ours', 'After']);
    const batches = await pool.query<{ from_offset: number }>(
      'select from_offset from batches where log_id = $1 and "partition" = 0 and from_offset >= $2 order by batch_id',
      [stores.log.id, from],
    );
    expect(batches.rows.map(({ from_offset }) => from_offset)).toEqual([from, from + 2]);
  });

  it('turns what cannot be decoded or stored into dead letters and lands its neighbours', async () => {
    const pipeline = await runPipeline(stores);
    const { pool } = stores.postgres;
    // A rule of the database that only the database knows: the way every unforeseen refusal looks.
    await pool.query(`alter table events add constraint no_poison check (event <> 'Poison')`);
    const batch = [
      track('device-x', 'Fine'),
      track('device-x', 'Poison'),
      { type: 'track', event: 'No id', messageId: 'x' },
      'not an object',
      track('device-x', 'Fine'),
      track('device-x', 'Poison'),
      track('device-x', 'Fine', { properties: { text: 'a\u0000b' } }),
    ];
    const { headers } = recordOf(stores, []);
    const toRejected = encodeRecordMeta({
      kind: 'rejected',
      projectId: stores.projectId,
      receivedAtMs: Date.now(),
      code: 'no_user_anon_id',
      message: 'nobody',
      index: 3,
    });
    await stores.log.append([
      recordOf(stores, batch),
      { partition: 0, key: '', headers, value: Buffer.from('{ broken') },
      { partition: 0, key: '', headers: {}, value: Buffer.from('no headers') },
      { partition: 0, key: '', headers: toRejected, value: Buffer.from('{"type":"track"}') },
    ]);
    logged += batch.length;
    distinct += 2;
    deadLettered += 5;
    await expectBalance();
    await pipeline.stop();

    const letters = await pool.query<{
      code: string;
      field: string | null;
      record_index: number;
      text: string;
    }>(
      `select code, field, record_index, convert_from(bytes, 'utf8') as text from dead_letters
       order by log_offset, record_index, code`,
    );
    expect(letters.rows.map(({ code, field, record_index: at }) => [code, field, at])).toEqual(
      expect.arrayContaining([
        ['unlandable_message', null, 1],
        ['unlandable_message', null, 5],
        ['no_user_anon_id', null, 2],
        ['message_not_object', null, 3],
        ['invalid_string', '/properties/text', 6],
        ['undecodable_record', null, -1],
        ['no_user_anon_id', null, 3],
      ]),
    );
    expect(letters.rows).toHaveLength(8);
    expect(letters.rows.find(({ code }) => code === 'unlandable_message')!.text).toContain('"Poison"');
  });

  it('replays dead letters after a fix, once, and says what is still wrong with the others', async () => {
    const { pool } = stores.postgres;
    await pool.query('alter table events drop constraint no_poison');
    const dry = await replayDeadLetters({ pool, log: stores.log, dryRun: true });
    expect(dry).toMatchObject({ matched: 8, replayed: 2, refused: 6 });
    expect(await count(stores, 'dead_letters where replayed_at is not null')).toBe(0);

    const pipeline = await runPipeline(stores);
    const filter = { code: 'unlandable_message', project: 'test' };
    expect(await replayDeadLetters({ pool, log: stores.log, filter })).toMatchObject({
      replayed: 2,
      refused: 0,
    });
    expect(await replayDeadLetters({ pool, log: stores.log, filter })).toMatchObject({ matched: 0 });
    logged += 2;
    distinct += 2;
    await expectBalance();

    // A replay that ended before it could mark its letters.
    await pool.query('update dead_letters set replayed_at = null');
    await replayDeadLetters({ pool, log: stores.log, filter });
    logged += 2;
    await expectBalance();
    await pipeline.stop();
  });

  it('rolls up properties that ClickHouse refuses as text, and keeps the event', async () => {
    const pipeline = await runPipeline(stores);
    let deep: unknown = 1;
    for (let i = 0; i < 1_500; i++) deep = { a: deep };
    await stores.log.append([
      recordOf(stores, [
        track('device-deep', 'Fine'),
        track('device-deep', 'Deep', { properties: { deep } }),
        track('device-deep', 'Fine'),
      ]),
    ]);
    logged += 3;
    distinct += 3;
    await expectBalance();
    await pipeline.stop();
    const rows = await ask<{ properties: Record<string, unknown> }>(
      stores,
      `select properties from {db}.events where event = 'Deep'`,
    );
    expect(Object.keys(rows[0]!.properties)).toEqual(['$text']);
    expect(await count(stores, `events where enrichment->>'propertiesAsText' = 'true'`)).toBe(1);
  });

  it('merges an anonymous profile into its user, follows aliases, and never merges two users by identify', async () => {
    const pipeline = await runPipeline(stores);
    const { pool } = stores.postgres;
    const at = (second: number): string => new Date(Date.now() - 60_000 + second * 1_000).toISOString();
    const send = async (...messages: Record<string, unknown>[]): Promise<void> => {
      for (const message of messages) {
        const withIds = { messageId: crypto.randomUUID(), ...message };
        await stores.log.append([recordOf(stores, [withIds])]);
      }
      logged += messages.length;
      distinct += messages.length;
      await caughtUp(stores);
    };
    await send(
      track('anon-a', 'Purchase', { properties: { amount: 10.1, currency: 'EUR' }, timestamp: at(0) }),
      {
        type: 'identify',
        anonymousId: 'anon-a',
        userId: 'user-1',
        traits: { plan: 'new' },
        timestamp: at(2),
      },
      { type: 'identify', userId: 'user-1', traits: { plan: 'old', city: 'Bonn' }, timestamp: at(1) },
      track('anon-a', 'Purchase', { properties: { amount: 0.2, currency: 'EUR' }, timestamp: at(3) }),
    );
    // A second person on the same device stays a second person.
    await send({ type: 'identify', anonymousId: 'anon-a', userId: 'user-2', timestamp: at(4) });
    // user-1 gets a new name, and that name another: the anonymous id follows. Each waits for the one before, because
    // they come from different devices, between which the log keeps no order.
    await send({ type: 'alias', previousId: 'user-1', userId: 'user-1b', timestamp: at(5) });
    await send({ type: 'alias', previousId: 'user-1b', userId: 'user-1c', timestamp: at(6) });
    await send({ type: 'alias', previousId: 'user-1c', userId: 'user-1', timestamp: at(7) });
    await expectBalance();
    await pipeline.stop();

    const people = await pool.query(
      `select user_id, events, counts, revenue, traits from users
       where user_id like 'user-%' or user_id = 'anon-a' order by user_id`,
    );
    expect(people.rows).toEqual([
      {
        user_id: 'user-1c',
        events: 7,
        counts: { Purchase: 2, identify: 2, alias: 3 },
        revenue: { EUR: 10.3 },
        traits: { plan: 'new', city: 'Bonn' },
      },
      { user_id: 'user-2', events: 1, counts: { identify: 1 }, revenue: {}, traits: {} },
    ]);
    const wanted = [
      { previous_id: 'anon-a', user_id: 'user-1c' },
      { previous_id: 'user-1', user_id: 'user-1c' },
      { previous_id: 'user-1b', user_id: 'user-1c' },
    ];
    const stored = await pool.query('select previous_id, user_id from identities order by 1');
    expect(stored.rows).toEqual(wanted);
    expect(
      await ask(stores, 'select previous_id, user_id from {db}.identities final order by previous_id'),
    ).toEqual(wanted);
  });

  it('lands on while ClickHouse is away, and rolls up what waited from Postgres, in order', async () => {
    const { pool } = stores.postgres;
    // No generation is live: every rollup fails until there is one again.
    await pool.query(`update rollup_generations set state = 'building' where state = 'live'`);
    const pipeline = await runPipeline(stores, { maxBytesInMemory: 1 });
    for (let i = 0; i < 5; i++) {
      await stores.log.append([
        recordOf(
          stores,
          Array.from({ length: 10 }, () => track('device-w', 'Waits')),
        ),
      ]);
      await eventually(async () =>
        (await count(stores, `events where event = 'Waits'`)) === (i + 1) * 10 ? undefined : 'not landed',
      );
    }
    expect(await count(stores, `batches where state = 'pending'`)).toBe(5);
    await pool.query(`update rollup_generations set state = 'live' where state = 'building'`);
    logged += 50;
    distinct += 50;
    await expectBalance();
    await pipeline.stop();
  });

  it('rebuilds the rollups while events keep coming, and every number stays right', async () => {
    const pipeline = await runPipeline(stores, { lingerMs: 5 });
    const rebuilt = new AbortController();
    const sender = (async () => {
      while (!rebuilt.signal.aborted) {
        await stores.log.append([recordOf(stores, [track(`device-${logged % 11}`, 'Meanwhile')])]);
        logged += 1;
        distinct += 1;
      }
    })();
    const result = await rebuildRollups({ ...stores, logger, rowsPerInsert: 200 });
    rebuilt.abort();
    await sender;
    expect(result).toMatchObject({ generation: 2, retired: 1 });
    await expectBalance();
    await pipeline.stop();
  });

  it('gives the same rollups when they are rebuilt from the raw events', async () => {
    const summary = `select count() as events, uniqExact(event_id) as ids, sum(cityHash64(event_id, session_id, timestamp, event,
      actor_id, toString(properties), channel, revenue)) as hash from {db}.events`;
    const before = await ask(stores, summary);
    expect(await rebuildRollups({ ...stores, logger })).toMatchObject({ generation: 3, rows: distinct });
    expect(await ask(stores, summary)).toEqual(before);
    await expectBalance();
  });

  it('drops a retired generation when queries have left it', async () => {
    const { pool } = stores.postgres;
    await pool.query(
      `update rollup_generations set live_at = now() - interval '1 hour' where state = 'live'`,
    );
    await doUpkeep({ pool, clickhouse: stores.clickhouse, log: stores.log, logger });
    expect((await pool.query('select generation, state from rollup_generations')).rows).toEqual([
      { generation: 3, state: 'live' },
    ]);
  });

  it('moves complete_through on while nothing comes', async () => {
    const pipeline = await runPipeline(stores);
    const startedAt = new Date();
    await eventually(async () => {
      const behind = await stores.postgres.pool.query(
        'select 1 from log_offsets where complete_through is null or complete_through < $1',
        [startedAt],
      );
      return behind.rows.length === 0 ? undefined : 'not moved on';
    });
    await pipeline.stop();
  });

  it('refuses to go on, with numbers, when the log is behind Postgres', async () => {
    const { pool } = stores.postgres;
    await pool.query('update log_offsets set next_offset = next_offset + 7 where "partition" = 0');
    await expect(readPosition(pool, stores.log, 0)).rejects.toThrow(LogMismatchError);
    await expect(readPosition(pool, stores.log, 0)).rejects.toThrow(/7 records that were landed are gone/);
    await pool.query('update log_offsets set next_offset = next_offset - 7 where "partition" = 0');
  });
});
