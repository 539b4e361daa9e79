import type { Outbox, OutboxBounds, StoredMessage } from '../core/outbox.js';
import type { MessageStore } from './message-store.js';
import type { Storage } from './storage.js';

interface Entry {
  key: string;
  /** Present when this page appended it or has read it. */
  json?: string | undefined;
}

const LEASE_PREFIX = 'l:';
/** 36 to the fourth: what four digits count. */
const COUNTER_SIZE = 1_679_616;

/**
 * An outbox over a store that all pages of the origin share. What a key says (when, how large, which) is enough to lease,
 * to keep the bounds and to drop; the JSON is read only of what is sent.
 *
 * Leases are values of the storage, not of the store: it is read and written within a call, so a page that ends right
 * after a request still leaves its lease behind, and other tabs see it at once.
 */
export function createStoredOutbox(
  store: MessageStore,
  storage: Storage,
  bounds: OutboxBounds,
  now: () => number,
): Outbox {
  /** What is known to be in the store, by id, oldest first. */
  let index = new Map<string, Entry>();
  let bytes = 0;
  let counter = 0;
  const loaded = refresh();

  /** Learns what other pages, and earlier ones, have appended and removed. */
  async function refresh(): Promise<void> {
    const keys = await store.keys();
    index = new Map(keys.map((key) => [idOf(key), index.get(idOf(key)) ?? { key }]));
    bytes = keys.reduce((sum, key) => sum + bytesOf(key), 0);
    keepBounds();
  }

  const isLeased = (id: string): boolean => Number(storage.get(LEASE_PREFIX + id)) > now();

  function free(messageIds: readonly string[]): void {
    for (const id of messageIds) storage.remove(LEASE_PREFIX + id);
  }

  /** The oldest that are not leased go, as long as they are too old or there are too many. */
  function keepBounds(): void {
    for (const [id, { key }] of index) {
      const isExpired = storedAtOf(key) + bounds.maxAgeMs < now();
      if (!isExpired && index.size <= bounds.maxMessages && bytes <= bounds.maxBytes) return;
      if (isLeased(id)) continue;
      // What fails to be removed is sent after all.
      remove([id]).catch(() => undefined);
      bounds.onDrop([id], isExpired ? 'expired' : 'outbox_full');
    }
  }

  async function remove(messageIds: readonly string[]): Promise<void> {
    const keys: string[] = [];
    for (const id of messageIds) {
      const key = index.get(id)?.key;
      if (!key) continue;
      keys.push(key);
      bytes -= bytesOf(key);
      index.delete(id);
    }
    if (keys.length > 0) await store.remove(keys);
    // Only now: until it is gone from the store, another page would take it for free.
    free(messageIds);
  }

  /** Leases what is free, within the limits. */
  function pick(limit: { messages: number; bytes: number }, untilMs: number, isAtHand: boolean): Entry[] {
    const picked: Entry[] = [];
    let left = limit.bytes;
    for (const [id, entry] of index) {
      if (isLeased(id) || (isAtHand && !entry.json)) continue;
      left -= bytesOf(entry.key);
      if (left < 0 || picked.length >= limit.messages) break;
      picked.push(entry);
      storage.set(LEASE_PREFIX + id, `${untilMs}`);
    }
    return picked;
  }

  return {
    get kind() {
      return store.kind;
    },
    get size() {
      return index.size;
    },

    append({ messageId, json, bytes: size, storedAtMs }) {
      if (index.has(messageId)) return;
      counter = (counter + 1) % COUNTER_SIZE;
      const key = digits(storedAtMs, 8) + digits(counter, 4) + digits(size, 4) + messageId;
      index.set(messageId, { key, json });
      bytes += size;
      store.put(key, json);
      keepBounds();
    },

    leaseNow: (limit, untilMs) => pick(limit, untilMs, true).map(toMessage),

    async lease(limit, untilMs) {
      await loaded;
      await refresh();
      const picked = pick(limit, untilMs, false);
      const missing = picked.filter(({ json }) => !json);
      const found = missing.length > 0 ? await store.read(missing.map(({ key }) => key)) : [];
      missing.forEach((entry, at) => (entry.json = found[at]));
      // What is still missing had its verdict from another page in between.
      return picked.filter(({ json }) => json).map(toMessage);
    },

    release: async (messageIds) => free(messageIds),
    remove,

    async settled() {
      await loaded;
      await store.settled();
    },

    async purge() {
      await loaded;
      await refresh();
      await remove([...index.keys()]);
    },

    close: async () => store.close(),
  };
}

/** A number in base 36, so that texts sort as numbers. */
function digits(value: number, length: number): string {
  return value.toString(36).padStart(length, '0');
}

const storedAtOf = (key: string): number => parseInt(key.slice(0, 8), 36);
const bytesOf = (key: string): number => parseInt(key.slice(12, 16), 36);
const idOf = (key: string): string => key.slice(16);

function toMessage({ key, json }: Entry): StoredMessage {
  return { messageId: idOf(key), json: json!, bytes: bytesOf(key), storedAtMs: storedAtOf(key) };
}
