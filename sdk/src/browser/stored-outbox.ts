import type { Outbox, OutboxBounds, StoredMessage } from '../core/outbox.js';
import type { MessageStore } from './message-store.js';
import type { Storage } from './storage.js';

interface Entry extends Omit<StoredMessage, 'json'> {
  key: string;
  /** Present when this page appended it or has read it. */
  json?: string | undefined;
}

const LEASE_PREFIX = 'l:';
/** Added to a number, it has four digits in base 36, so that texts sort as numbers do. */
const FOUR_DIGITS = 46_656;
const COUNTER_SIZE = 1_000_000;

/**
 * An outbox over a store that all pages of the origin share. It knows what it found in the store at its start and what it
 * appended itself; what other pages append later is theirs to send. What a key says (when, how large, which) is enough to
 * lease, to keep the bounds and to drop; the JSON is read of what is sent, as it is sent: then it shows whether another
 * page was faster.
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
  const loaded = store.keys().then((keys) => {
    const appended = index;
    index = new Map();
    bytes = 0;
    for (const key of keys) add(appended.get(toEntry(key).messageId) ?? toEntry(key));
    for (const entry of appended.values()) add(entry);
  });

  function add(entry: Entry): void {
    if (index.has(entry.messageId)) return;
    index.set(entry.messageId, entry);
    bytes += entry.bytes;
    keepBounds();
  }

  const isLeased = (id: string): boolean => Number(storage.get(LEASE_PREFIX + id)) > now();

  function free(messageIds: readonly string[]): void {
    for (const id of messageIds) storage.remove(LEASE_PREFIX + id);
  }

  /** The oldest that are not leased go, as long as they are too old or there are too many. */
  function keepBounds(): void {
    for (const [id, { storedAtMs }] of index) {
      const isExpired = storedAtMs + bounds.maxAgeMs < now();
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
      const entry = index.get(id);
      if (!entry) continue;
      keys.push(entry.key);
      bytes -= entry.bytes;
      index.delete(id);
    }
    if (keys[0]) await store.remove(keys);
    // Only now: until it is gone from the store, another page would take it for free.
    free(messageIds);
  }

  /** Leases what is free, within the limits. */
  function pick(limit: { messages: number; bytes: number }, untilMs: number, isAtHand: boolean): Entry[] {
    const picked: Entry[] = [];
    let left = limit.bytes;
    for (const [id, entry] of index) {
      if (isLeased(id) || (isAtHand && !entry.json)) continue;
      left -= entry.bytes;
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

    append(message) {
      const { messageId, json, storedAtMs } = message;
      if (index.has(messageId)) return;
      counter = (counter + 1) % COUNTER_SIZE;
      const numbers = [storedAtMs, FOUR_DIGITS + counter, FOUR_DIGITS + message.bytes];
      const key = numbers.map((number) => number.toString(36)).join('') + messageId;
      store.put(key, json);
      add({ ...message, key });
    },

    leaseNow: (limit, untilMs) => pick(limit, untilMs, true) as StoredMessage[],

    async lease(limit, untilMs) {
      await loaded;
      keepBounds();
      const picked = pick(limit, untilMs, false);
      const found = await store.read(picked.map(({ key }) => key));
      picked.forEach((entry, at) => (entry.json = found[at]));
      // What is gone has had its verdict from another page.
      await remove(picked.flatMap(({ json, messageId }) => (json ? [] : messageId)));
      return picked.filter(({ json }) => json) as StoredMessage[];
    },

    release: async (messageIds) => free(messageIds),
    remove,

    async settled() {
      await loaded;
      await store.settled();
    },

    async purge() {
      await loaded;
      await remove([...index.keys()]);
    },

    close: async () => undefined,
  };
}

/** Time, counter, size and id are what a key says. */
function toEntry(key: string): Entry {
  return {
    key,
    storedAtMs: parseInt(key.slice(0, 8), 36),
    bytes: parseInt(key.slice(12, 16), 36) - FOUR_DIGITS,
    messageId: key.slice(16),
  };
}
