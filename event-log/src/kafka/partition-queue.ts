/**
 * The records of one partition on their way into the topic. At most one batch is numbered at a time; it keeps its bytes
 * until it is acknowledged, refused or given up, so that sending it again can neither double nor overtake anything.
 */
import { LogUnavailableError, type NewRecord, type Position } from '../port.js';
import { encodeRecordBatch, type ProducerSession } from './record-batch.js';

const MAX_BATCH_RECORDS = 5_000;
const LAST_SEQUENCE = 0x7fff_ffff;

/** One call of `append`, whose records may be in several partitions. */
export interface Append {
  positions: Position[];
  unacknowledged: number;
  /** By `performance.now()`. */
  deadlineMs: number;
  isSettled: boolean;
  resolve(positions: Position[]): void;
  reject(error: Error): void;
}

export interface Waiting {
  record: NewRecord;
  bytes: number;
  append: Append;
  /** Which of the append's positions is this record's. */
  index: number;
}

interface Batch {
  records: Waiting[];
  deadlineMs: number;
  encoded?: Buffer | undefined;
}

export interface PartitionQueue {
  readonly partition: number;
  /** A request with its batch is being sent. */
  isUnderWay: boolean;
  /** Not before this time, by `performance.now()`. */
  retryAtMs: number;
  /** Since when sending has failed, every time. */
  troubledSinceMs: number | undefined;
  readonly hasWork: boolean;
  readonly hasSession: boolean;
  push(waiting: Waiting): void;
  /** The batch to send, made of what waits when there is none yet; undefined when nothing is left to send. */
  nextBatch(newSession: ProducerSession | undefined): { bytes: Buffer; deadlineMs: number } | undefined;
  acknowledge(baseOffset: number): void;
  /** To be called when the batch was not acknowledged: keeps it for another try, or gives it up at its deadline. */
  keepOrGiveUp(nowMs: number, cause: unknown): void;
  /** The broker does not know the session: the batch is numbered anew, in another one. */
  forgetSession(): void;
  /** The batch was refused as too large: the only record's append is rejected, or the batch is halved. */
  refuseAsTooLarge(errorFor: (record: NewRecord) => Error): void;
  /** The batch was refused for good. */
  refuse(error: Error): void;
  /** Rejects what was never sent. */
  rejectWaiting(error: Error): void;
  rejectLate(nowMs: number, cause: unknown): void;
}

export function createPartitionQueue(partition: number, maxBatchBytes: number): PartitionQueue {
  let waiting: Waiting[] = [];
  let batch: Batch | undefined;
  let session: ProducerSession | undefined;
  let nextSequence = 0;

  /** Takes what fits. The first record always does: the broker has the last word on its size. */
  function takeBatch(): Batch | undefined {
    const records: Waiting[] = [];
    let bytes = 0;
    let deadlineMs = Infinity;
    let count = 0;
    for (const next of waiting) {
      const isFull = bytes + next.bytes > maxBatchBytes || records.length >= MAX_BATCH_RECORDS;
      if (records.length > 0 && isFull) break;
      count++;
      // The other records of a rejected append need not be written.
      if (next.append.isSettled) continue;
      records.push(next);
      bytes += next.bytes;
      deadlineMs = Math.min(deadlineMs, next.append.deadlineMs);
    }
    waiting.splice(0, count);
    return records.length === 0 ? undefined : { records, deadlineMs };
  }

  function rejectAll(records: readonly Waiting[], error: Error): void {
    for (const { append } of records) rejectAppend(append, error);
  }

  const queue: PartitionQueue = {
    partition,
    isUnderWay: false,
    retryAtMs: 0,
    troubledSinceMs: undefined,
    get hasWork() {
      return batch !== undefined || waiting.length > 0;
    },
    get hasSession() {
      return session !== undefined;
    },
    push(next) {
      waiting.push(next);
    },
    nextBatch(newSession) {
      batch ??= takeBatch();
      if (batch === undefined) return undefined;
      if (session === undefined) {
        if (newSession === undefined) throw new Error('a batch cannot be numbered without a session');
        session = newSession;
        nextSequence = 0;
      }
      batch.encoded ??= encodeRecordBatch(
        batch.records.map(({ record }) => record),
        batch.records.map(({ bytes }) => bytes),
        session,
        nextSequence,
      );
      return { bytes: batch.encoded, deadlineMs: batch.deadlineMs };
    },
    acknowledge(baseOffset) {
      const { records } = batch!;
      batch = undefined;
      queue.troubledSinceMs = undefined;
      nextSequence += records.length;
      if (nextSequence > LAST_SEQUENCE) nextSequence -= LAST_SEQUENCE + 1;
      records.forEach(({ append, index }, i) => {
        append.positions[index] = { partition, offset: baseOffset + i };
        append.unacknowledged--;
        if (append.unacknowledged === 0 && !append.isSettled) {
          append.isSettled = true;
          append.resolve(append.positions);
        }
      });
    },
    keepOrGiveUp(nowMs, cause) {
      if (batch === undefined || nowMs < batch.deadlineMs) return;
      // What became of its sequence numbers is unknown, so they are not used again.
      session = undefined;
      const { records } = batch;
      batch = undefined;
      rejectAll(records, new LogUnavailableError('Kafka did not acknowledge the records in time', { cause }));
    },
    forgetSession() {
      session = undefined;
      if (batch !== undefined) batch.encoded = undefined;
    },
    refuseAsTooLarge(errorFor) {
      const { records, deadlineMs } = batch!;
      batch = undefined;
      if (records.length === 1) {
        rejectAll(records, errorFor(records[0]!.record));
        return;
      }
      const half = Math.ceil(records.length / 2);
      batch = { records: records.slice(0, half), deadlineMs };
      waiting.unshift(...records.slice(half));
    },
    refuse(error) {
      const { records } = batch!;
      batch = undefined;
      session = undefined;
      rejectAll(records, error);
    },
    rejectWaiting(error) {
      const rejected = waiting;
      waiting = [];
      rejectAll(rejected, error);
    },
    rejectLate(nowMs, cause) {
      for (const { append } of waiting) {
        if (append.deadlineMs > nowMs) continue;
        rejectAppend(append, new LogUnavailableError('the records could not be sent in time', { cause }));
      }
      waiting = waiting.filter(({ append }) => !append.isSettled);
    },
  };
  return queue;
}

function rejectAppend(append: Append, error: Error): void {
  if (append.isSettled) return;
  append.isSettled = true;
  append.reject(error);
}
