import { describe, expect, it } from 'vitest';
import type { Outbox, OutboxBounds, StoredMessage } from '../outbox.js';
import type { DropReason } from '../types.js';

export interface OutboxHarness {
  /** Opens the same store as before, as a page or process that starts anew; a memory opens empty. */
  open: (bounds: OutboxBounds) => Promise<Outbox>;
  /** The clock of all outboxes it opens, milliseconds since the epoch. */
  setNow: (ms: number) => void;
  /** Whether what was appended is there when it is opened again. */
  isDurable: boolean;
  /** Whether a lease outlives who took it, because what was in the air then may still be; default true. */
  keepsLeases?: boolean;
  dispose?(): Promise<void>;
}

const START_MS = Date.UTC(2026, 4, 1, 12);
const ALL = { messages: 1_000, bytes: 1_000_000 };

export function messageOf(n: number, storedAtMs = START_MS + n): StoredMessage {
  const messageId = `message-${String(n).padStart(6, '0')}`;
  const json = JSON.stringify({ messageId, text: 'ünï' });
  return { messageId, json, bytes: new TextEncoder().encode(json).length, storedAtMs };
}

/** What every outbox keeps to; called by the test of each adapter with a harness for a store of its own per test. */
export function describeOutbox(
  name: string,
  createHarness: () => OutboxHarness | Promise<OutboxHarness>,
): void {
  const drops: { ids: string[]; reason: DropReason }[] = [];
  const bounds = (more: Partial<OutboxBounds> = {}): OutboxBounds => ({
    maxMessages: 1_000,
    maxBytes: 1_000_000,
    maxAgeMs: 60_000,
    onDrop: (ids, reason) => drops.push({ ids: [...ids], reason }),
    ...more,
  });

  async function using(run: (harness: OutboxHarness) => Promise<void>): Promise<void> {
    drops.length = 0;
    const harness = await createHarness();
    harness.setNow(START_MS);
    try {
      await run(harness);
    } finally {
      await harness.dispose?.();
    }
  }

  async function fill(outbox: Outbox, count: number): Promise<StoredMessage[]> {
    const messages = Array.from({ length: count }, (_, n) => messageOf(n));
    for (const message of messages) outbox.append(message);
    await outbox.settled();
    return messages;
  }

  /** What a message is, without what an adapter may keep beside it. */
  const plain = (messages: readonly StoredMessage[]): StoredMessage[] =>
    messages.map(({ messageId, json, bytes, storedAtMs }) => ({ messageId, json, bytes, storedAtMs }));

  const idsOf = (messages: readonly StoredMessage[]): string[] => messages.map(({ messageId }) => messageId);

  describe(`${name} as an outbox`, () => {
    it('gives back what was appended, in order and byte for byte', () =>
      using(async ({ open }) => {
        const outbox = await open(bounds());
        const messages = await fill(outbox, 20);
        expect(outbox.size).toBe(20);
        expect(plain(await outbox.lease(ALL, START_MS + 1_000))).toEqual(messages);
        await outbox.close();
      }));

    it('keeps the order of appends within one millisecond, whatever the ids', () =>
      using(async ({ open }) => {
        const outbox = await open(bounds());
        const ids = ['z', 'a', 'm', 'b'];
        for (const messageId of ids) outbox.append({ ...messageOf(0), messageId });
        await outbox.settled();
        expect(idsOf(await outbox.lease(ALL, START_MS + 1_000))).toEqual(ids);
        await outbox.close();
      }));

    it('leases within the limits on messages and bytes', () =>
      using(async ({ open }) => {
        const outbox = await open(bounds());
        const messages = await fill(outbox, 10);
        const bytes = messages[0]!.bytes;
        expect(idsOf(await outbox.lease({ messages: 3, bytes: 1_000_000 }, START_MS + 1_000))).toEqual(
          idsOf(messages.slice(0, 3)),
        );
        expect(idsOf(await outbox.lease({ messages: 100, bytes: bytes * 4 + 1 }, START_MS + 1_000))).toEqual(
          idsOf(messages.slice(3, 7)),
        );
        await outbox.close();
      }));

    it('leases nothing twice until it is released or the lease runs out', () =>
      using(async ({ open, setNow }) => {
        const outbox = await open(bounds());
        const ids = idsOf(await fill(outbox, 3));
        expect(idsOf(await outbox.lease({ ...ALL, messages: 2 }, START_MS + 1_000))).toEqual(ids.slice(0, 2));
        expect(idsOf(await outbox.lease(ALL, START_MS + 1_000))).toEqual(ids.slice(2));
        expect(await outbox.lease(ALL, START_MS + 1_000)).toEqual([]);
        expect(outbox.size).toBe(3);
        await outbox.release(ids.slice(0, 1));
        expect(idsOf(await outbox.lease(ALL, START_MS + 1_000))).toEqual(ids.slice(0, 1));
        setNow(START_MS + 1_001);
        expect(idsOf(await outbox.lease(ALL, START_MS + 2_000))).toEqual(ids);
        await outbox.close();
      }));

    it('never leases again what was removed', () =>
      using(async ({ open, setNow }) => {
        const outbox = await open(bounds());
        const ids = idsOf(await fill(outbox, 4));
        await outbox.lease({ ...ALL, messages: 2 }, START_MS + 1_000);
        await outbox.remove(ids.slice(0, 2));
        expect(outbox.size).toBe(2);
        setNow(START_MS + 2_000);
        expect(idsOf(await outbox.lease(ALL, START_MS + 3_000))).toEqual(ids.slice(2));
        await outbox.close();
      }));

    it('ignores ids that it does not know', () =>
      using(async ({ open }) => {
        const outbox = await open(bounds());
        await fill(outbox, 1);
        await outbox.remove(['unknown']);
        await outbox.release(['unknown']);
        expect(outbox.size).toBe(1);
        await outbox.close();
      }));

    it('holds an id once', () =>
      using(async ({ open }) => {
        const outbox = await open(bounds());
        outbox.append(messageOf(1));
        outbox.append(messageOf(1));
        await outbox.settled();
        expect(await outbox.lease(ALL, START_MS + 1_000)).toHaveLength(1);
        await outbox.close();
      }));

    it('drops the oldest that is not leased beyond its bound on messages, and tells', () =>
      using(async ({ open }) => {
        const outbox = await open(bounds({ maxMessages: 5 }));
        const ids = idsOf(await fill(outbox, 5));
        await outbox.lease({ ...ALL, messages: 1 }, START_MS + 1_000);
        outbox.append(messageOf(5));
        outbox.append(messageOf(6));
        await outbox.settled();
        expect(drops.flatMap((drop) => drop.ids)).toEqual(ids.slice(1, 3));
        expect(new Set(drops.map(({ reason }) => reason))).toEqual(new Set(['outbox_full']));
        expect(idsOf(await outbox.lease(ALL, START_MS + 1_000))).toEqual([
          ...ids.slice(3),
          messageOf(5).messageId,
          messageOf(6).messageId,
        ]);
        await outbox.close();
      }));

    it('drops the oldest beyond its bound on bytes, and tells', () =>
      using(async ({ open }) => {
        const { bytes } = messageOf(0);
        const outbox = await open(bounds({ maxBytes: bytes * 3 }));
        await fill(outbox, 4);
        expect(drops).toEqual([{ ids: [messageOf(0).messageId], reason: 'outbox_full' }]);
        expect(outbox.size).toBe(3);
        await outbox.close();
      }));

    it('drops what has waited longer than its bound, and tells', () =>
      using(async ({ open, setNow }) => {
        const outbox = await open(bounds({ maxAgeMs: 60_000 }));
        outbox.append(messageOf(0));
        outbox.append(messageOf(1, START_MS + 50_000));
        await outbox.settled();
        setNow(START_MS + 60_001);
        expect(idsOf(await outbox.lease(ALL, START_MS + 70_000))).toEqual([messageOf(1).messageId]);
        expect(drops).toEqual([{ ids: [messageOf(0).messageId], reason: 'expired' }]);
        await outbox.close();
      }));

    it('is empty after a purge, and takes messages again', () =>
      using(async ({ open }) => {
        const outbox = await open(bounds());
        await fill(outbox, 3);
        await outbox.lease({ ...ALL, messages: 1 }, START_MS + 1_000);
        await outbox.purge();
        expect(outbox.size).toBe(0);
        expect(await outbox.lease(ALL, START_MS + 1_000)).toEqual([]);
        outbox.append(messageOf(9));
        await outbox.settled();
        expect(idsOf(await outbox.lease(ALL, START_MS + 1_000))).toEqual([messageOf(9).messageId]);
        await outbox.close();
      }));

    it('leases at once what this page appended, where it can', () =>
      using(async ({ open }) => {
        const outbox = await open(bounds());
        if (outbox.leaseNow === undefined) {
          await outbox.close();
          return;
        }
        outbox.append(messageOf(0));
        outbox.append(messageOf(1));
        outbox.append(messageOf(2));
        const { bytes } = messageOf(0);
        const leased = outbox.leaseNow({ messages: 10, bytes: bytes * 2 }, START_MS + 1_000);
        expect(plain(leased)).toEqual([messageOf(0), messageOf(1)]);
        await outbox.settled();
        expect(idsOf(await outbox.lease(ALL, START_MS + 1_000))).toEqual([messageOf(2).messageId]);
        await outbox.close();
      }));

    it('brings back after a restart what had no verdict, in order, and keeps its leases', () =>
      using(async ({ open, isDurable, keepsLeases = true, setNow }) => {
        const before = await open(bounds());
        const messages = await fill(before, 6);
        const ids = idsOf(messages);
        await before.lease({ ...ALL, messages: 3 }, START_MS + 1_000);
        await before.remove(ids.slice(0, 1));
        await before.close();

        const after = await open(bounds());
        await after.settled();
        if (!isDurable) {
          expect(await after.lease(ALL, START_MS + 1_000)).toEqual([]);
        } else {
          expect(after.size).toBe(5);
          const isFree = keepsLeases ? messages.slice(3) : messages.slice(1);
          expect(plain(await after.lease(ALL, START_MS + 1_000))).toEqual(isFree);
          setNow(START_MS + 1_001);
          expect(plain(await after.lease(ALL, START_MS + 2_000))).toEqual(messages.slice(1));
        }
        await after.close();
      }));

    it('keeps its bounds over what an earlier page or process left', () =>
      using(async ({ open, isDurable }) => {
        if (!isDurable) return;
        const before = await open(bounds());
        const ids = idsOf(await fill(before, 4));
        await before.close();

        const after = await open(bounds({ maxMessages: 4 }));
        await after.settled();
        after.append(messageOf(4));
        await after.settled();
        expect(drops).toEqual([{ ids: ids.slice(0, 1), reason: 'outbox_full' }]);
        expect(after.size).toBe(4);
        await after.close();
      }));
  });
}
