/**
 * Rolls the landed batches of one partition up, one after the other, oldest first.
 *
 *     idle ──enqueue──▶ flushing ──done──▶ next or idle
 *                          │ failed
 *                          ▼
 *                      backing off ──▶ the same batch again
 *
 * A batch is never skipped and never given up: what fails is tried again until it is in.
 */
import type { LandedBatch } from '../land/land-batch.js';
import type { PendingBatch } from './pending-batch.js';

export interface FlusherOptions {
  /** Rolls one batch up; rejects when it has to be tried again. */
  flush: (batch: PendingBatch) => Promise<void>;
  /** A failed attempt, counted from 1; the next follows after `backoffMs`. */
  onFailure: (
    batch: PendingBatch,
    error: unknown,
    attempt: number,
    backoffMs: number,
  ) => Promise<void> | void;
  /** Batches that may wait before landing has to. */
  maxPending: number;
  /** The same while flushing fails: landing goes on without ClickHouse. Default `maxPending`. */
  maxPendingWhileFailing?: number;
  /** Bytes of waiting batches that are kept in memory; batches beyond are read from Postgres again. */
  maxBytesInMemory: number;
}

export interface Flusher {
  enqueue(batch: LandedBatch): void;
  /** Resolves when there is room for another batch, or `signal` aborts. */
  waitForRoom(signal: AbortSignal): Promise<void>;
  /** Resolves when nothing waits. */
  drained(): Promise<void>;
  readonly pending: number;
  /** When the oldest waiting batch was landed, milliseconds since the epoch. */
  readonly oldestCreatedAtMs: number | undefined;
  /** Finishes the batch at hand, or lets it go when it fails, and takes no other. What waits stays in Postgres. */
  stop(): Promise<void>;
}

const FIRST_BACKOFF_MS = 100;
const LAST_BACKOFF_MS = 10_000;

/** Starts with the batches that an earlier owner left; they come before everything enqueued. */
export function startFlusher(left: readonly PendingBatch[], options: FlusherOptions): Flusher {
  const { flush, onFailure, maxPending, maxBytesInMemory } = options;
  const maxPendingWhileFailing = options.maxPendingWhileFailing ?? maxPending;
  const queue: PendingBatch[] = [...left];
  const stopping = new AbortController();
  let bytesInMemory = 0;
  let running: Promise<void> | undefined;
  let isFailing = false;
  let wakeWaiting: (() => void)[] = [];

  function wake(): void {
    const waiting = wakeWaiting;
    wakeWaiting = [];
    for (const proceed of waiting) proceed();
  }

  async function run(): Promise<void> {
    let attempt = 0;
    for (let batch = queue[0]; batch !== undefined && !stopping.signal.aborted; batch = queue[0]) {
      try {
        await flush(batch);
      } catch (error) {
        attempt += 1;
        isFailing = true;
        wake();
        const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** (attempt - 1), LAST_BACKOFF_MS);
        await onFailure(batch, error, attempt, backoffMs);
        await pause(backoffMs, stopping.signal);
        continue;
      }
      attempt = 0;
      isFailing = false;
      queue.shift();
      bytesInMemory -= batch.lines?.length ?? 0;
      wake();
    }
  }

  function start(): void {
    if (running !== undefined || stopping.signal.aborted) return;
    running = run().finally(() => {
      running = undefined;
      wake();
      if (queue.length > 0) start();
    });
  }

  async function waitUntil(condition: () => boolean, signal?: AbortSignal): Promise<void> {
    while (!condition() && signal?.aborted !== true && !stopping.signal.aborted) {
      await new Promise<void>((resolve) => {
        wakeWaiting.push(resolve);
        signal?.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  if (queue.length > 0) start();
  return {
    enqueue(batch) {
      const lines = keep(batch.lines);
      queue.push({ batchId: batch.batchId, lines, createdAtMs: Number(batch.createdAtUs) / 1_000 });
      start();
    },
    waitForRoom: (signal) =>
      waitUntil(() => queue.length < (isFailing ? maxPendingWhileFailing : maxPending), signal),
    drained: () => waitUntil(() => queue.length === 0),
    get pending() {
      return queue.length;
    },
    get oldestCreatedAtMs() {
      return queue[0]?.createdAtMs;
    },
    async stop() {
      stopping.abort();
      wake();
      await running;
    },
  };

  function keep(lines: Buffer): Buffer | undefined {
    if (bytesInMemory > 0 && bytesInMemory + lines.length > maxBytesInMemory) return undefined;
    bytesInMemory += lines.length;
    return lines;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener('abort', finish, { once: true });
  });
}
