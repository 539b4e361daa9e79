/**
 * Appends to the topic: idempotent, acknowledged by all in-sync replicas, in order.
 *
 * One request at a time goes to each leader, holding a batch of each of its partitions that has something waiting; while
 * it is under way the next ones gather. A batch is encoded once, with its sequence number, and retried as the same bytes
 * until it is acknowledged or the deadline of its first append passed, so a retry is stored once and never overtaken.
 *
 *     waiting ──▶ batch (numbered) ──sent──▶ acknowledged
 *                   ▲   │ retriable: refresh the leaders, wait, send again
 *                   └───┤ session unknown to the broker: new session, numbered anew, send again
 *                       └ deadline: reject; what became of it is unknown, so the partition gets a new session
 *
 * While no broker can be reached, appends are refused at once, and a look every `PROBE_MS` tells when that ends.
 */
import { initProducerIdV4, type produceV9 } from '@platformatic/kafka';
import { LogUnavailableError, RecordTooLargeError, type NewRecord, type Position } from '../port.js';
import type { BrokerLinks } from './broker-links.js';
import type { Cluster, TopicMetadata } from './cluster.js';
import { errorName, responseOf } from './kafka-errors.js';
import { produceApi } from './produce-api.js';
import { encodeRecordBatch, recordBytes, type ProducerSession } from './record-batch.js';

const MAX_BATCH_RECORDS = 5_000;
const MAX_REQUEST_BYTES = 8 * 1024 * 1024;
const RETRY_MS = 100;
const PROBE_MS = 300;
/** How long attempts must have failed before appends are refused at once: no broker answers, or one partition has trouble. */
const UNREACHABLE_AFTER_MS = 1_000;
const TROUBLED_AFTER_MS = 5_000;
const LAST_SEQUENCE = 0x7fff_ffff;

/** Answers after which the same bytes may be sent again. */
const RETRIABLE = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'REQUEST_TIMED_OUT',
  'NETWORK_EXCEPTION',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'KAFKA_STORAGE_ERROR',
  'CORRUPT_MESSAGE',
  'THROTTLING_QUOTA_EXCEEDED',
]);

/** Answers that mean that the broker does not know this producer, or knows it with another sequence. */
const SESSION_LOST = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
  'PRODUCER_FENCED',
]);

interface Append {
  positions: Position[];
  unacknowledged: number;
  deadlineMs: number;
  isSettled: boolean;
  resolve(positions: Position[]): void;
  reject(error: Error): void;
}

interface Waiting {
  record: NewRecord;
  bytes: number;
  append: Append;
  /** Which of the append's positions this record's is. */
  index: number;
}

interface Batch {
  waiting: Waiting[];
  deadlineMs: number;
  encoded?: Buffer | undefined;
}

interface PartitionState {
  partition: number;
  waiting: Waiting[];
  batch?: Batch | undefined;
  session?: ProducerSession | undefined;
  nextSequence: number;
  isUnderWay: boolean;
  retryAtMs: number;
  troubledSinceMs?: number | undefined;
  /** When a troubled partition lets the next append try. */
  trialAtMs: number;
}

export interface ProducerOptions {
  cluster: Cluster;
  links: BrokerLinks;
  partitionCount: number;
  /** The topic's `max.message.bytes`. */
  maxMessageBytes: number;
  /** How long an append may take. */
  deliveryTimeoutMs: number;
}

export interface Producer {
  append(records: readonly NewRecord[]): Promise<Position[]>;
  /** Waits for what was appended; refuses what comes after. */
  close(): Promise<void>;
}

export function createProducer(options: ProducerOptions): Producer {
  const { cluster, links, partitionCount, maxMessageBytes, deliveryTimeoutMs } = options;
  const partitions: PartitionState[] = Array.from({ length: partitionCount }, (_, partition) => ({
    partition,
    waiting: [],
    nextSequence: 0,
    isUnderWay: false,
    retryAtMs: 0,
    trialAtMs: 0,
  }));
  // The first record of a batch always goes, whatever its size.
  const maxBatchBytes = Math.min(1024 * 1024, maxMessageBytes);
  const busyLeaders = new Set<number>();
  const inFlight = new Set<Promise<void>>();
  let isKicked = false;
  let isRefreshing = false;
  let retryTimer: NodeJS.Timeout | undefined;
  let probe: NodeJS.Timeout | undefined;
  let isClosed = false;
  let metadata: TopicMetadata | undefined;
  let unreachableSinceMs: number | undefined;
  let unreachableCause: unknown;
  let newSession: Promise<ProducerSession> | undefined;

  function append(records: readonly NewRecord[]): Promise<Position[]> {
    if (isClosed) return Promise.reject(new LogUnavailableError('the event log is closed'));
    if (records.length === 0) return Promise.resolve([]);
    const sizes: number[] = [];
    for (const record of records) {
      const refusal = reasonToRefuse(record);
      if (refusal !== undefined) return Promise.reject(refusal);
      sizes.push(recordBytes(record));
    }
    return new Promise((resolve, reject) => {
      const state: Append = {
        positions: new Array<Position>(records.length),
        unacknowledged: records.length,
        deadlineMs: performance.now() + deliveryTimeoutMs,
        isSettled: false,
        resolve,
        reject,
      };
      records.forEach((record, index) =>
        partitions[record.partition]!.waiting.push({ record, bytes: sizes[index]!, append: state, index }),
      );
      kickSoon();
    });
  }

  function reasonToRefuse(record: NewRecord): Error | undefined {
    const state = partitions[record.partition];
    if (state === undefined) {
      return new RangeError(`the log has ${partitionCount} partitions, none is ${record.partition}`);
    }
    if (record.value.byteLength > maxMessageBytes) return tooLarge(record);
    const nowMs = performance.now();
    if (unreachableSinceMs !== undefined && nowMs - unreachableSinceMs > UNREACHABLE_AFTER_MS) {
      return new LogUnavailableError('no Kafka broker can be reached', { cause: unreachableCause });
    }
    if (state.troubledSinceMs !== undefined && nowMs - state.troubledSinceMs > TROUBLED_AFTER_MS) {
      if (nowMs < state.trialAtMs) {
        return new LogUnavailableError(`partition ${record.partition} takes no records now`);
      }
      state.trialAtMs = nowMs + RETRY_MS * 10;
    }
    return undefined;
  }

  function tooLarge(record: NewRecord): RecordTooLargeError {
    return new RecordTooLargeError(
      `a record of ${record.value.byteLength} bytes is larger than the topic takes, ${maxMessageBytes} with its headers`,
    );
  }

  /** Lets the appends of this turn of the event loop gather. */
  function kickSoon(): void {
    if (isKicked) return;
    isKicked = true;
    setImmediate(() => {
      isKicked = false;
      kick();
    });
  }

  function kick(): void {
    if (metadata === undefined) {
      if (!isRefreshing && probe === undefined) track(refreshMetadata());
      return;
    }
    const nowMs = performance.now();
    const requests = new Map<number, PartitionState[]>();
    let nextMs = Infinity;
    for (const state of partitions) {
      if (state.isUnderWay || (state.batch === undefined && state.waiting.length === 0)) continue;
      if (state.retryAtMs > nowMs) {
        nextMs = Math.min(nextMs, state.retryAtMs);
        continue;
      }
      const leader = metadata.leaders[state.partition] ?? -1;
      if (busyLeaders.has(leader)) continue;
      state.isUnderWay = true;
      const request = requests.get(leader);
      if (request === undefined) requests.set(leader, [state]);
      else request.push(state);
    }
    for (const [leader, states] of requests) {
      busyLeaders.add(leader);
      track(
        send(leader, states).finally(() => {
          for (const state of states) state.isUnderWay = false;
          busyLeaders.delete(leader);
          kickSoon();
        }),
      );
    }
    clearTimeout(retryTimer);
    if (nextMs < Infinity) retryTimer = setTimeout(kick, Math.ceil(nextMs - nowMs));
  }

  function track(work: Promise<void>): void {
    inFlight.add(work);
    void work.finally(() => inFlight.delete(work));
  }

  /** Sends what fits of the waiting records of these partitions. Never rejects. */
  async function send(leader: number, states: readonly PartitionState[]): Promise<void> {
    const sending: { state: PartitionState; batch: Batch; encoded: Buffer }[] = [];
    let bytes = 0;
    let first = Infinity;
    let session: ProducerSession | undefined;
    try {
      // Only when a partition needs one: sessions last as long as they work.
      if (states.some((state) => state.session === undefined)) session = await openSession();
    } catch (error) {
      onUnreachable(error);
      for (const state of states) retryLater(state);
      return;
    }
    for (const state of states) {
      if (bytes > MAX_REQUEST_BYTES) break;
      const batch = (state.batch ??= takeBatch(state));
      if (batch === undefined) continue;
      if (state.session === undefined) {
        state.session = session!;
        state.nextSequence = 0;
      }
      batch.encoded ??= encodeRecordBatch(
        batch.waiting.map(({ record }) => record),
        batch.waiting.map((waiting) => waiting.bytes),
        state.session,
        state.nextSequence,
      );
      bytes += batch.encoded.length;
      first = Math.min(first, batch.deadlineMs);
      sending.push({ state, batch, encoded: batch.encoded });
    }
    if (sending.length === 0) return;
    const broker = metadata?.brokers.get(leader);
    let answer: produceV9.ProduceResponse | undefined;
    let failure: unknown = new Error(`the partition has no leader`);
    if (broker !== undefined) {
      const timeoutMs = Math.max(1, Math.ceil(first - performance.now()));
      const batches = sending.map(({ state, encoded }) => ({ partition: state.partition, bytes: encoded }));
      try {
        answer = await links.request(
          broker,
          produceApi,
          [cluster.topic, timeoutMs, batches],
          timeoutMs + 100,
        );
      } catch (error) {
        answer = responseOf(error) as produceV9.ProduceResponse | undefined;
        failure = error;
      }
    }
    const results = new Map(
      answer?.responses.flatMap(({ partitionResponses }) => partitionResponses.map((r) => [r.index, r])),
    );
    if (answer !== undefined) onReached();
    let needsMetadata = answer === undefined;
    for (const { state, batch } of sending) {
      const result = results.get(state.partition);
      if (result === undefined) onUnanswered(state, batch, failure);
      else if (settle(state, batch, result) === 'ask for leaders') needsMetadata = true;
    }
    if (needsMetadata) {
      metadata = undefined;
      await refreshMetadata();
    }
  }

  function takeBatch(state: PartitionState): Batch | undefined {
    const nowMs = performance.now();
    const taken: Waiting[] = [];
    let bytes = 61;
    let count = 0;
    let deadlineMs = Infinity;
    for (const waiting of state.waiting) {
      if (taken.length > 0 && (bytes + waiting.bytes > maxBatchBytes || taken.length >= MAX_BATCH_RECORDS))
        break;
      count++;
      if (waiting.append.deadlineMs <= nowMs) {
        rejectAppend(waiting.append, new LogUnavailableError('the records could not be sent in time'));
      }
      // The other records of a rejected append need not be written.
      if (waiting.append.isSettled) continue;
      taken.push(waiting);
      bytes += waiting.bytes;
      deadlineMs = Math.min(deadlineMs, waiting.append.deadlineMs);
    }
    state.waiting.splice(0, count);
    return taken.length === 0 ? undefined : { waiting: taken, deadlineMs };
  }

  function settle(
    state: PartitionState,
    batch: Batch,
    { errorCode, baseOffset, errorMessage }: produceV9.ProduceResponsePartition,
  ): 'ask for leaders' | undefined {
    const name = errorName(errorCode);
    if (name === 'NONE') {
      acknowledge(state, batch, Number(baseOffset));
      return undefined;
    }
    const reason = new Error(`Kafka answered ${name}${errorMessage === null ? '' : `: ${errorMessage}`}`);
    if (RETRIABLE.has(name)) {
      onUnanswered(state, batch, reason);
      return 'ask for leaders';
    }
    if (SESSION_LOST.has(name)) {
      state.session = undefined;
      batch.encoded = undefined;
      onUnanswered(state, batch, reason);
      return undefined;
    }
    // Refused as it is, so its sequence numbers were not used.
    state.batch = undefined;
    if (name === 'MESSAGE_TOO_LARGE' || name === 'RECORD_LIST_TOO_LARGE') {
      if (batch.waiting.length === 1) {
        rejectAppend(batch.waiting[0]!.append, tooLarge(batch.waiting[0]!.record));
      } else {
        splitInTwo(state, batch);
      }
      return undefined;
    }
    // A duplicate whose place the broker no longer knows is stored, but cannot be named; the rest are settings.
    state.session = undefined;
    for (const { append: one } of batch.waiting) {
      rejectAppend(one, new LogUnavailableError('Kafka refused the records', { cause: reason }));
    }
    return undefined;
  }

  function splitInTwo(state: PartitionState, batch: Batch): void {
    const half = Math.ceil(batch.waiting.length / 2);
    state.batch = { waiting: batch.waiting.slice(0, half), deadlineMs: batch.deadlineMs };
    state.waiting.unshift(...batch.waiting.slice(half));
  }

  function acknowledge(state: PartitionState, batch: Batch, baseOffset: number): void {
    state.batch = undefined;
    state.troubledSinceMs = undefined;
    state.nextSequence += batch.waiting.length;
    if (state.nextSequence > LAST_SEQUENCE) state.nextSequence -= LAST_SEQUENCE + 1;
    batch.waiting.forEach(({ append: one, index }, i) => {
      one.positions[index] = { partition: state.partition, offset: baseOffset + i };
      one.unacknowledged--;
      if (one.unacknowledged === 0 && !one.isSettled) {
        one.isSettled = true;
        one.resolve(one.positions);
      }
    });
  }

  function onUnanswered(state: PartitionState, batch: Batch, cause: unknown): void {
    const nowMs = performance.now();
    state.troubledSinceMs ??= nowMs;
    if (nowMs + RETRY_MS >= batch.deadlineMs) {
      state.batch = undefined;
      state.session = undefined;
      const error = new LogUnavailableError('Kafka did not acknowledge the records in time', { cause });
      for (const { append: one } of batch.waiting) rejectAppend(one, error);
    }
    retryLater(state);
  }

  function retryLater(state: PartitionState): void {
    state.retryAtMs = performance.now() + RETRY_MS;
    dropLate(state);
  }

  function dropLate(state: PartitionState): void {
    const nowMs = performance.now();
    for (const { append: one } of state.waiting) {
      if (one.deadlineMs <= nowMs) {
        rejectAppend(
          one,
          new LogUnavailableError('the records could not be sent in time', { cause: unreachableCause }),
        );
      }
    }
    state.waiting = state.waiting.filter(({ append: one }) => !one.isSettled);
  }

  /** Never rejects. */
  async function refreshMetadata(): Promise<void> {
    isRefreshing = true;
    try {
      metadata = await cluster.refresh();
      onReached();
      kickSoon();
    } catch (error) {
      onUnreachable(error);
    } finally {
      isRefreshing = false;
    }
  }

  function onReached(): void {
    unreachableSinceMs = undefined;
    unreachableCause = undefined;
  }

  function onUnreachable(cause: unknown): void {
    const nowMs = performance.now();
    unreachableSinceMs ??= nowMs;
    unreachableCause = cause;
    metadata = undefined;
    const isDown = nowMs - unreachableSinceMs > UNREACHABLE_AFTER_MS;
    for (const state of partitions) {
      const { batch } = state;
      if (batch !== undefined && nowMs >= batch.deadlineMs) onUnanswered(state, batch, cause);
      if (isDown) {
        // Never sent, so nothing is unknown about them: who waits may as well spool them now.
        const error = new LogUnavailableError('no Kafka broker can be reached', { cause });
        for (const { append: one } of state.waiting) rejectAppend(one, error);
      }
      dropLate(state);
    }
    clearTimeout(probe);
    probe = undefined;
    if (isClosed && !hasWork()) return;
    probe = setTimeout(() => {
      probe = undefined;
      track(refreshMetadata());
    }, PROBE_MS);
  }

  function hasWork(): boolean {
    return partitions.some((state) => state.batch !== undefined || state.waiting.length > 0);
  }

  function openSession(): Promise<ProducerSession> {
    newSession ??= cluster
      .requestAny(initProducerIdV4.api, [null, 0, -1n, -1], deliveryTimeoutMs)
      .then(({ producerId, producerEpoch }) => ({ producerId, epoch: producerEpoch }))
      .finally(() => (newSession = undefined));
    return newSession;
  }

  return {
    append,
    async close() {
      isClosed = true;
      while (hasWork() || inFlight.size > 0) {
        kickSoon();
        await Promise.race([...inFlight, new Promise((resolve) => setTimeout(resolve, RETRY_MS))]);
      }
      clearTimeout(retryTimer);
      clearTimeout(probe);
    },
  };
}

function rejectAppend(append: Append, error: Error): void {
  if (append.isSettled) return;
  append.isSettled = true;
  append.reject(error);
}
