/**
 * Sees new records: at once when this process appended them, by looking at the log's head when another did. One look
 * serves all partitions and consumers of a process, and none happens while nobody waits.
 */
import type { LogFiles } from './log-files.js';

const FASTEST_LOOK_MS = 5;
const SLOWEST_LOOK_MS = 20;

export interface HeadWatch {
  /** The end of each partition as last seen; looks again when that is older than a millisecond. */
  look(): { endOffsets: readonly number[]; seenAtMs: number };
  /** Resolves when the ends fulfil the condition, after `ms`, or when `signal` aborts. */
  waitFor(
    condition: (endOffsets: readonly number[]) => boolean,
    ms: number,
    signal: AbortSignal,
  ): Promise<void>;
  /** Says that this process appended. */
  appended(): void;
  close(): void;
}

export function createHeadWatch(files: LogFiles): HeadWatch {
  let endOffsets: readonly number[] = [];
  let seenAtMs = -Infinity;
  let lookEveryMs = FASTEST_LOOK_MS;
  let timer: NodeJS.Timeout | undefined;
  const waiting = new Set<{ condition: (endOffsets: readonly number[]) => boolean; wake: () => void }>();

  function lookNow(): void {
    // Before the read: what was appended until then is seen.
    seenAtMs = Date.now();
    endOffsets = files.readHead().nextOffsets;
  }

  function wakeThose(): boolean {
    let woken = false;
    for (const waiter of waiting) {
      if (!waiter.condition(endOffsets)) continue;
      woken = true;
      waiter.wake();
    }
    return woken;
  }

  function schedule(): void {
    if (timer !== undefined || waiting.size === 0) return;
    timer = setTimeout(() => {
      timer = undefined;
      lookNow();
      lookEveryMs = wakeThose() ? FASTEST_LOOK_MS : Math.min(lookEveryMs + 1, SLOWEST_LOOK_MS);
      schedule();
    }, lookEveryMs);
  }

  return {
    look() {
      if (Date.now() - seenAtMs > 1) lookNow();
      return { endOffsets, seenAtMs };
    },
    waitFor: (condition, ms, signal) =>
      new Promise((resolve) => {
        const wake = () => {
          clearTimeout(deadline);
          signal.removeEventListener('abort', wake);
          waiting.delete(waiter);
          resolve();
        };
        const waiter = { condition, wake };
        const deadline = setTimeout(wake, ms);
        if (signal.aborted) {
          wake();
          return;
        }
        signal.addEventListener('abort', wake, { once: true });
        waiting.add(waiter);
        schedule();
      }),
    appended() {
      if (waiting.size === 0) return;
      lookNow();
      wakeThose();
    },
    close() {
      clearTimeout(timer);
      for (const waiter of waiting) waiter.wake();
    },
  };
}
