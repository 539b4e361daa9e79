/**
 * The event log: an ordered, durable, partitioned list of records between the gateway and the pipeline.
 *
 * Guarantees every adapter gives, and the contract suite checks:
 * - `append` resolves only when every record is durable (fsynced, or acknowledged by all in-sync replicas). When it
 *   rejects, any of the records may or may not be in the log.
 * - records of one partition keep the order in which `append` was called, also over retries.
 * - offsets of a partition only grow; they may have gaps.
 * - a consumer sees every record of its partitions from the position it asked for, in order, at least once.
 */
export interface EventLog {
  /** Names this log for good: positions of one log mean nothing in another. */
  readonly id: string;
  readonly partitionCount: number;

  /**
   * Appends records, atomically for none of them but durably for all. Resolves with one position a record, in order.
   * @throws LogUnavailableError when the log cannot take records now; LogFullError when its bound is reached;
   * RecordTooLargeError when no later attempt could help.
   */
  append(records: readonly NewRecord[]): Promise<Position[]>;

  /** The offset after the last record, by partition. */
  endOffsets(): Promise<number[]>;

  /** The first offset still kept, by partition (equal to the end offset when nothing is kept). */
  startOffsets(): Promise<number[]>;

  /** Joins the consumer group and hands batches to `options.handle` until `stop`. */
  consume<Prepared>(options: ConsumeOptions<Prepared>): Promise<LogConsumer>;

  /** Says that records below these offsets are stored elsewhere, so that the log may drop them when it needs room. */
  release(watermark: ReadonlyMap<number, number>): Promise<void>;

  /** Rejects when the log cannot be reached now. */
  ping(): Promise<void>;

  close(): Promise<void>;
}

export interface NewRecord {
  partition: number;
  /** Kept with the record; Kafka shows it in its tools. */
  key: string;
  headers: Readonly<Record<string, string>>;
  value: Uint8Array;
}

export interface LogRecord {
  offset: number;
  key: string;
  headers: Readonly<Record<string, string>>;
  value: Uint8Array;
  /** When the log took the record, milliseconds since the epoch. */
  appendedAtMs: number;
}

export interface Position {
  partition: number;
  offset: number;
}

/** Consecutive records of one partition: all that the log has in `[from, to)`. */
export interface RecordBatch {
  partition: number;
  from: number;
  to: number;
  records: readonly LogRecord[];
  /** The partition's end offset as last seen; `to === endOffset` means caught up at `seenAtMs`. */
  endOffset: number;
  seenAtMs: number;
}

export interface ConsumeOptions<Prepared = unknown> {
  group: string;
  /** Where to start a partition when it is assigned: the caller's own durable position. */
  startAt(partition: number): Promise<number>;
  /**
   * Does what can be done with a batch before its turn: it runs while the batch before is handled, one batch of a partition
   * at a time and in order. What it resolves with goes to `handle`, once everything before the batch has been handled, and
   * is forgotten when that fails or the partition is taken away. On rejection the partition resumes as for `handle`.
   */
  prepare?(batch: RecordBatch): Promise<Prepared>;
  /**
   * Handles a batch; partitions run side by side, batches of one partition one after the other, the next one being
   * fetched and prepared meanwhile. On rejection the partition waits (backoff) and resumes at `startAt`.
   * `signal` aborts when the partition is being taken away: finish or give up, then return.
   */
  handle(batch: RecordBatch, signal: AbortSignal, prepared: Prepared): Promise<void>;
  /** Called when a partition is caught up (nothing to hand over): as seen at `seenAtMs`, it ends at `endOffset`. */
  onIdle?(partition: number, endOffset: number, seenAtMs: number): Promise<void> | void;
  onAssigned?(partitions: readonly number[]): void;
  /** Called after the last `handle` of these partitions has returned. */
  onRevoked?(partitions: readonly number[]): Promise<void> | void;
  /** A failure the consumer recovers from by itself; for logs and metrics. */
  onError?(error: unknown, partition?: number): void;
  /** Bounds of a batch; defaults 5,000 records, 8 MiB. A single larger record still comes, alone. */
  maxRecords?: number;
  maxBytes?: number;
  /** How long to wait for a batch to fill, milliseconds, from the moment its first record was seen. Default 200. */
  lingerMs?: number;
}

export interface LogConsumer {
  /** Stops fetching, waits for running handlers, leaves the group. */
  stop(): Promise<void>;
}

/** The log cannot be reached or does not acknowledge: try again later, or spool. */
export class LogUnavailableError extends Error {
  override name = 'LogUnavailableError';
}

/** The log has reached its bound and holds nothing that may be dropped. */
export class LogFullError extends Error {
  override name = 'LogFullError';
}

/** A record is larger than the log can ever take. */
export class RecordTooLargeError extends Error {
  override name = 'RecordTooLargeError';
}

/** A consumer was told to start where the log no longer reaches: the records in `[from, to)` are gone from it. */
export class RecordsLostError extends Error {
  override name = 'RecordsLostError';

  constructor(
    readonly partition: number,
    readonly from: number,
    readonly to: number,
  ) {
    super(`the event log no longer has the records ${from} to ${to - 1} of partition ${partition}`);
  }
}

/** A consumer was told to start beyond the log's end: the position belongs to another log, or this one was replaced. */
export class PositionError extends Error {
  override name = 'PositionError';

  constructor(
    readonly partition: number,
    readonly position: number,
    readonly endOffset: number,
  ) {
    super(
      `position ${position} of partition ${partition} lies beyond the end of the event log, ${endOffset}`,
    );
  }
}

/** The partition of a key: FNV-1a over its UTF-16 units, so that one device's events keep their order. */
export function partitionOf(key: string, partitionCount: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) {
    hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0) % partitionCount;
}
