import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { randomUUID } from 'node:crypto';
import {
  balanced,
  byDevice,
  caughtUp,
  openStores,
  readBalance,
  recordOf,
  runPipeline,
  track,
  type Stores,
} from './kit.js';

const brokers = inject('kafkaBrokers');

describe.runIf(brokers !== null)('the pipeline on Kafka', () => {
  let stores: Stores;

  beforeAll(async () => {
    const topic = `pipeline-${randomUUID()}`;
    stores = await openStores(inject('postgresUrl'), `kafka://${String(brokers)}?topic=${topic}`);
  });
  afterAll(() => stores.close());

  it('counts every message once over restarts and a second pipeline', async () => {
    let logged = 0;
    let distinct = 0;
    const send = async (): Promise<void> => {
      const messages = Array.from({ length: 200 }, (_, i) => track(`device-${i % 9}`, `Event ${i % 3}`));
      const records = [...byDevice(messages).values()].map((batch) => recordOf(stores, batch));
      await stores.log.append([...records, records[0]!]);
      const repeated = messages.filter(({ anonymousId }) => anonymousId === 'device-0').length;
      logged += 200 + repeated;
      distinct += 200;
    };
    const group = `pipeline-${randomUUID()}`;
    await send();
    const first = await runPipeline(stores, { group });
    await caughtUp(stores);
    const second = await runPipeline(stores, { group });
    await send();
    await first.stop();
    await send();
    await caughtUp(stores);
    await second.stop();
    await send();
    const third = await runPipeline(stores, { group });
    await caughtUp(stores);
    await third.stop();
    expect(await readBalance(stores)).toEqual(balanced({ logged, distinct }));
  });
});
