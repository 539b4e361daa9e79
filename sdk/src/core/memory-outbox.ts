import type { Outbox, OutboxBounds, StoredMessage } from './outbox.js';

interface Entry {
  message: StoredMessage;
  leasedUntilMs: number;
}

/** An outbox in the memory of this page or process: it ends with it. */
export function createMemoryOutbox(bounds: OutboxBounds, now: () => number): Outbox {
  const entries = new Map<string, Entry>();
  let bytes = 0;

  function take(messageIds: Iterable<string>): void {
    for (const id of messageIds) {
      bytes -= entries.get(id)?.message.bytes ?? 0;
      entries.delete(id);
    }
  }

  function expire(nowMs: number): void {
    const expired: string[] = [];
    for (const [id, { message, leasedUntilMs }] of entries) {
      if (message.storedAtMs + bounds.maxAgeMs < nowMs && leasedUntilMs <= nowMs) expired.push(id);
    }
    drop(expired, 'expired');
  }

  function makeRoom(nowMs: number): void {
    const oldest: string[] = [];
    let count = entries.size;
    let left = bytes;
    for (const [id, { message, leasedUntilMs }] of entries) {
      if (count <= bounds.maxMessages && left <= bounds.maxBytes) break;
      if (leasedUntilMs > nowMs) continue;
      oldest.push(id);
      count--;
      left -= message.bytes;
    }
    drop(oldest, 'outbox_full');
  }

  function drop(ids: string[], reason: 'expired' | 'outbox_full'): void {
    if (ids.length === 0) return;
    take(ids);
    bounds.onDrop(ids, reason);
  }

  function leaseNow(limit: { messages: number; bytes: number }, untilMs: number): StoredMessage[] {
    const nowMs = now();
    expire(nowMs);
    const leased: StoredMessage[] = [];
    let left = limit.bytes;
    for (const entry of entries.values()) {
      if (leased.length >= limit.messages) break;
      if (entry.leasedUntilMs > nowMs) continue;
      left -= entry.message.bytes;
      if (left < 0) break;
      entry.leasedUntilMs = untilMs;
      leased.push(entry.message);
    }
    return leased;
  }

  return {
    kind: 'memory',
    append(message) {
      if (entries.has(message.messageId)) return;
      entries.set(message.messageId, { message, leasedUntilMs: 0 });
      bytes += message.bytes;
      makeRoom(message.storedAtMs);
    },
    leaseNow,
    lease: async (limit, untilMs) => leaseNow(limit, untilMs),
    async release(messageIds) {
      for (const id of messageIds) {
        const entry = entries.get(id);
        if (entry !== undefined) entry.leasedUntilMs = 0;
      }
    },
    remove: async (messageIds) => take(messageIds),
    get size() {
      return entries.size;
    },
    settled: async () => undefined,
    async purge() {
      take([...entries.keys()]);
    },
    close: async () => undefined,
  };
}
