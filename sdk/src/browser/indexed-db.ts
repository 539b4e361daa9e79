const STORE = 'messages';
/** Some browsers never answer. */
const OPEN_TIMEOUT_MS = 3_000;

/** Messages in IndexedDB, by their keys. Methods reject once the browser has closed the database. */
export interface Database {
  /** Hands it over within the call; resolves once it is stored. */
  put(key: string, json: string): Promise<void>;
  /** In order. */
  keys(): Promise<string[]>;
  read(keys: readonly string[]): Promise<(string | undefined)[]>;
  remove(keys: readonly string[]): Promise<void>;
}

/**
 * Opens, or makes, a database. A module of its own, which pages load beside their first work.
 *
 * A page may navigate in the next moment. A transaction that commits by itself is aborted then; one that is told to
 * commit is stored, as put and commit have both left the page. So what a task asks for shares a transaction, and a
 * microtask, which runs at the end of the task, commits it.
 */
export async function openDatabase(name: string): Promise<Database> {
  const database = await open(name);
  database.onversionchange = () => database.close();
  /** Of the running task. */
  let store: IDBObjectStore | undefined;
  let done: Promise<void>;

  function use(): IDBObjectStore {
    if (store) return store;
    const transaction = database.transaction(STORE, 'readwrite', { durability: 'relaxed' });
    done = new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error!);
    });
    queueMicrotask(() => {
      store = undefined;
      transaction.commit();
    });
    return (store = transaction.objectStore(STORE));
  }

  /** The results of requests, once they are stored. */
  async function ask<T>(makeRequests: (store: IDBObjectStore) => IDBRequest<T>[]): Promise<T[]> {
    const requests = makeRequests(use());
    await done;
    return requests.map(({ result }) => result);
  }

  return {
    async put(key, json) {
      use().put(json, key);
      await done;
    },
    async keys() {
      const [keys] = await ask((at) => [at.getAllKeys()]);
      return keys as string[];
    },
    read: (keys) => ask((at) => keys.map((key) => at.get(key) as IDBRequest<string | undefined>)),
    async remove(keys) {
      await ask((at) => keys.map((key) => at.delete(key)));
    },
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
