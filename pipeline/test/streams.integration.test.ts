import { encodeRecordMeta } from '@sluice/contracts';
import { partitionOf } from '@sluice/event-log';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { caughtUp, openStores, recordOf, runPipeline, track, type Message, type Stores } from './kit.js';

interface StreamRow {
  device_id: string;
  landed: number;
  refused: number;
  last_seq: number;
  dropped: number;
}

describe('streams', () => {
  let stores: Stores;

  beforeAll(async () => {
    stores = await openStores(inject('postgresUrl'));
  });
  afterAll(() => stores.close());

  function numbered(device: string, stream: string, seq: number, dropped?: object): Message {
    return { ...track(device, 'Seen'), context: { sluice: { stream, seq, dropped } } };
  }

  async function readStream(stream: string): Promise<StreamRow[]> {
    const found = await stores.postgres.pool.query<StreamRow>(
      `select device_id, landed::int, refused::int, last_seq::int, dropped::int from streams where stream = $1
       order by "partition"`,
      [stream],
    );
    return found.rows;
  }

  it('count every message once, however often it is sent, and remember the highest number', async () => {
    const pipeline = await runPipeline(stores);
    const messages = [1, 2, 4].map((seq) => numbered('d1', 'page-1', seq));
    await stores.log.append([recordOf(stores, messages), recordOf(stores, messages.slice(0, 2))]);
    await caughtUp(stores);
    await stores.log.append([
      recordOf(stores, messages),
      recordOf(stores, [numbered('d1', 'page-1', 7, { outbox_full: 2 })]),
    ]);
    await caughtUp(stores);
    await pipeline.stop();
    expect(await readStream('page-1')).toEqual([
      { device_id: 'd1', landed: 4, refused: 0, last_seq: 7, dropped: 2 },
    ]);
  });

  it('are counted by each partition for itself', async () => {
    const pipeline = await runPipeline(stores);
    await stores.log.append([
      recordOf(stores, [numbered('d2', 'server-1', 1)], { partition: 0 }),
      recordOf(stores, [numbered('d3', 'server-1', 2)], { partition: 1 }),
    ]);
    await caughtUp(stores);
    await pipeline.stop();
    expect(await readStream('server-1')).toEqual([
      { device_id: 'd2', landed: 1, refused: 0, last_seq: 1, dropped: 0 },
      { device_id: 'd3', landed: 1, refused: 0, last_seq: 2, dropped: 0 },
    ]);
  });

  it('know of messages that were refused', async () => {
    const pipeline = await runPipeline(stores);
    const refused = { ...numbered('d4', 'page-2', 2), event: '' };
    const key = `${stores.projectId}:d4`;
    await stores.log.append([
      recordOf(stores, [numbered('d4', 'page-2', 1)]),
      {
        partition: partitionOf(key, stores.log.partitionCount),
        key,
        headers: encodeRecordMeta({
          kind: 'rejected',
          projectId: stores.projectId,
          receivedAtMs: Date.now(),
          code: 'event_not_string',
          message: 'An event needs a name.',
          index: 0,
        }),
        value: Buffer.from(JSON.stringify(refused)),
      },
    ]);
    await caughtUp(stores);
    await pipeline.stop();
    expect(await readStream('page-2')).toEqual([
      { device_id: 'd4', landed: 1, refused: 1, last_seq: 2, dropped: 0 },
    ]);
  });
});
