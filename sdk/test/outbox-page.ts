import { openDatabase } from '../src/browser/indexed-db.js';
import { createMessageStore } from '../src/browser/message-store.js';
import { createStorage } from '../src/browser/storage.js';
import { createStoredOutbox } from '../src/browser/stored-outbox.js';
import { describeOutbox } from '../src/core/testing/outbox-contract.js';
import { runTests, type Outcome } from './tests-in-page.js';

/** A busy machine may take longer than a page would wait. */
const OPEN_TIMEOUT_MS = 60_000;

type Kind = 'indexed-db' | 'local-storage' | 'memory';

/** Runs the contract of outboxes in this page, over the store it has. */
export async function runContract(kind: Kind): Promise<Outcome[]> {
  let count = 0;
  describeOutbox(kind, () => {
    const name = `contract:${kind}:${count++}`;
    let nowMs = 0;
    return {
      // Each opening is a page of its own: it shares nothing with the one before but what the browser keeps.
      async open(bounds) {
        const storage = createStorage(kind === 'memory' ? undefined : name);
        storage.keep();
        const opening = kind === 'indexed-db' ? openDatabase(name, OPEN_TIMEOUT_MS) : undefined;
        const store = createMessageStore(storage, opening, (error) => {
          throw error;
        });
        const outbox = createStoredOutbox(store, storage, bounds, () => nowMs);
        await outbox.settled();
        if (outbox.kind !== kind) throw new Error(`The outbox is kept in ${outbox.kind}.`);
        return outbox;
      },
      setNow: (ms) => void (nowMs = ms),
      isDurable: kind !== 'memory',
    };
  });
  return runTests();
}

/** Gives up a database that is not to be had yet. Resolves, with the error, once another page could delete it after all. */
export async function giveUpOpening(): Promise<string> {
  const name = 'held';
  const held = await finished(indexedDB.open(name));
  // Openings queue up behind a deletion, and that waits for whoever has it open.
  const deletion = finished(indexedDB.deleteDatabase(name));
  const error = await openDatabase(name, 1).then(() => 'opened', String);
  held.close();
  await deletion;
  await finished(indexedDB.deleteDatabase(name));
  return error;
}

function finished<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error!);
  });
}

Object.assign(window, { runContract, giveUpOpening });
