/**
 * Rolls the landed batches of all owned partitions up, in groups, oldest first. An insert into ClickHouse costs about the
 * same for 50 rows as for 5,000, so what waits goes in together, and while little waits a rest lets more come.
 *
 *     idle ──batch──▶ flushing a group ──done──▶ resting ──time is over, or much waits──▶ next group or idle
 *                          │ failed
 *                          ▼
 *                      backing off ──▶ the next group; the failed one again once its own time has come
 *
 * A batch is never skipped and never given up: what fails is tried again until it is in, however much keeps coming.
 */
import type { LandedBatch } from '../land/land-batch.js';
import type { PendingBatch } from './pending-batch.js';

export interface RollupQueueOptions {
  /** Rolls batches up in one insert; rejects when they have to be tried again. */
  flush: (batches: readonly PendingBatch[]) => Promise<void>;
  /** A failed attempt, counted from 1; the next attempt of anything follows after `backoffMs`. */
  onFailure: (
    batches: readonly PendingBatch[],
    error: unknown,
    attempt: number,
    backoffMs: number,
  ) => Promise<void> | void;
  /** Batches of a partition that may wait before its landing has to. */
  maxPending: number;
  /** The same while flushing fails: landing goes on without ClickHouse. Default `maxPending`. */
  maxPendingWhileFailing?: number;
  /** Bytes of waiting batches that are kept in memory; batches beyond are read from Postgres again. */
  maxBytesInMemory: number;
  /** Bytes of one group at most; a single larger batch goes alone. */
  maxGroupBytes: number;
  /** Longest rest after a group, milliseconds; it is no longer than three times the group took. 0: none. */
  maxRestMs: number;
  /** Whether the log is known to hold more than was landed, so that more comes at once. Default: never. */
  isBehind?: () => boolean;
  now?: () => number;
}

export interface RollupQueue {
  /** Takes over batches that an earlier owner of the partition left. */
  adopt(partition: number, left: readonly PendingBatch[]): void;
  enqueue(partition: number, batch: LandedBatch): void;
  /** Resolves when there is room for another batch of the partition, or `signal` aborts. */
  waitForRoom(partition: number, signal: AbortSignal): Promise<void>;
  /** Lets the partition's waiting batches go, once those that are being flushed are. They stay in Postgres. */
  release(partition: number): Promise<void>;
  /** Resolves when nothing waits. */
  drained(): Promise<void>;
  pendingOf(partition: number): number;
  /** When the partition's oldest waiting batch was landed, milliseconds since the epoch. */
  oldestOf(partition: number): number | undefined;
  /** Finishes the group at hand, or lets it go when it fails, and takes no other. What waits stays in Postgres. */
  stop(): Promise<void>;
}

interface Waiting {
  partition: number;
  batch: PendingBatch;
  bytes: number;
}

interface Group {
  members: readonly Waiting[];
  attempts: number;
  /** When a failed one is tried again, by the queue's clock. */
  dueMs: number;
}

const FIRST_BACKOFF_MS = 100;
const LAST_BACKOFF_MS = 10_000;
const REST_FACTOR = 3;
/** So many bytes are worth an insert at once. */
const WORTH_BYTES = 2 * 1024 * 1024;
/** The same while more comes at once: a row of a large insert costs less, to insert and to merge. */
const WORTH_BYTES_WHILE_BEHIND = 12 * 1024 * 1024;
const MAX_GROUP_BATCHES = 64;
/** What a row that is not in memory is taken to be. */
const EXPECTED_ROW_BYTES = 450;

function backoffOf(failures: number): number {
  return Math.min(FIRST_BACKOFF_MS * 2 ** (failures - 1), LAST_BACKOFF_MS);
}

export function startRollupQueue(options: RollupQueueOptions): RollupQueue {
  const { flush, onFailure, maxPending, maxBytesInMemory, maxGroupBytes, maxRestMs } = options;
  const maxPendingWhileFailing = options.maxPendingWhileFailing ?? maxPending;
  const now = options.now ?? (() => performance.now());
  const isBehind = options.isBehind ?? (() => false);
  const stopping = new AbortController();
  let waiting: Waiting[] = [];
  // Failed groups, oldest first. Others go on meanwhile: one bad batch must not hold them back.
  let failed: Group[] = [];
  let current: Group | undefined;
  let bytesInMemory = 0;
  let failuresInARow = 0;
  let hurrying = 0;
  let running: Promise<void> | undefined;
  let listeners: (() => void)[] = [];

  function changed(): void {
    const told = listeners;
    listeners = [];
    for (const tell of told) tell();
  }

  /** Resolves at the next change, after `ms`, or when `signal` aborts, whichever comes first. */
  function change(ms?: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(done, ms);
      function done(): void {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      }
      listeners.push(done);
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  function everything(): Waiting[] {
    return [...(current?.members ?? []), ...failed.flatMap((group) => group.members), ...waiting];
  }

  function takeGroup(): Group | undefined {
    if (waiting.length === 0) return failed.shift();
    const due = failed.findIndex(({ dueMs }) => dueMs <= now());
    if (due !== -1) return failed.splice(due, 1)[0];
    let bytes = 0;
    let count = 0;
    for (const member of waiting) {
      if (count > 0 && (count === MAX_GROUP_BATCHES || bytes + member.bytes > maxGroupBytes)) break;
      bytes += member.bytes;
      count += 1;
    }
    return { members: waiting.splice(0, count), attempts: 0, dueMs: 0 };
  }

  async function run(): Promise<void> {
    for (let group = takeGroup(); group !== undefined; group = takeGroup()) {
      current = group;
      const startedMs = now();
      const wasBehind = isBehind();
      const batches = group.members.map(({ batch }) => batch);
      try {
        await flush(batches);
      } catch (error) {
        group.attempts += 1;
        failuresInARow += 1;
        current = undefined;
        // Longer than everything pauses, so that the others have their turn before it.
        group.dueMs = now() + 2 * backoffOf(group.attempts);
        failed.push(group);
        changed();
        const backoffMs = backoffOf(failuresInARow);
        await onFailure(batches, error, group.attempts, backoffMs);
        await pause(backoffMs);
        if (stopping.signal.aborted) return;
        continue;
      }
      failuresInARow = 0;
      current = undefined;
      for (const { batch } of group.members) bytesInMemory -= batch.block?.length ?? 0;
      changed();
      await rest(Math.min(maxRestMs, REST_FACTOR * (now() - startedMs)), wasBehind);
      if (stopping.signal.aborted) return;
    }
  }

  /** What is left when a backlog has been landed does not have to wait. */
  async function rest(ms: number, wasBehind: boolean): Promise<void> {
    const endMs = now() + ms;
    for (;;) {
      const leftMs = endMs - now();
      const waitingBytes = waiting.reduce((sum, { bytes }) => sum + bytes, 0);
      const isWorthIt = waitingBytes >= (isBehind() ? WORTH_BYTES_WHILE_BEHIND : WORTH_BYTES);
      const isEndOfBacklog = wasBehind && !isBehind();
      if (leftMs <= 0 || hurrying > 0 || isWorthIt || isEndOfBacklog || stopping.signal.aborted) return;
      await change(leftMs);
    }
  }

  /** Nothing rests while somebody waits for it. */
  async function hurry(untilDone: () => Promise<void>): Promise<void> {
    hurrying += 1;
    changed();
    try {
      await untilDone();
    } finally {
      hurrying -= 1;
    }
  }

  async function pause(ms: number): Promise<void> {
    const endMs = now() + ms;
    while (!stopping.signal.aborted && now() < endMs) await change(endMs - now());
  }

  function start(): void {
    if (running !== undefined || stopping.signal.aborted) return;
    running = run().finally(() => {
      running = undefined;
      changed();
      if (waiting.length + failed.length > 0) start();
    });
  }

  async function waitUntil(condition: () => boolean, signal?: AbortSignal): Promise<void> {
    while (!condition() && signal?.aborted !== true && !stopping.signal.aborted)
      await change(undefined, signal);
  }

  function pendingOf(partition: number): number {
    return everything().filter((member) => member.partition === partition).length;
  }

  return {
    adopt(partition, left) {
      waiting.push(...left.map((batch) => ({ partition, batch, bytes: batch.rows * EXPECTED_ROW_BYTES })));
      if (waiting.length > 0) start();
    },
    enqueue(partition, { batchId, rows, block, createdAtUs }) {
      const isKept = bytesInMemory === 0 || bytesInMemory + block.length <= maxBytesInMemory;
      if (isKept) bytesInMemory += block.length;
      const createdAtMs = Number(createdAtUs) / 1_000;
      const batch = { batchId, rows, block: isKept ? block : undefined, createdAtMs };
      waiting.push({ partition, batch, bytes: block.length });
      changed();
      start();
    },
    async waitForRoom(partition, signal) {
      const hasRoom = (): boolean =>
        pendingOf(partition) < (failuresInARow > 0 ? maxPendingWhileFailing : maxPending);
      if (!hasRoom()) await hurry(() => waitUntil(hasRoom, signal));
    },
    async release(partition) {
      const goes = (member: Waiting): boolean => member.partition === partition;
      for (const { batch } of waiting.filter(goes)) bytesInMemory -= batch.block?.length ?? 0;
      waiting = waiting.filter((member) => !goes(member));
      // What is being flushed is waited for; should it fail, it goes, too.
      await waitUntil(() => current?.members.some(goes) !== true);
      for (const group of failed) {
        for (const { batch } of group.members.filter(goes)) bytesInMemory -= batch.block?.length ?? 0;
      }
      failed = failed
        .map((group) => ({ ...group, members: group.members.filter((member) => !goes(member)) }))
        .filter((group) => group.members.length > 0);
      changed();
    },
    drained: () => hurry(() => waitUntil(() => everything().length === 0)),
    pendingOf,
    oldestOf(partition) {
      const times = everything()
        .filter((member) => member.partition === partition)
        .map(({ batch }) => batch.createdAtMs);
      return times.length === 0 ? undefined : Math.min(...times);
    },
    async stop() {
      stopping.abort();
      changed();
      await running;
    },
  };
}
