import type { Database } from './indexed-db.js';
import type { Storage } from './storage.js';

/**
 * Where the JSON of messages is kept, by keys whose order is that of the appends. Shared by all pages of the origin; what
 * cannot be stored lives as long as the page.
 */
export interface MessageStore {
  readonly kind: 'memory' | 'local-storage' | 'indexed-db';
  /** Hands a message over within the call. */
  put(key: string, json: string): void;
  /** All keys, in order. */
  keys(): Promise<string[]>;
  read(keys: readonly string[]): Promise<(string | undefined)[]>;
  /** Resolves once they are gone for good. */
  remove(keys: readonly string[]): Promise<void>;
  /** Resolves once everything put so far is stored. */
  settled(): Promise<void>;
}

const PREFIX = 'm:';
/** The page shares the few megabytes of localStorage with us; beyond this share its messages stay in memory. */
const MAX_LOCAL_CHARACTERS = 1_048_576;

/**
 * A database of messages, and a journal before it. Until the database is open, and where it cannot be, messages go to the
 * storage (localStorage, else memory), a key each: writing there is synchronous, so a page that ends at once leaves them
 * behind. What is there, from pages that ended too early as well, moves over once the database is open.
 */
export function createMessageStore(
  storage: Storage,
  /** Undefined: the storage is all there is. */
  opening: Promise<Database> | undefined,
  onError: (error: unknown) => void,
): MessageStore {
  let database: Database | undefined;
  let lastPut: Promise<void> | undefined;
  let characters = 0;

  const opened = opening?.then((opened) => {
    database = opened;
    for (const key of storage.keys(PREFIX)) put(key, storage.get(PREFIX + key)!);
    return lastPut;
  }, onError);

  function put(key: string, json: string): void {
    if (!database) {
      characters += json.length;
      storage.set(PREFIX + key, json, characters < MAX_LOCAL_CHARACTERS && undefined);
      return;
    }
    // In memory until it is known to be stored; in the storage when it cannot be: that is another quota.
    storage.set(PREFIX + key, json, false);
    lastPut = database.put(key, json).then(
      () => storage.remove(PREFIX + key),
      (error: unknown) => {
        storage.set(PREFIX + key, json);
        onError(error);
      },
    );
  }

  return {
    get kind() {
      return database ? 'indexed-db' : storage.isShared ? 'local-storage' : 'memory';
    },
    put,
    async keys() {
      await opened;
      const stored = (await database?.keys()) ?? [];
      return [...new Set(stored.concat(storage.keys(PREFIX)))].sort();
    },
    async read(keys) {
      const found = await database?.read(keys);
      return keys.map((key, at) => found?.[at] ?? storage.get(PREFIX + key));
    },
    async remove(keys) {
      for (const key of keys) storage.remove(PREFIX + key);
      await opened;
      await database?.remove(keys);
    },
    async settled() {
      await opened;
      await lastPut;
    },
  };
}
