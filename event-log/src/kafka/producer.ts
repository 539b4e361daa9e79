/**
 * Appends to the topic: idempotent, acknowledged by all in-sync replicas, in order.
 *
 * One request at a time goes to each leader, holding a batch of each of its partitions that has something waiting; while
 * it is under way the next ones gather.
 *
 *     waiting ──▶ batch (numbered) ──sent──▶ acknowledged
 *                   ▲   │ retriable: ask for the leaders, wait, send the same bytes again
 *                   └───┤ session unknown to the broker: number it anew in a new session, send again
 *                       └ deadline: reject; what became of it is unknown, so the partition gets a new session
 *
 * While no broker can be reached, appends are refused at once, and a look every `PROBE_MS` tells when that ends. A
 * partition that has failed for `TROUBLED_AFTER_MS` lets one append try every `TRIAL_MS` and refuses the others.
 */
import { initProducerIdV4, type produceV9 } from '@platformatic/kafka';
import { LogUnavailableError, RecordTooLargeError, type NewRecord, type Position } from '../port.js';
import type { BrokerLinks } from './broker-links.js';
import type { Cluster, TopicMetadata } from './cluster.js';
import { errorName, responseOf } from './kafka-errors.js';
import { createPartitionQueue, type Append, type PartitionQueue } from './partition-queue.js';
import { produceApi, type EncodedBatch } from './produce-api.js';
import { recordBytes, type ProducerSession } from './record-batch.js';

const MAX_BATCH_BYTES = 1024 * 1024;
const MAX_REQUEST_BYTES = 8 * 1024 * 1024;
const RETRY_MS = 100;
const PROBE_MS = 300;
const UNREACHABLE_AFTER_MS = 1_000;
const TROUBLED_AFTER_MS = 5_000;
const TRIAL_MS = 1_000;

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

const TOO_LARGE = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);

export interface ProducerOptions {
  cluster: Pick<Cluster, 'topic' | 'refresh' | 'requestAny'>;
  links: Pick<BrokerLinks, 'request'>;
  partitionCount: number;
  /** The topic's `max.message.bytes`. */
  maxMessageBytes: number;
  /** How long an append may take, milliseconds. */
  deliveryTimeoutMs: number;
}

export interface Producer {
  append(records: readonly NewRecord[]): Promise<Position[]>;
  /** Waits for what was appended; refuses what comes after. */
  close(): Promise<void>;
}

export function createProducer(options: ProducerOptions): Producer {
  const { cluster, links, partitionCount, maxMessageBytes, deliveryTimeoutMs } = options;
  const queues = Array.from({ length: partitionCount }, (_, partition) =>
    createPartitionQueue(partition, Math.min(MAX_BATCH_BYTES, maxMessageBytes)),
  );
  const trialAtMs = new Array<number>(partitionCount).fill(0);
  const busyLeaders = new Set<number>();
  const inFlight = new Set<Promise<void>>();
  let isClosed = false;
  let isKicked = false;
  let isRefreshing = false;
  let retryTimer: NodeJS.Timeout | undefined;
  let probe: NodeJS.Timeout | undefined;
  let metadata: TopicMetadata | undefined;
  let unreachable: { sinceMs: number; cause: unknown } | undefined;

  function append(records: readonly NewRecord[]): Promise<Position[]> {
    if (isClosed) return Promise.reject(new LogUnavailableError('the event log is closed'));
    if (records.length === 0) return Promise.resolve([]);
    const refusal = reasonToRefuse(records);
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      const state: Append = {
        positions: new Array<Position>(records.length),
        unacknowledged: records.length,
        deadlineMs: performance.now() + deliveryTimeoutMs,
        isSettled: false,
        resolve,
        reject,
      };
      records.forEach((record, index) => {
        queues[record.partition]!.push({ record, bytes: recordBytes(record), append: state, index });
      });
      kickSoon();
    });
  }

  function reasonToRefuse(records: readonly NewRecord[]): Error | undefined {
    const partitions = new Set<number>();
    for (const record of records) {
      if (queues[record.partition] === undefined) {
        return new RangeError(`the log has ${partitionCount} partitions, none is ${record.partition}`);
      }
      if (record.value.byteLength > maxMessageBytes) return tooLarge(record);
      partitions.add(record.partition);
    }
    const nowMs = performance.now();
    if (isDown(nowMs)) return downError();
    const troubled = [...partitions].filter((partition) => isTroubled(partition, nowMs));
    const refusing = troubled.find((partition) => nowMs < trialAtMs[partition]!);
    if (refusing !== undefined) {
      return new LogUnavailableError(`partition ${refusing} of the topic takes no records now`);
    }
    // This append is the trial, with all of its records.
    for (const partition of troubled) trialAtMs[partition] = nowMs + TRIAL_MS;
    return undefined;
  }

  function isTroubled(partition: number, nowMs: number): boolean {
    const sinceMs = queues[partition]?.troubledSinceMs;
    return sinceMs !== undefined && nowMs - sinceMs > TROUBLED_AFTER_MS;
  }

  function tooLarge(record: NewRecord): RecordTooLargeError {
    return new RecordTooLargeError(
      `a record of ${record.value.byteLength} bytes is larger than the topic takes, ${maxMessageBytes} with all that is around it`,
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

  /** Sends to each leader that has nothing under way and something to get. */
  function kick(): void {
    if (metadata === undefined) {
      if (!isRefreshing && probe === undefined) track(refreshMetadata());
      return;
    }
    const nowMs = performance.now();
    const requests = new Map<number, PartitionQueue[]>();
    let nextMs = Infinity;
    for (const queue of queues) {
      if (queue.isUnderWay || !queue.hasWork) continue;
      if (queue.retryAtMs > nowMs) {
        nextMs = Math.min(nextMs, queue.retryAtMs);
        continue;
      }
      const leader = metadata.leaders[queue.partition] ?? -1;
      if (busyLeaders.has(leader)) continue;
      queue.isUnderWay = true;
      const request = requests.get(leader);
      if (request === undefined) requests.set(leader, [queue]);
      else request.push(queue);
    }
    for (const [leader, asked] of requests) {
      busyLeaders.add(leader);
      const sent = send(leader, asked).finally(() => {
        for (const queue of asked) queue.isUnderWay = false;
        busyLeaders.delete(leader);
        kickSoon();
      });
      track(sent);
    }
    clearTimeout(retryTimer);
    if (nextMs < Infinity) retryTimer = setTimeout(kick, Math.ceil(nextMs - nowMs));
  }

  function track(work: Promise<void>): void {
    inFlight.add(work);
    void work.finally(() => inFlight.delete(work));
  }

  /** Sends a batch of each of these partitions, as many as fit, and settles them. Never rejects. */
  async function send(leader: number, asked: readonly PartitionQueue[]): Promise<void> {
    let session: ProducerSession | undefined;
    if (asked.some((queue) => !queue.hasSession)) {
      try {
        session = await openSession();
      } catch (error) {
        for (const queue of asked) tryLater(queue, error);
        onUnreachable(error);
        return;
      }
    }
    const sending: PartitionQueue[] = [];
    const batches: EncodedBatch[] = [];
    let bytes = 0;
    let deadlineMs = Infinity;
    for (const queue of asked) {
      const batch = bytes > MAX_REQUEST_BYTES ? undefined : queue.nextBatch(session);
      if (batch === undefined) continue;
      sending.push(queue);
      batches.push({ partition: queue.partition, bytes: batch.bytes });
      bytes += batch.bytes.length;
      deadlineMs = Math.min(deadlineMs, batch.deadlineMs);
    }
    if (sending.length === 0) return;
    const { answer, failure } = await produce(leader, batches, deadlineMs);
    const results = new Map(
      answer?.responses.flatMap(({ partitionResponses }) => partitionResponses.map((r) => [r.index, r])),
    );
    let isMoving = answer === undefined;
    if (answer !== undefined) unreachable = undefined;
    for (const queue of sending) {
      const result = results.get(queue.partition);
      if (result === undefined) tryLater(queue, failure);
      else if (settle(queue, result) === 'ask for leaders') isMoving = true;
    }
    if (isMoving) {
      metadata = undefined;
      await refreshMetadata();
    }
  }

  async function produce(
    leader: number,
    batches: EncodedBatch[],
    deadlineMs: number,
  ): Promise<{ answer?: produceV9.ProduceResponse | undefined; failure?: unknown }> {
    const broker = metadata?.brokers.get(leader);
    if (broker === undefined) return { failure: new Error('the partition has no leader') };
    const timeoutMs = Math.max(1, Math.ceil(deadlineMs - performance.now()));
    try {
      return {
        answer: await links.request(broker, produceApi, [cluster.topic, timeoutMs, batches], timeoutMs),
      };
    } catch (error) {
      // An answer with an error for one partition has the results of the others too.
      return { answer: responseOf(error) as produceV9.ProduceResponse | undefined, failure: error };
    }
  }

  function settle(
    queue: PartitionQueue,
    { errorCode, baseOffset, errorMessage }: produceV9.ProduceResponsePartition,
  ): 'ask for leaders' | undefined {
    const name = errorName(errorCode);
    if (name === 'NONE') {
      queue.acknowledge(Number(baseOffset));
      return undefined;
    }
    const cause = new Error(`Kafka answered ${name}${errorMessage === null ? '' : `: ${errorMessage}`}`);
    if (RETRIABLE.has(name)) {
      tryLater(queue, cause);
      return 'ask for leaders';
    }
    if (SESSION_LOST.has(name)) {
      queue.forgetSession();
      tryLater(queue, cause);
    } else if (TOO_LARGE.has(name)) {
      queue.refuseAsTooLarge(tooLarge);
    } else {
      // Settings and permissions; or a duplicate, stored, whose place the broker no longer knows.
      queue.refuse(new LogUnavailableError('Kafka refused the records', { cause }));
    }
    return undefined;
  }

  function tryLater(queue: PartitionQueue, cause: unknown): void {
    const nowMs = performance.now();
    queue.troubledSinceMs ??= nowMs;
    queue.retryAtMs = nowMs + RETRY_MS;
    queue.keepOrGiveUp(nowMs, cause);
    queue.rejectLate(nowMs, cause);
  }

  /** Never rejects. */
  async function refreshMetadata(): Promise<void> {
    isRefreshing = true;
    try {
      metadata = await cluster.refresh();
      unreachable = undefined;
      kickSoon();
    } catch (error) {
      onUnreachable(error);
    } finally {
      isRefreshing = false;
    }
  }

  function onUnreachable(cause: unknown): void {
    const nowMs = performance.now();
    unreachable = { sinceMs: unreachable?.sinceMs ?? nowMs, cause };
    metadata = undefined;
    for (const queue of queues) {
      // Never sent, so nothing is unknown about them: who waits may as well spool them now.
      if (isDown(nowMs)) queue.rejectWaiting(downError());
      queue.rejectLate(nowMs, cause);
      if (!queue.isUnderWay) queue.keepOrGiveUp(nowMs, cause);
    }
    clearTimeout(probe);
    probe = undefined;
    if (isClosed && !hasWork()) return;
    probe = setTimeout(() => {
      probe = undefined;
      track(refreshMetadata());
    }, PROBE_MS);
  }

  function isDown(nowMs: number): boolean {
    return unreachable !== undefined && nowMs - unreachable.sinceMs > UNREACHABLE_AFTER_MS;
  }

  function downError(): LogUnavailableError {
    return new LogUnavailableError('no Kafka broker can be reached', { cause: unreachable?.cause });
  }

  function hasWork(): boolean {
    return queues.some((queue) => queue.hasWork);
  }

  async function openSession(): Promise<ProducerSession> {
    const { producerId, producerEpoch } = await cluster.requestAny(
      initProducerIdV4.api,
      [null, 0, -1n, -1],
      deliveryTimeoutMs,
    );
    return { producerId, epoch: producerEpoch };
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
