/**
 * Hands the records of one partition to the caller, batch after batch.
 *
 *     starting ──startAt──▶ filling ──▶ preparing ──▶ handling (the next batch is filled and prepared meanwhile) …
 *        ▲                                  │ rejected   │ rejected
 *        └────────── backing off ◀──────────┴────────────┘
 *
 * A rejection forgets what was fetched and prepared and asks for the caller's own position again, so a failure never skips
 * a record, and nothing that was prepared behind a batch that failed is ever handled.
 */
import type { ConsumeOptions, RecordBatch } from '../port.js';
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
  async function makeNext(from: number, previous: PreviousBatch): Promise<NextBatch | undefined> {
    const batch = await fillBatch(feed, partition, from, previous, consume, signal);
    return batch === undefined ? undefined : { batch, prepared: await consume.prepare?.(batch) };
  }

  let making = makeNext(start, NOTHING_BEFORE);
  try {
    for (;;) {
      const next = await making;
      // What was being prepared when the partition was taken away is not handled any more.
      if (next === undefined || isAborted(stopped)) return;
      const { batch, prepared } = next;
      const current = whileHandled(() => consume.handle(batch, stopped, prepared));
      making = makeNext(batch.to, current.state);
      // Its failure counts when it is awaited, after this batch.
      making.catch(() => undefined);
      await current.result;
      onProgress();
      onHandled?.(partition, batch.to);
    }
  } finally {
    failed.abort();
    await Promise.allSettled([making]);
    feed.close();
  }
}

interface NextBatch {
  batch: RecordBatch;
  /** What the caller made of it. */
  prepared: unknown;
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
