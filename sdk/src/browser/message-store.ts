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
  close(): void;
}

const STORE = 'messages';
const PREFIX = 'm:';
/** The page shares the few megabytes of localStorage with us; beyond this share messages stay in memory. */
const MAX_LOCAL_CHARACTERS = 1_048_576;
/** Some browsers never answer. */
const OPEN_TIMEOUT_MS = 3_000;

/**
 * Messages in IndexedDB. Until the database is open, and where it cannot be, they go to the storage (localStorage, else
 * memory), a key each: writing there is synchronous, so it is the journal of a page that ends at once. What is there, from
 * pages that ended too early as well, moves over once the database is open.
 *
 * A page may navigate in the next moment. A transaction that commits by itself is aborted then; one that is told to
 * commit is stored, as put and commit have both left the page. So what a task asks for shares a transaction, and a
 * microtask, which runs at the end of the task, commits it.
 *
 * `name` undefined: the storage is all there is.
 */
export function createMessageStore(
  name: string | undefined,
  storage: Storage,
  onError: (error: unknown) => void,
): MessageStore {
  let database: IDBDatabase | undefined;
  /** Of the running task. */
  let store: IDBObjectStore | undefined;
  let done: Promise<void> | undefined;
  let localCharacters = 0;

  const opened = name === undefined ? undefined : open(name).then(moveIn).catch(onError);

  async function moveIn(db: IDBDatabase): Promise<void> {
    database = db;
    // Closed by the browser, because the user clears the site's data for instance.
    db.onclose = db.onversionchange = close;
    for (const key of storage.keys(PREFIX)) put(key, storage.get(PREFIX + key)!);
    await done;
  }

  function use(): IDBObjectStore {
    if (!store) {
      const transaction = database!.transaction(STORE, 'readwrite', { durability: 'relaxed' });
      store = transaction.objectStore(STORE);
      done = new Promise((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(transaction.error!);
      });
      queueMicrotask(() => {
        store = undefined;
        transaction.commit();
      });
    }
    return store;
  }

  function put(key: string, json: string): void {
    const toStorage = (): void => {
      localCharacters += json.length;
      storage.set(PREFIX + key, json, localCharacters < MAX_LOCAL_CHARACTERS && undefined);
    };
    try {
      use().put(json, key);
      // In memory until it is known to be stored.
      storage.set(PREFIX + key, json, false);
      done!.then(
        () => storage.remove(PREFIX + key),
        (error: unknown) => {
          // The disk is full, most likely. Local storage has a quota of its own.
          toStorage();
          onError(error);
        },
      );
    } catch {
      // Not open yet, or not any more.
      store = undefined;
      toStorage();
    }
  }

  /** The results of requests, once they are stored; none where there is no database. */
  async function ask<T>(makeRequests: (store: IDBObjectStore) => IDBRequest<T>[]): Promise<T[]> {
    await opened;
    if (!database) return [];
    const requests = makeRequests(use());
    await done;
    return requests.map(({ result }) => result);
  }

  function close(): void {
    database?.close();
    database = undefined;
  }

  return {
    get kind() {
      return database ? 'indexed-db' : storage.isShared ? 'local-storage' : 'memory';
    },
    put,
    async keys() {
      const [stored = []] = await ask((at) => [at.getAllKeys()]);
      return [...new Set([...(stored as string[]), ...storage.keys(PREFIX)])].sort();
    },
    async read(keys) {
      const found = await ask((at) => keys.map((key) => at.get(key) as IDBRequest<string | undefined>));
      return keys.map((key, index) => found[index] ?? storage.get(PREFIX + key));
    },
    async remove(keys) {
      for (const key of keys) {
        localCharacters -= storage.get(PREFIX + key)?.length ?? 0;
        storage.remove(PREFIX + key);
      }
      await ask((at) => keys.map((key) => at.delete(key)));
    },
    async settled() {
      await opened;
      await done;
    },
    close,
  };
}

function open(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error!);
    setTimeout(() => reject(new Error('IndexedDB does not open')), OPEN_TIMEOUT_MS);
  });
}
