import { describe, expect, it } from 'vitest';
import type { LandedBatch } from '../land/land-batch.js';
import { startFlusher, type FlusherOptions } from './flusher.js';
import type { PendingBatch } from './pending-batch.js';

const landed = (batchId: number, bytes = 10): LandedBatch => ({
  batchId,
  rows: 1,
  lines: Buffer.alloc(bytes),
  identities: [],
  createdAtUs: '1000',
});
const left = (batchId: number): PendingBatch => ({ batchId, lines: undefined, createdAtMs: 0 });
const unlimited = { maxPending: 100, maxBytesInMemory: 1_000, onFailure: () => undefined };
const never = new AbortController().signal;

function recording(options: Partial<FlusherOptions> = {}) {
  const done: number[] = [];
  const flush = (batch: PendingBatch): Promise<void> => {
    done.push(batch.batchId);
    return Promise.resolve();
  };
  return { done, options: { ...unlimited, flush, ...options } };
}

describe('startFlusher', () => {
  it('rolls up what an earlier owner left before what comes, in order', async () => {
    const { done, options } = recording();
    const flusher = startFlusher([left(1), left(2)], options);
    flusher.enqueue(landed(3));
    flusher.enqueue(landed(4));
    await flusher.drained();
    expect(done).toEqual([1, 2, 3, 4]);
    expect(flusher.pending).toBe(0);
  });

  it('tries a failed batch again before any other', async () => {
    const attempts: number[] = [];
    const failures: [number, number][] = [];
    const flusher = startFlusher([left(1), left(2)], {
      ...unlimited,
      flush: (batch) => {
        attempts.push(batch.batchId);
        return attempts.length <= 2 ? Promise.reject(new Error('away')) : Promise.resolve();
      },
      onFailure: (batch, _error, attempt) => void failures.push([batch.batchId, attempt]),
    });
    await flusher.drained();
    expect(attempts).toEqual([1, 1, 1, 2]);
    expect(failures).toEqual([
      [1, 1],
      [1, 2],
    ]);
  });

  it('lets more batches wait while ClickHouse is away, so that landing goes on', async () => {
    let isAway = true;
    const { options } = recording({
      maxPending: 1,
      maxPendingWhileFailing: 3,
      flush: () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve()),
    });
    const flusher = startFlusher([], options);
    flusher.enqueue(landed(1));
    await flusher.waitForRoom(never);
    flusher.enqueue(landed(2));
    await flusher.waitForRoom(never);
    flusher.enqueue(landed(3));
    expect(flusher.pending).toBe(3);
    isAway = false;
    await flusher.drained();
  });

  it('holds landing back while too many batches wait', async () => {
    let proceed: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (proceed = resolve));
    const { options } = recording({ maxPending: 2, flush: () => gate });
    const flusher = startFlusher([], options);
    flusher.enqueue(landed(1));
    await flusher.waitForRoom(never);
    flusher.enqueue(landed(2));
    let hasRoom = false;
    const room = flusher.waitForRoom(never).then(() => (hasRoom = true));
    await Promise.resolve();
    expect(hasRoom).toBe(false);
    expect(flusher.oldestCreatedAtMs).toBe(1);
    proceed();
    await room;
    expect(hasRoom).toBe(true);
  });

  it('lets a waiting landing go when its partition is taken away', async () => {
    const { options } = recording({ maxPending: 1, flush: () => new Promise<void>(() => undefined) });
    const flusher = startFlusher([left(1)], options);
    const away = new AbortController();
    const room = flusher.waitForRoom(away.signal);
    away.abort();
    await room;
  });

  it('keeps only so many bytes in memory, and always those of one batch', async () => {
    const kept: boolean[] = [];
    let proceed: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (proceed = resolve));
    const flusher = startFlusher([], {
      ...unlimited,
      maxBytesInMemory: 100,
      flush: async (batch) => {
        await gate;
        kept.push(batch.lines !== undefined);
      },
    });
    for (const [id, bytes] of [500, 80, 10].entries()) flusher.enqueue(landed(id, bytes));
    proceed();
    await flusher.drained();
    expect(kept).toEqual([true, false, false]);
  });

  it('finishes the batch at hand when it stops, and takes no other', async () => {
    let proceed: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (proceed = resolve));
    const done: number[] = [];
    const flusher = startFlusher([left(1), left(2)], {
      ...unlimited,
      flush: async (batch) => {
        await gate;
        done.push(batch.batchId);
      },
    });
    const stopped = flusher.stop();
    proceed();
    await stopped;
    expect(done).toEqual([1]);
    expect(flusher.pending).toBe(1);
  });
});
