import { openDatabase } from '../src/browser/indexed-db.js';
import { createMessageStore } from '../src/browser/message-store.js';
import { createStorage } from '../src/browser/storage.js';
import { createStoredOutbox } from '../src/browser/stored-outbox.js';
import { describeOutbox } from '../src/core/testing/outbox-contract.js';
import { runTests, type Outcome } from './tests-in-page.js';

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
        const opening = kind === 'indexed-db' ? openDatabase(name) : undefined;
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

Object.assign(window, { runContract });
