/**
 * Fetches the partitions of a consumer: one request at a time to each leader, for all of its partitions that have room.
 * A partition's records are kept until the partition loop takes them; a full one is left out of the requests, so that a
 * slow partition holds up no other.
 */
import { fetchV13, type RecordsBatch } from '@platformatic/kafka';
import { setHeader } from '../set-header.js';
import type { RecordFeed } from '../consume/record-feed.js';
import { RecordsLostError, type LogRecord } from '../port.js';
import type { BrokerLinks } from './broker-links.js';
import type { Cluster } from './cluster.js';
import { errorName, responseOf } from './kafka-errors.js';
import { pause } from '../consume/pause.js';

/** A fetch without news returns after this. */
const MAX_WAIT_MS = 150;
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_PARTITION_BYTES = 1024 * 1024;
/** A partition with this much at hand is not fetched. */
const ENOUGH_BYTES = 1024 * 1024;
const RETRY_MS = 200;
const IS_CONTROL = 1 << 5;
const IS_LOG_APPEND_TIME = 1 << 3;

/** Answers after which the leaders are asked for and the fetch is repeated. */
const RETRIABLE = new Set([
  'NOT_LEADER_OR_FOLLOWER',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
  'INCONSISTENT_TOPIC_ID',
  'LEADER_NOT_AVAILABLE',
  'REPLICA_NOT_AVAILABLE',
  'OFFSET_NOT_AVAILABLE',
  'KAFKA_STORAGE_ERROR',
  'UNKNOWN_SERVER_ERROR',
]);

export interface Fetcher {
  /** Starts to fetch a partition. The position must lie in the log. */
  open(partition: number, position: number): RecordFeed;
  close(): void;
}

interface Feed extends RecordFeed {
  readonly partition: number;
  /** The offset to fetch next. */
  readonly position: number;
  readonly hasRoom: boolean;
  take(records: LogRecord[], next: number, bytes: number): void;
  sawEnd(endOffset: number, seenAtMs: number): void;
  fail(error: Error): void;
}

export function createFetcher(
  cluster: Cluster,
  links: BrokerLinks,
  onError: (error: unknown, partition?: number) => void,
): Fetcher {
  const feeds = new Set<Feed>();
  const busyLeaders = new Set<number>();
  const closing = new AbortController();
  let isKicked = false;

  function kickSoon(): void {
    if (isKicked || closing.signal.aborted) return;
    isKicked = true;
    setImmediate(() => {
      isKicked = false;
      void kick();
    });
  }

  /** Never rejects. */
  async function kick(): Promise<void> {
    let metadata;
    try {
      metadata = await cluster.metadata();
    } catch (error) {
      onError(error);
      await pause(RETRY_MS, closing.signal);
      kickSoon();
      return;
    }
    const requests = new Map<number, Feed[]>();
    for (const feed of feeds) {
      if (!feed.hasRoom) continue;
      const leader = metadata.leaders[feed.partition] ?? -1;
      if (busyLeaders.has(leader)) continue;
      const request = requests.get(leader);
      if (request === undefined) requests.set(leader, [feed]);
      else request.push(feed);
    }
    for (const [leader, asking] of requests) {
      if (closing.signal.aborted) return;
      busyLeaders.add(leader);
      void fetchFrom(leader, asking).finally(() => {
        busyLeaders.delete(leader);
        kickSoon();
      });
    }
  }

  /** Never rejects. */
  async function fetchFrom(leader: number, asking: readonly Feed[]): Promise<void> {
    const seenAtMs = Date.now();
    let needsMetadata = false;
    try {
      const metadata = await cluster.metadata();
      const broker = metadata.brokers.get(leader);
      if (broker === undefined) throw new Error('the partition has no leader');
      const answer = await request(broker, metadata.topicId, asking);
      const byPartition = new Map(asking.map((feed) => [feed.partition, feed]));
      for (const result of answer.responses.flatMap(({ partitions }) => partitions)) {
        const feed = byPartition.get(result.partitionIndex);
        if (feed === undefined || !feeds.has(feed)) continue;
        if (result.errorCode === 0) accept(feed, result, seenAtMs);
        else if (refuse(feed, result) === 'ask for leaders') needsMetadata = true;
      }
      if (answer.errorCode !== 0) throw new Error(`Kafka answered ${errorName(answer.errorCode)}`);
    } catch (error) {
      if (closing.signal.aborted) return;
      onError(error);
      needsMetadata = true;
    }
    if (!needsMetadata) return;
    await pause(RETRY_MS, closing.signal);
    try {
      await cluster.refresh();
    } catch (error) {
      onError(error);
    }
  }

  async function request(
    broker: { host: string; port: number },
    topicId: string,
    asking: readonly Feed[],
  ): Promise<fetchV13.FetchResponse> {
    const partitions = asking.map(({ partition, position }) => ({
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: BigInt(position),
      lastFetchedEpoch: -1,
      partitionMaxBytes: MAX_PARTITION_BYTES,
    }));
    // Full partitions may want to be fetched again before long.
    const maxWaitMs = asking.length === feeds.size ? MAX_WAIT_MS : MAX_WAIT_MS / 5;
    try {
      return await links.request(
        broker,
        fetchV13.api,
        [maxWaitMs, 1, MAX_BYTES, 0, 0, -1, [{ topicId, partitions }], [], ''],
        REQUEST_TIMEOUT_MS,
      );
    } catch (error) {
      // An answer with an error for one partition still has the records of the others.
      const answer = responseOf(error) as fetchV13.FetchResponse | undefined;
      if (answer === undefined) throw error;
      return answer;
    }
  }

  function accept(feed: Feed, result: fetchV13.FetchResponsePartition, seenAtMs: number): void {
    const records: LogRecord[] = [];
    let next = feed.position;
    let bytes = 0;
    for (const batch of result.records ?? []) {
      const afterBatch = Number(batch.firstOffset) + batch.lastOffsetDelta + 1;
      if ((batch.attributes & IS_CONTROL) === 0) {
        for (const record of readBatch(batch)) {
          // A batch starts before the position when that lies inside it.
          if (record.offset < feed.position) continue;
          records.push(record);
          bytes += record.value.byteLength;
        }
      }
      next = Math.max(next, afterBatch);
    }
    feed.sawEnd(Number(result.highWatermark), seenAtMs);
    if (next > feed.position) feed.take(records, next, bytes);
  }

  function refuse(feed: Feed, result: fetchV13.FetchResponsePartition): 'ask for leaders' | undefined {
    const name = errorName(result.errorCode);
    if (RETRIABLE.has(name)) return 'ask for leaders';
    const start = Number(result.logStartOffset);
    feed.fail(
      name === 'OFFSET_OUT_OF_RANGE' && feed.position < start
        ? new RecordsLostError(feed.partition, feed.position, start)
        : new Error(`Kafka answered ${name} for partition ${feed.partition} at ${feed.position}`),
    );
    return undefined;
  }

  return {
    open(partition, position) {
      const feed = createFeed(partition, position, kickSoon, () => feeds.delete(feed));
      feeds.add(feed);
      kickSoon();
      return feed;
    },
    close() {
      closing.abort();
      feeds.clear();
      links.reset();
    },
  };
}

function createFeed(partition: number, start: number, onRoom: () => void, onClose: () => void): Feed {
  let position = start;
  let atHand: LogRecord[] = [];
  let taken = 0;
  let bytesAtHand = 0;
  let endOffset = -1;
  let seenAtMs = 0;
  let failure: Error | undefined;
  let isFull = false;
  const waiters = new Set<() => void>();

  function wakeAll(): void {
    for (const wake of waiters) wake();
  }

  return {
    partition,
    get position() {
      return position;
    },
    get hasRoom() {
      isFull = failure !== undefined || bytesAtHand >= ENOUGH_BYTES;
      return !isFull;
    },
    take(records, next, bytes) {
      position = next;
      atHand = taken === atHand.length ? records : [...atHand.slice(taken), ...records];
      taken = 0;
      bytesAtHand += bytes;
      wakeAll();
    },
    sawEnd(offset, atMs) {
      endOffset = offset;
      seenAtMs = atMs;
    },
    fail(error) {
      failure = error;
      wakeAll();
    },
    peek() {
      const record = atHand[taken];
      if (record === undefined && failure !== undefined) throw failure;
      return record;
    },
    shift() {
      const record = atHand[taken]!;
      taken++;
      bytesAtHand -= record.value.byteLength;
      if (isFull && bytesAtHand < ENOUGH_BYTES) {
        isFull = false;
        onRoom();
      }
    },
    waitForMore(ms, signal) {
      return new Promise((resolve) => {
        const finish = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', finish);
          waiters.delete(finish);
          resolve();
        };
        const timer = setTimeout(finish, ms);
        if (signal.aborted || failure !== undefined) {
          finish();
          return;
        }
        signal.addEventListener('abort', finish, { once: true });
        waiters.add(finish);
      });
    },
    end: () => ({ endOffset, seenAtMs }),
    close() {
      onClose();
      atHand = [];
      taken = 0;
    },
  };
}

function* readBatch(batch: RecordsBatch): Generator<LogRecord> {
  for (const record of batch.records) {
    const headers: Record<string, string> = {};
    for (const [name, value] of record.headers) setHeader(headers, textOf(name), textOf(value));
    yield {
      offset: Number(batch.firstOffset) + record.offsetDelta,
      key: textOf(record.key),
      headers,
      value: bytesOf(record.value),
      appendedAtMs: Number(
        (batch.attributes & IS_LOG_APPEND_TIME) === 0
          ? batch.firstTimestamp + record.timestampDelta
          : batch.maxTimestamp,
      ),
    };
  }
}

/** Others may have written records with nothing where ours have bytes. */
function bytesOf(bytes: Buffer | null): Buffer {
  return bytes ?? EMPTY;
}

function textOf(bytes: Buffer | null): string {
  return bytes?.toString() ?? '';
}

const EMPTY = Buffer.alloc(0);
