import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  ask,
  balanced,
  byDevice,
  caughtUp,
  count,
  openStores,
  readBalance,
  recordOf,
  runPipeline,
  track,
  type Stores,
} from './kit.js';

describe('the pipeline', () => {
  let stores: Stores;

  beforeAll(async () => {
    stores = await openStores(inject('postgresUrl'));
  });
  afterAll(() => stores.close());

  it('counts every message once, however often and in whatever company it is sent', async () => {
    const pipeline = await runPipeline(stores);
    const messages = Array.from({ length: 300 }, (_, i) => track(`device-${i % 7}`, `Event ${i % 3}`));
    const groups = byDevice(messages);
    const records = [...groups.values()].map((batch) => recordOf(stores, batch));
    await stores.log.append(records);
    // The same requests again, one of them twice in one batch, and single messages in other company.
    await stores.log.append([...records, records[0]!]);
    await stores.log.append(messages.slice(0, 50).map((message) => recordOf(stores, [message])));
    await caughtUp(stores);
    await pipeline.stop();

    const logged = 300 + 300 + groups.get('device-0')!.length + 50;
    expect(await readBalance(stores)).toEqual(balanced({ logged, distinct: 300 }));
    expect(await count(stores, 'duplicates')).toBe(logged - 300);
    const [row] = await ask<{ sessions: number }>(
      stores,
      'select uniqExact(session_id) as sessions from {db}.sessions',
    );
    expect(row!.sessions).toBe(7);
  });
});
