import type { Timers } from '../timers.js';

export interface ManualTimers extends Timers {
  /** Lets time pass: what is due is called in order, and what follows from it settles in between. */
  pass(ms: number): Promise<void>;
  /** Lets everything settle that waits for no timer. */
  settle(): Promise<void>;
}

/** A clock that a test moves. */
export function createManualTimers(startMs = Date.UTC(2026, 4, 1, 12)): ManualTimers {
  let nowMs = startMs;
  const due = new Map<number, { atMs: number; callback: () => void }>();
  let nextId = 1;

  async function settle(): Promise<void> {
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  function nextBefore(limitMs: number): number | undefined {
    let found: number | undefined;
    for (const [id, { atMs }] of due) {
      if (atMs <= limitMs && (found === undefined || atMs < due.get(found)!.atMs)) found = id;
    }
    return found;
  }

  return {
    now: () => nowMs,
    set(callback, delayMs) {
      due.set(nextId, { atMs: nowMs + Math.max(0, delayMs), callback });
      return nextId++;
    },
    clear: (timer) => void due.delete(timer as number),
    settle,
    async pass(ms) {
      const limitMs = nowMs + ms;
      await settle();
      for (let id = nextBefore(limitMs); id !== undefined; id = nextBefore(limitMs)) {
        const { atMs, callback } = due.get(id)!;
        due.delete(id);
        nowMs = Math.max(nowMs, atMs);
        callback();
        await settle();
      }
      nowMs = limitMs;
    },
  };
}
