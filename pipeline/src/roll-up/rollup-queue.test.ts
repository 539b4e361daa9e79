import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { LandedBatch } from '../land/land-batch.js';
import type { PendingBatch } from './pending-batch.js';
import { startRollupQueue, type RollupQueueOptions } from './rollup-queue.js';

const landed = (batchId: number, bytes = 10): LandedBatch => ({
  batchId,
  rows: 1,
  block: Buffer.alloc(bytes),
  identities: [],
  createdAtUs: '1000',
});
const left = (batchId: number): PendingBatch => ({ batchId, rows: 1, block: undefined, createdAtMs: 0 });
const unlimited = {
  maxPending: 100,
  maxBytesInMemory: 1_000,
  maxGroupBytes: 10_000,
  maxRestMs: 0,
  onFailure: () => undefined,
};
const never = new AbortController().signal;
const idsOf = (batches: readonly PendingBatch[]): number[] => batches.map(({ batchId }) => batchId);

function recording(options: Partial<RollupQueueOptions> = {}) {
  const groups: number[][] = [];
  const flush = (batches: readonly PendingBatch[]): Promise<void> => {
    groups.push(idsOf(batches));
    return Promise.resolve();
  };
  return { groups, options: { ...unlimited, flush, ...options } };
}

function gate(): { opened: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

describe('startRollupQueue', () => {
  it('rolls up what waits together, of all partitions, what an earlier owner left first', async () => {
    const first = gate();
    const { groups, options } = recording();
    const queue = startRollupQueue({
      ...options,
      flush: async (batches) => {
        await options.flush(batches);
        await first.opened;
      },
    });
    queue.adopt(0, [left(1), left(2)]);
    queue.enqueue(0, landed(3));
    queue.enqueue(1, landed(4));
    first.open();
    await queue.drained();
    expect(groups).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(queue.pendingOf(0)).toBe(0);
  });

  it('puts no more bytes into one group than it may, and a larger batch alone', async () => {
    const { groups, options } = recording({ maxGroupBytes: 100 });
    const first = gate();
    const queue = startRollupQueue({
      ...options,
      flush: async (batches) => {
        await first.opened;
        await options.flush(batches);
      },
    });
    for (const [id, bytes] of [1, 60, 40, 1, 500, 1].entries()) queue.enqueue(0, landed(id, bytes));
    first.open();
    await queue.drained();
    expect(groups).toEqual([[0], [1, 2], [3], [4], [5]]);
  });

  it('tries a failed group again after the others, with the same batches', async () => {
    const attempts: number[][] = [];
    const failures: number[] = [];
    const first = gate();
    const queue = startRollupQueue({
      ...unlimited,
      flush: async (batches) => {
        await first.opened;
        attempts.push(idsOf(batches));
        if (batches[0]?.batchId === 1 && failures.length < 2) throw new Error('away');
      },
      onFailure: (_batches, _error, attempt) => void failures.push(attempt),
    });
    queue.adopt(0, [left(1), left(2)]);
    queue.enqueue(1, landed(3));
    first.open();
    await queue.drained();
    expect(attempts).toEqual([[1, 2], [3], [1, 2], [1, 2]]);
    expect(failures).toEqual([1, 2]);
  });

  it('tries a failed group again however much keeps coming', async () => {
    const attempts: number[] = [];
    let next = 2;
    const queue = startRollupQueue({
      ...unlimited,
      flush: async (batches) => {
        const id = batches[0]!.batchId;
        attempts.push(id);
        await setImmediate();
        if (id === 1 && attempts.length === 1) throw new Error('away');
        if (!attempts.slice(1).includes(1)) queue.enqueue(0, landed(next++));
      },
    });
    queue.enqueue(0, landed(1));
    queue.enqueue(0, landed(next++));
    await queue.drained();
    expect(attempts.slice(0, 2)).toEqual([1, 2]);
    expect(attempts.filter((id) => id === 1)).toHaveLength(2);
  });

  it('takes many batches that an earlier owner left in groups of bounded size', async () => {
    const { groups, options } = recording({ maxGroupBytes: 6_000_000 });
    const queue = startRollupQueue(options);
    queue.adopt(
      0,
      [1, 2, 3, 4].map((id) => ({ ...left(id), rows: 5_000 })),
    );
    await queue.drained();
    expect(groups).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it('lets more batches wait while ClickHouse is away, so that landing goes on', async () => {
    let isAway = true;
    const { options } = recording({
      maxPending: 1,
      maxPendingWhileFailing: 3,
      flush: () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve()),
    });
    const queue = startRollupQueue(options);
    queue.enqueue(0, landed(1));
    await queue.waitForRoom(0, never);
    queue.enqueue(0, landed(2));
    await queue.waitForRoom(0, never);
    queue.enqueue(0, landed(3));
    isAway = false;
    await queue.drained();
  });

  it('holds the landing of a partition back while too many of its batches wait', async () => {
    const first = gate();
    const { options } = recording({ maxPending: 2, flush: () => first.opened });
    const queue = startRollupQueue(options);
    queue.enqueue(0, landed(1));
    await queue.waitForRoom(0, never);
    queue.enqueue(0, landed(2));
    await queue.waitForRoom(1, never);
    let hasRoom = false;
    const room = queue.waitForRoom(0, never).then(() => (hasRoom = true));
    await Promise.resolve();
    expect(hasRoom).toBe(false);
    expect(queue.oldestOf(0)).toBe(1);
    expect(queue.oldestOf(1)).toBeUndefined();
    first.open();
    await room;
  });

  it('lets a waiting landing go when its partition is taken away', async () => {
    const { options } = recording({ maxPending: 1, flush: () => new Promise<void>(() => undefined) });
    const queue = startRollupQueue(options);
    queue.adopt(0, [left(1)]);
    const away = new AbortController();
    const room = queue.waitForRoom(0, away.signal);
    away.abort();
    await room;
  });

  it('keeps only so many bytes in memory, and always those of one batch', async () => {
    const kept: boolean[] = [];
    const first = gate();
    const queue = startRollupQueue({
      ...unlimited,
      maxBytesInMemory: 100,
      flush: async (batches) => {
        await first.opened;
        kept.push(...batches.map(({ block }) => block !== undefined));
      },
    });
    for (const [id, bytes] of [500, 80, 10].entries()) queue.enqueue(0, landed(id, bytes));
    first.open();
    await queue.drained();
    expect(kept).toEqual([true, false, false]);
  });

  it('lets a released partition go once its group is in, and keeps the others', async () => {
    const first = gate();
    const groups: number[][] = [];
    const queue = startRollupQueue({
      ...unlimited,
      flush: async (batches) => {
        groups.push(idsOf(batches));
        await first.opened;
      },
    });
    queue.enqueue(0, landed(1));
    queue.enqueue(0, landed(2));
    queue.enqueue(1, landed(3));
    const released = queue.release(0);
    first.open();
    await released;
    expect(queue.pendingOf(0)).toBe(0);
    await queue.drained();
    expect(groups).toEqual([[1], [3]]);
  });

  it('rests after a group while little waits, and no longer than until much does', async () => {
    let nowMs = 0;
    const second = gate();
    const groups: number[][] = [];
    const queue = startRollupQueue({
      ...unlimited,
      maxBytesInMemory: 1e9,
      maxGroupBytes: 1e9,
      maxRestMs: 3_600_000,
      now: () => (nowMs += 1_200_000),
      flush: (batches) => {
        groups.push(idsOf(batches));
        if (groups.length === 2) second.open();
        return Promise.resolve();
      },
    });
    queue.enqueue(0, landed(1));
    await queue.waitForRoom(0, never);
    queue.enqueue(0, landed(2));
    queue.enqueue(1, landed(3, 3 * 1024 * 1024));
    await second.opened;
    expect(groups).toEqual([[1], [2, 3]]);
    await queue.stop();
  });

  it('waits for more while the log has more, and does not keep the end of a backlog waiting', async () => {
    let isBehind = true;
    let nowMs = 0;
    const { groups, options } = recording({ maxBytesInMemory: 1e9, maxGroupBytes: 1e9 });
    const queue = startRollupQueue({
      ...options,
      maxRestMs: 3_600_000,
      isBehind: () => isBehind,
      now: () => nowMs,
      flush: (batches) => {
        nowMs += 1_000_000;
        return options.flush(batches);
      },
    });
    queue.enqueue(0, landed(1));
    await setImmediate();
    queue.enqueue(0, landed(2, 3 * 1024 * 1024));
    await setImmediate();
    expect(groups).toEqual([[1]]);
    isBehind = false;
    queue.enqueue(1, landed(3));
    await setImmediate();
    expect(groups).toEqual([[1], [2, 3]]);
    await queue.stop();
  });

  it('does not rest while a landing waits for room', async () => {
    let nowMs = 0;
    const { groups, options } = recording({ maxPending: 1 });
    const queue = startRollupQueue({
      ...options,
      maxRestMs: 3_600_000,
      now: () => nowMs,
      flush: (batches) => {
        nowMs += 1_000_000;
        return options.flush(batches);
      },
    });
    queue.enqueue(0, landed(1));
    await queue.waitForRoom(0, never);
    queue.enqueue(0, landed(2));
    await queue.waitForRoom(0, never);
    expect(groups).toEqual([[1], [2]]);
    await queue.stop();
  });

  it('finishes the group at hand when it stops, and takes no other', async () => {
    const first = gate();
    const done: number[][] = [];
    const queue = startRollupQueue({
      ...unlimited,
      maxGroupBytes: 10,
      flush: async (batches) => {
        await first.opened;
        done.push(idsOf(batches));
      },
    });
    queue.enqueue(0, landed(1));
    queue.enqueue(0, landed(2));
    const stopped = queue.stop();
    first.open();
    await stopped;
    expect(done).toEqual([[1]]);
    expect(queue.pendingOf(0)).toBe(1);
  });
});
