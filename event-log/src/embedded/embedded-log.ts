import { resolve } from 'node:path';
import { pause } from '../consume/pause.js';
import { startPartitionLoop, type PartitionLoop } from '../consume/partition-loop.js';
import {
  LogUnavailableError,
  PositionError,
  RecordsLostError,
  type ConsumeOptions,
  type EventLog,
  type LogConsumer,
} from '../port.js';
import { createAppendQueue } from './append-queue.js';
import { createGroupLock } from './group-lock.js';
import { createHeadWatch } from './head-watch.js';
import { openLogFiles } from './log-files.js';
import { openPartitionFeed } from './partition-feed.js';
import { createRetention } from './retention.js';

export const DEFAULT_MAX_LOG_BYTES = 4 * 1024 ** 3;
export const DEFAULT_MAX_AGE_MS = 24 * 60 * 60 * 1_000;

/** Released records are dropped from this share of the bound on, by whoever releases, so that appends seldom have to. */
const RELAXED_SHARE = 0.8;
const RETENTION_EVERY_MS = 1_000;
const RETRY_MS = 1_000;

export interface EmbeddedLogOptions {
  partitions?: number | undefined;
  maxBytes?: number | undefined;
  maxAgeMs?: number | undefined;
  readOnly?: boolean | undefined;
}

/**
 * The log in a directory of this machine, for any number of processes at once.
 * Opening creates it, unless `readOnly`.
 */
export async function openEmbeddedLog(
  directory: string,
  options: EmbeddedLogOptions = {},
): Promise<EventLog> {
  const {
    partitions,
    maxBytes = DEFAULT_MAX_LOG_BYTES,
    maxAgeMs = DEFAULT_MAX_AGE_MS,
    readOnly = false,
  } = options;
  const files = openLogFiles(resolve(directory), {
    partitions,
    readOnly,
    // Twice the bound: pages freed by a transaction are reused only by later ones, and large records need runs of pages.
    mapBytes: Math.ceil((2 * maxBytes + 256 * 1024 ** 2) / 65_536) * 65_536,
  });
  const watch = createHeadWatch(files);
  const retention = createRetention(files);
  const appendQueue = createAppendQueue({
    files,
    maxBytes,
    // Somewhat more than is needed, so that a log at its bound does not drop in every commit.
    makeRoom: (head, bytes) => retention.dropDownTo(head, Math.max(0, maxBytes * 0.95 - bytes)),
    onAppended: () => watch.appended(),
  });
  const consumers = new Set<LogConsumer>();
  let isClosed = false;
  let retentionDueMs = 0;
  let retaining: Promise<void> | undefined;

  async function retain(): Promise<void> {
    await retention.dropOlderThan(Date.now() - maxAgeMs);
    await retention.dropDownTo(files.readHead(), maxBytes * RELAXED_SHARE);
  }

  function assertOpen(): void {
    if (isClosed) throw new LogUnavailableError('the event log is closed');
  }

  function assertWritable(): void {
    assertOpen();
    if (readOnly) throw new Error(`the event log in ${directory} was opened to read only`);
  }

  return {
    id: files.id,
    partitionCount: files.partitionCount,

    async append(records) {
      assertWritable();
      return appendQueue.append(records);
    },

    async endOffsets() {
      assertOpen();
      return files.readHead().nextOffsets;
    },

    async startOffsets() {
      assertOpen();
      return files.readTail().startOffsets;
    },

    async consume(consumeOptions) {
      assertWritable();
      const consumer = startGroupMember(consumeOptions);
      consumers.add(consumer);
      return {
        async stop() {
          consumers.delete(consumer);
          await consumer.stop();
        },
      };
    },

    async release(watermark) {
      assertWritable();
      await retention.release(watermark);
      if (Date.now() < retentionDueMs || retaining !== undefined) return;
      retaining = retain();
      try {
        await retaining;
      } finally {
        retaining = undefined;
        retentionDueMs = Date.now() + RETENTION_EVERY_MS;
      }
    },

    async ping() {
      assertOpen();
      files.readHead();
    },

    async close() {
      if (isClosed) return;
      isClosed = true;
      await Promise.all([...consumers].map((consumer) => consumer.stop()));
      await appendQueue.close();
      await Promise.allSettled([retaining]);
      watch.close();
      await files.root.close();
    },
  };

  function startGroupMember(consume: ConsumeOptions): LogConsumer {
    const stopping = new AbortController();
    const all = Array.from({ length: files.partitionCount }, (_, p) => p);

    async function openFeed(partition: number, position: number) {
      const start = files.readTail().startOffsets[partition]!;
      const end = files.readHead().nextOffsets[partition]!;
      if (position > end) throw new PositionError(partition, position, end);
      if (position < start) consume.onError?.(new RecordsLostError(partition, position, start), partition);
      return openPartitionFeed(files, watch, partition, position);
    }

    async function runMember(): Promise<void> {
      while (!stopping.signal.aborted) {
        try {
          await consumeWhileHolder();
        } catch (error) {
          consume.onError?.(error);
          await pause(RETRY_MS, stopping.signal);
        }
      }
    }

    async function consumeWhileHolder(): Promise<void> {
      const lock = createGroupLock(files, consume.group, (error) => consume.onError?.(error));
      if (!(await lock.acquire(stopping.signal))) return;
      try {
        consume.onAssigned?.(all);
        const loops: PartitionLoop[] = all.map((partition) =>
          startPartitionLoop({ partition, consume, openFeed: (position) => openFeed(partition, position) }),
        );
        await Promise.race([lock.lost, aborted(stopping.signal)]);
        await Promise.all(loops.map((loop) => loop.stop()));
        await consume.onRevoked?.(all);
      } finally {
        await lock.release();
      }
    }

    const running = runMember();
    return {
      async stop() {
        stopping.abort();
        await running;
      },
    };
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
