/**
 * Hands the records of one partition to the caller, batch after batch.
 *
 *     starting ──startAt──▶ filling ──▶ handling (the next batch fills meanwhile) ──▶ filling …
 *        ▲                                  │ rejected
 *        └────────── backing off ◀──────────┘
 *
 * A rejection forgets what was fetched and asks for the caller's own position again, so a failure never skips a record.
 */
import type { ConsumeOptions } from '../port.js';
import { fillBatch, type PreviousBatch } from './fill-batch.js';
import { isAborted, pause } from './pause.js';
import type { RecordFeed } from './record-feed.js';

const FIRST_BACKOFF_MS = 100;
const LAST_BACKOFF_MS = 5_000;

export interface PartitionLoopOptions {
  partition: number;
  consume: ConsumeOptions;
  /** Opens the partition at a position. Throws when the log cannot serve it. */
  openFeed: (position: number, signal: AbortSignal) => Promise<RecordFeed>;
  /** Called with the position after each handled batch. */
  onHandled?: (partition: number, position: number) => void;
}

export interface PartitionLoop {
  /** Aborts the handler's signal, fetches no more, and resolves when the handler has returned. */
  stop(): Promise<void>;
}

export function startPartitionLoop(options: PartitionLoopOptions): PartitionLoop {
  const stopping = new AbortController();
  const finished = runUntilStopped(options, stopping.signal);
  return {
    async stop() {
      stopping.abort();
      await finished;
    },
  };
}

async function runUntilStopped(options: PartitionLoopOptions, stopped: AbortSignal): Promise<void> {
  const { partition, consume } = options;
  let backoffMs = FIRST_BACKOFF_MS;
  while (!stopped.aborted) {
    try {
      await runFromStart(options, stopped, () => (backoffMs = FIRST_BACKOFF_MS));
    } catch (error) {
      // A handler that was asked to give up may say so by throwing.
      if (isAborted(stopped)) return;
      consume.onError?.(error, partition);
      await pause(backoffMs * (0.75 + Math.random() / 2), stopped);
      backoffMs = Math.min(backoffMs * 2, LAST_BACKOFF_MS);
    }
  }
}

async function runFromStart(
  { partition, consume, openFeed, onHandled }: PartitionLoopOptions,
  stopped: AbortSignal,
  onProgress: () => void,
): Promise<void> {
  const start = await consume.startAt(partition);
  if (isAborted(stopped)) return;
  const feed = await openFeed(start, stopped);
  // Ends the filling of the next batch when the handling of this one fails.
  const failed = new AbortController();
  const signal = AbortSignal.any([stopped, failed.signal]);
  let filling = fillBatch(feed, partition, start, NOTHING_BEFORE, consume, signal);
  try {
    for (;;) {
      const batch = await filling;
      if (batch === undefined) return;
      const current = whileHandled(() => consume.handle(batch, stopped));
      filling = fillBatch(feed, partition, batch.to, current.state, consume, signal);
      // Its failure counts when it is awaited, after this batch.
      filling.catch(() => undefined);
      await current.result;
      onProgress();
      onHandled?.(partition, batch.to);
    }
  } finally {
    failed.abort();
    await Promise.allSettled([filling]);
    feed.close();
  }
}

const NOTHING_BEFORE: PreviousBatch = { isHandled: true, handled: Promise.resolve() };

function whileHandled(handle: () => Promise<void>): { state: PreviousBatch; result: Promise<void> } {
  // A handler that throws at once is a rejected one.
  const result = new Promise<void>((resolve) => resolve(handle()));
  const state: PreviousBatch = {
    isHandled: false,
    handled: result.then(
      () => void (state.isHandled = true),
      () => undefined,
    ),
  };
  return { state, result };
}
