/** Many deadlines of one duration on one timer: setting and clearing one costs far less than a timer of its own. */
export interface Deadlines {
  /** Calls `expire` once `afterMs` have passed (and up to a tenth more), unless cleared before. */
  set(expire: () => void): Deadline;
  close(): void;
}

export interface Deadline {
  clear(): void;
}

export function createDeadlines(afterMs: number): Deadlines {
  // A set keeps its order of insertion, which is the order of expiry.
  const pending = new Set<{ atMs: number; expire: () => void }>();

  function sweep(): void {
    const nowMs = performance.now();
    for (const entry of pending) {
      if (entry.atMs > nowMs) return;
      pending.delete(entry);
      entry.expire();
    }
  }
  const timer = setInterval(sweep, Math.max(5, afterMs / 10));
  timer.unref();

  return {
    set(expire) {
      const entry = { atMs: performance.now() + afterMs, expire };
      pending.add(entry);
      return { clear: () => pending.delete(entry) };
    },
    close: () => clearInterval(timer),
  };
}
