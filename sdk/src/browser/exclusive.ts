import type { Storage } from './storage.js';

export interface Exclusive {
  /** Runs work while no other page of the origin does. Resolves early once it is let go. */
  run(work: () => Promise<void>): Promise<unknown>;
  /** Leaves the queue and the turn: a page that waits or holds cannot be kept for going back. */
  letGo(): void;
}

const KEY = 'lock';
/** How long a page may hold the key. */
const TURN_MS = 15_000;

/**
 * One page of the origin at a time: by Web Locks, in turn; where there are none (plain HTTP), by a key that is leased, and
 * whoever does not get it looks again later.
 */
export function createExclusive(
  name: string,
  storage: Storage,
  { now, createId }: { now: () => number; createId: () => string },
): Exclusive {
  const owner = createId();
  let letGo: () => void = () => undefined;
  /** Missing where the types say it is there. */
  const locks = navigator.locks as LockManager | undefined;

  async function lease(work: () => Promise<unknown>): Promise<void> {
    const [holder, untilMs] = (storage.read(KEY) ?? [owner, 0]) as [string, number];
    if (holder !== owner && untilMs > now()) return;
    storage.write(KEY, [owner, now() + TURN_MS]);
    await work();
    storage.remove(KEY);
  }

  return {
    run(work) {
      const controller = new AbortController();
      const gone = new Promise<void>((resolve) => {
        letGo = () => {
          resolve();
          controller.abort();
        };
      });
      const turn = (): Promise<void> => Promise.race([gone, work()]);
      return Promise.race([
        gone,
        locks ? locks.request(name, { signal: controller.signal }, turn) : lease(turn),
      ]);
    },
    letGo: () => letGo(),
  };
}
