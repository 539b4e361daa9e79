import { describe, expect, it } from 'vitest';
import { createCopyBuffer, type CopyRow } from './land/copy-buffer.js';
import { createBytePool, NO_BYTES } from './byte-pool.js';

describe('a pool of bytes', () => {
  it('gives out what came back, and never the same bytes to two', () => {
    const pool = createBytePool();
    const first = pool.take(3_000);
    const second = pool.take(3_000);
    expect(second).not.toBe(first);
    pool.giveBack(first);
    expect(pool.take(4_000)).toBe(first);
    expect(pool.take(4_000)).not.toBe(first);
  });

  it('gives at least what was asked for', () => {
    const pool = createBytePool();
    for (const wanted of [0, 1, 1_024, 1_025, 70_000, 2 ** 20 + 1]) {
      const bytes = pool.take(wanted);
      expect(bytes.length).toBeGreaterThanOrEqual(wanted);
      pool.giveBack(bytes);
    }
  });

  it('keeps no more than its bound', () => {
    const pool = createBytePool(4_096);
    const [kept, dropped] = [pool.take(4_096), pool.take(1_024)];
    pool.giveBack(kept);
    pool.giveBack(dropped);
    expect(pool.take(1_024)).not.toBe(dropped);
    expect(pool.take(4_096)).toBe(kept);
  });

  it('is given the bytes of a buffer once, however often that is released', () => {
    const pool = createBytePool();
    const buffer = createCopyBuffer(70_000, pool);
    buffer.release();
    buffer.release();
    const taken = pool.take(70_000);
    expect(pool.take(70_000)).not.toBe(taken);
    expect(pool.take(0)).not.toBe(NO_BYTES);
    const row: CopyRow = {
      projectId: 1,
      eventId: '01a208b1-ad44-8225-b6b6-000000000000',
      receivedAtMs: 0,
      timestampMs: 0,
      type: 'track',
      event: 'A',
      messageId: 'm',
      anonymousId: 'a',
      userId: null,
    };
    taken.fill(7);
    buffer.append(1, row, { enrichment: [Buffer.from('{}'), ''], message: '{}' });
    expect(taken.every((byte) => byte === 7)).toBe(true);
  });
});
