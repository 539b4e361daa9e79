/**
 * Group commit: while one transaction is being synced, appends gather; the next transaction takes them all.
 *
 * Records are encoded into one buffer that is reused once the transaction ended, so the calling thread pays one copy and
 * one queued LMDB instruction a record; pages, writes and syncs happen on LMDB's own thread. The transaction holds only
 * if the log's head is still the one the offsets were counted from; if another process appended meanwhile, nothing was
 * written, and the same appends are tried again from the new head.
 */
import {
  LogFullError,
  LogUnavailableError,
  RecordTooLargeError,
  type NewRecord,
  type Position,
} from '../port.js';
import { encodeHead, written, type Head, type LogFiles } from './log-files.js';
import { encodeRecord, maxEncodedBytes, storedBytes } from './record-codec.js';

/** Bounds of one transaction. A single larger append still goes, alone. */
const MAX_COMMIT_BYTES = 16 * 1024 * 1024;
const MAX_COMMIT_RECORDS = 10_000;
const FIRST_BUFFER_BYTES = 256 * 1024;

interface WaitingAppend {
  records: readonly NewRecord[];
  /** Upper bound of the encoded size. */
  maxBytes: number;
  resolve(positions: Position[]): void;
  reject(error: Error): void;
}

export interface AppendQueueOptions {
  files: LogFiles;
  /** The log's bound: what its records may take on disk. */
  maxBytes: number;
  /** Makes room by dropping released records, until `bytes` more fit. Returns the bytes dropped by partition, so far. */
  makeRoom: (head: Head, bytes: number) => Promise<readonly number[]>;
  /** Called after a commit. */
  onAppended: () => void;
}

export interface AppendQueue {
  append(records: readonly NewRecord[]): Promise<Position[]>;
  /** Waits for what was appended; refuses what comes after. */
  close(): Promise<void>;
}

export function createAppendQueue({
  files,
  maxBytes,
  makeRoom,
  onAppended,
}: AppendQueueOptions): AppendQueue {
  const waiting: WaitingAppend[] = [];
  let running: Promise<void> | undefined;
  let closed = false;
  let head: Head | undefined;
  let droppedBytes: readonly number[] = files.readTail().droppedBytes;
  let buffer = Buffer.allocUnsafeSlow(FIRST_BUFFER_BYTES);

  function append(records: readonly NewRecord[]): Promise<Position[]> {
    if (closed) return Promise.reject(new LogUnavailableError('the event log is closed'));
    if (records.length === 0) return Promise.resolve([]);
    let size = 0;
    for (const record of records) {
      if (files.partitions[record.partition] === undefined) {
        return Promise.reject(
          new RangeError(`the log has ${files.partitionCount} partitions, none is ${record.partition}`),
        );
      }
      size += maxEncodedBytes(record);
    }
    if (storedBytes(size) > maxBytes) {
      return Promise.reject(
        new RecordTooLargeError(`${size} bytes are more than the event log may ever hold, ${maxBytes}`),
      );
    }
    return new Promise((resolve, reject) => {
      waiting.push({ records, maxBytes: size, resolve, reject });
      running ??= commitAll();
    });
  }

  async function commitAll(): Promise<void> {
    // Lets the appends of this turn of the event loop gather.
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      const group = takeGroup();
      try {
        await commitGroup(group);
      } catch (error) {
        head = undefined;
        const reason = new LogUnavailableError('the event log could not be written', { cause: error });
        for (const append of group) append.reject(reason);
      }
    }
    running = undefined;
  }

  function takeGroup(): WaitingAppend[] {
    let bytes = 0;
    let records = 0;
    let count = 0;
    for (; count < waiting.length; count++) {
      const next = waiting[count]!;
      bytes += next.maxBytes;
      records += next.records.length;
      if (count > 0 && (bytes > MAX_COMMIT_BYTES || records > MAX_COMMIT_RECORDS)) break;
    }
    return waiting.splice(0, count);
  }

  async function commitGroup(group: WaitingAppend[]): Promise<void> {
    let rest = group;
    for (;;) {
      head ??= files.readHead();
      rest = await refuseWhatDoesNotFit(rest, head);
      if (rest.length === 0) return;
      const attempt = prepare(rest, head);
      if (await attempt.write()) {
        head = attempt.head;
        onAppended();
        rest.forEach((append, i) => append.resolve(attempt.positions[i]!));
        return;
      }
      // Another process appended first.
      head = undefined;
    }
  }

  async function refuseWhatDoesNotFit(group: WaitingAppend[], current: Head): Promise<WaitingAppend[]> {
    const needed = group.reduce((sum, append) => sum + maxStoredBytes(append), 0);
    let free = maxBytes - usedBytes(current, droppedBytes);
    if (needed <= free) return group;
    droppedBytes = await makeRoom(current, needed);
    free = maxBytes - usedBytes(current, droppedBytes);
    return group.filter((append) => {
      const bytes = maxStoredBytes(append);
      if (bytes <= free) {
        free -= bytes;
        return true;
      }
      append.reject(
        new LogFullError(`the event log has reached its bound of ${maxBytes} bytes and may drop nothing`),
      );
      return false;
    });
  }

  function prepare(group: readonly WaitingAppend[], before: Head) {
    const appendedAtMs = Date.now();
    const next: Head = {
      version: before.version + 1,
      nextOffsets: [...before.nextOffsets],
      appendedBytes: [...before.appendedBytes],
    };
    reserve(group.reduce((sum, append) => sum + append.maxBytes, 0));
    const places: { partition: number; offset: number; from: number; to: number }[] = [];
    const positions: Position[][] = [];
    let at = 0;
    for (const { records } of group) {
      const own: Position[] = [];
      for (const record of records) {
        const { partition } = record;
        const end = encodeRecord(record, appendedAtMs, next.appendedBytes[partition]!, buffer, at);
        const offset = next.nextOffsets[partition]!;
        next.nextOffsets[partition] = offset + 1;
        next.appendedBytes[partition]! += storedBytes(end - at);
        places.push({ partition, offset, from: at, to: end });
        own.push({ partition, offset });
        at = end;
      }
      positions.push(own);
    }
    const source = buffer;
    return {
      head: next,
      positions,
      write: () =>
        written(
          files.state.ifVersion('head', before.version, () => {
            for (const { partition, offset, from, to } of places) {
              // Durability is that of the whole conditional block, awaited by `written`.
              void files.partitions[partition]!.put(offset, source.subarray(from, to));
            }
            void files.state.put('head', encodeHead(next), next.version);
          }),
        ),
    };
  }

  function reserve(bytes: number): void {
    if (buffer.length >= bytes) {
      // Gives back what one huge append made it grow to.
      if (buffer.length > 2 * MAX_COMMIT_BYTES && bytes < MAX_COMMIT_BYTES) {
        buffer = Buffer.allocUnsafeSlow(MAX_COMMIT_BYTES);
      }
      return;
    }
    let size = buffer.length;
    while (size < bytes) size *= 2;
    buffer = Buffer.allocUnsafeSlow(size);
  }

  return {
    append,
    async close() {
      closed = true;
      await running;
    },
  };
}

export function usedBytes(head: Head, droppedBytes: readonly number[]): number {
  let sum = 0;
  head.appendedBytes.forEach((bytes, p) => (sum += bytes - droppedBytes[p]!));
  return sum;
}

function maxStoredBytes(append: WaitingAppend): number {
  if (append.records.length === 1) return storedBytes(append.maxBytes);
  return append.records.reduce((sum, record) => sum + storedBytes(maxEncodedBytes(record)), 0);
}
