/** Many deadlines of one duration on one timer: setting and clearing one costs far less than a timer of its own. */
export interface Deadlines {
  /** Calls `expire` once `afterMs` have passed (and up to a tenth more), unless cleared before. */
  set(expire: () => void): Deadline;
  close(): void;
}

export interface Deadline {
  clear(): void;
}

/**
 * A link of the list of what is pending, in the order of setting, which is the order of expiry. A link that is taken out
 * refers to nothing any more: one that the garbage collector has moved among the old would otherwise keep all that were
 * set after it from being freed young, and with them their requests. A Set does the same with its outgrown tables.
 */
interface Link {
  atMs: number;
  expire: (() => void) | undefined;
  previous: Link | undefined;
  next: Link | undefined;
}

export function createDeadlines(afterMs: number): Deadlines {
  // The ring's own link, so that none is ever the first or the last.
  const ring: Link = { atMs: Infinity, expire: undefined, previous: undefined, next: undefined };
  ring.previous = ring;
  ring.next = ring;

  function takeOut(link: Link): void {
    const { previous, next } = link;
    if (previous === undefined || next === undefined) return;
    previous.next = next;
    next.previous = previous;
    link.previous = undefined;
    link.next = undefined;
    link.expire = undefined;
  }

  function sweep(): void {
    const nowMs = performance.now();
    for (let first = ring.next!; first.atMs <= nowMs; first = ring.next!) {
      const { expire } = first;
      takeOut(first);
      expire?.();
    }
  }
  const timer = setInterval(sweep, Math.max(5, afterMs / 10));
  timer.unref();

  return {
    set(expire) {
      const last = ring.previous!;
      const link: Link = { atMs: performance.now() + afterMs, expire, previous: last, next: ring };
      last.next = link;
      ring.previous = link;
      return { clear: () => takeOut(link) };
    },
    close: () => clearInterval(timer),
  };
}
