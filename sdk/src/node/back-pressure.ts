import type { Outbox, OutboxBounds } from '../core/outbox.js';

/** How full an outbox is, for callers that can wait instead of losing. */
export interface BackPressure {
  /** True from four fifths of a bound on. */
  readonly isFull: boolean;
  /** Resolves at once while there is room, else when the outbox is half empty again, or `end` was called. */
  ready(): Promise<void>;
  /** Opens an outbox that is watched from then on. */
  open(
    openOutbox: (bounds: OutboxBounds) => Outbox,
    bounds: OutboxBounds,
  ): Outbox & { readonly bytes: number };
  end(): void;
}

const FULL_FROM = 0.8;
const READY_BELOW = 0.5;

export function createBackPressure(onFuller: () => void = () => undefined): BackPressure {
  let readFill = (): number => 0;
  let isEnded = false;
  let waiting: (() => void)[] = [];

  function release(): void {
    if (waiting.length === 0 || (!isEnded && readFill() >= READY_BELOW)) return;
    const ready = waiting;
    waiting = [];
    for (const resolve of ready) resolve();
  }

  return {
    get isFull() {
      return readFill() >= FULL_FROM;
    },
    async ready() {
      if (isEnded || readFill() < FULL_FROM) return;
      await new Promise<void>((resolve) => waiting.push(resolve));
    },
    open(openOutbox, bounds) {
      const outbox = watch(openOutbox, bounds, { onFuller, onEmptier: release });
      readFill = () => Math.max(outbox.size / bounds.maxMessages, outbox.bytes / bounds.maxBytes);
      return outbox;
    },
    end() {
      isEnded = true;
      release();
    },
  };
}

/** Knows the bytes in an outbox, and tells when it gets fuller and emptier. */
function watch(
  openOutbox: (bounds: OutboxBounds) => Outbox & { readonly bytes?: number },
  bounds: OutboxBounds,
  { onFuller, onEmptier }: { onFuller: () => void; onEmptier: () => void },
): Outbox & { readonly bytes: number } {
  const sizes = new Map<string, number>();
  let bytes = 0;

  function forget(messageIds: readonly string[]): void {
    for (const id of messageIds) {
      bytes -= sizes.get(id) ?? 0;
      sizes.delete(id);
    }
  }

  const outbox = openOutbox({
    ...bounds,
    onDrop(messageIds, reason) {
      forget(messageIds);
      bounds.onDrop(messageIds, reason);
      onEmptier();
    },
  });
  const countsItself = outbox.bytes !== undefined;

  return {
    kind: outbox.kind,
    get size() {
      return outbox.size;
    },
    get bytes() {
      return outbox.bytes ?? bytes;
    },
    append(message) {
      const { messageId } = message;
      if (!countsItself && !sizes.has(messageId)) {
        sizes.set(messageId, message.bytes);
        bytes += message.bytes;
      }
      outbox.append(message);
      onFuller();
    },
    lease: (limit, untilMs) => outbox.lease(limit, untilMs),
    release: (messageIds) => outbox.release(messageIds),
    async remove(messageIds) {
      await outbox.remove(messageIds);
      forget(messageIds);
      onEmptier();
    },
    settled: () => outbox.settled(),
    async purge() {
      await outbox.purge();
      forget([...sizes.keys()]);
      onEmptier();
    },
    close: () => outbox.close(),
  };
}
