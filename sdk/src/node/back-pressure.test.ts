import { describe, expect, it } from 'vitest';
import { createMemoryOutbox, type Outbox, type StoredMessage } from '../core/index.js';
import { createBackPressure } from './back-pressure.js';

const message = (n: number, bytes = 10): StoredMessage => ({
  messageId: `m${n}`,
  json: 'x'.repeat(bytes),
  bytes,
  storedAtMs: Date.now(),
});
const idsUpTo = (count: number): string[] => Array.from({ length: count }, (_, n) => `m${n}`);

function setUp(bounds: { maxMessages?: number; maxBytes?: number }) {
  const drops: string[] = [];
  const pressure = createBackPressure();
  const outbox = pressure.open((watched) => createMemoryOutbox(watched, Date.now), {
    maxMessages: 10,
    maxBytes: 1_000,
    maxAgeMs: 1e9,
    onDrop: (ids) => drops.push(...ids),
    ...bounds,
  });
  return { pressure, outbox, drops };
}

function fill(outbox: Outbox, count: number, bytes?: number): void {
  for (let n = 0; n < count; n++) outbox.append(message(n, bytes));
}

/** Whether a promise is settled once everything has run that waits for nothing else. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => (settled = true));
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

describe('createBackPressure', () => {
  it.each([
    ['messages', {}, undefined],
    ['bytes', { maxMessages: 1e6 }, 100],
  ])(
    'is full from four fifths of the bound on %s on, and ready below half of it',
    async (_, bounds, bytes) => {
      const { pressure, outbox } = setUp(bounds);
      fill(outbox, 7, bytes);
      expect(pressure.isFull).toBe(false);
      expect(await isSettled(pressure.ready())).toBe(true);
      fill(outbox, 8, bytes);
      expect(pressure.isFull).toBe(true);
      const ready = pressure.ready();
      await outbox.remove(idsUpTo(3));
      expect(pressure.isFull).toBe(false);
      expect(await isSettled(ready)).toBe(false);
      await outbox.remove(idsUpTo(4));
      expect(await isSettled(ready)).toBe(true);
    },
  );

  it('counts the bytes of what was dropped and purged no more', async () => {
    const { pressure, outbox, drops } = setUp({ maxMessages: 1e6 });
    fill(outbox, 30, 100);
    expect(drops).toHaveLength(20);
    await outbox.remove(idsUpTo(30));
    fill(outbox, 7, 100);
    expect(pressure.isFull).toBe(false);
    fill(outbox, 10, 100);
    const ready = pressure.ready();
    await outbox.purge();
    expect(await isSettled(ready)).toBe(true);
    fill(outbox, 7, 100);
    expect(pressure.isFull).toBe(false);
  });

  it('keeps nobody waiting once it has ended', async () => {
    const { pressure, outbox } = setUp({});
    fill(outbox, 10);
    const ready = pressure.ready();
    expect(await isSettled(ready)).toBe(false);
    pressure.end();
    expect(await isSettled(ready)).toBe(true);
    expect(await isSettled(pressure.ready())).toBe(true);
  });
});
