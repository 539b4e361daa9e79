const STORE = 'messages';
/** Some browsers never answer, and some answer late: then this page does without. */
const OPEN_TIMEOUT_MS = 3_000;

/** Messages in IndexedDB, by their keys. Methods reject once the browser has closed the database. */
export interface Database {
  /** Hands it over at the end of the running task; resolves once it is stored. */
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
 * commit is stored, as put and commit have both left the page. So the messages of a task share a transaction, which a
 * microtask, that runs at the end of the task and before any navigation, fills and commits: until its commit a put is worth
 * nothing, and each one costs the calling code a message to another process.
 */
export async function openDatabase(name: string, timeoutMs = OPEN_TIMEOUT_MS): Promise<Database> {
  const database = await open(name, timeoutMs);
  database.onversionchange = () => database.close();
  /** What the running task puts. */
  let batch: [json: string, key: string][] | undefined;
  let batchStored: Promise<unknown>;

  /** The results of requests, once they are stored. */
  async function ask<T>(makeRequests: (store: IDBObjectStore) => IDBRequest<T>[]): Promise<T[]> {
    const transaction = database.transaction(STORE, 'readwrite', { durability: 'relaxed' });
    const requests = makeRequests(transaction.objectStore(STORE));
    transaction.commit();
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error!);
    });
    return requests.map(({ result }) => result);
  }

  async function storeBatch(put: [json: string, key: string][]): Promise<void> {
    // The end of the task.
    await Promise.resolve();
    batch = undefined;
    await ask((store) => put.map(([json, key]) => store.put(json, key)));
  }

  return {
    async put(key, json) {
      if (!batch) batchStored = storeBatch((batch = []));
      batch.push([json, key]);
      await batchStored;
    },
    async keys() {
      const [keys] = await ask((store) => [store.getAllKeys()]);
      return keys as string[];
    },
    read: (keys) => ask((store) => keys.map((key) => store.get(key) as IDBRequest<string | undefined>)),
    async remove(keys) {
      await ask((store) => keys.map((key) => store.delete(key)));
    },
  };
}

function open(name: string, timeoutMs: number): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    let isLate = false;
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    // One that nobody uses would keep other pages from deleting it.
    request.onsuccess = () => (isLate ? request.result.close() : resolve(request.result));
    request.onerror = () => reject(request.error!);
    setTimeout(() => {
      isLate = true;
      reject(new Error('IndexedDB does not open'));
    }, timeoutMs);
  });
}
