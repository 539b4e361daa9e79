import { lockDirectory, type DirectoryLock } from '@sluice/warehouse';
import { mkdir } from 'node:fs/promises';
import { readCursor, writeCursor } from './cursor.js';
import { encodeFrame, readFrame, type SpoolEntry } from './frame.js';
import {
  createSegment,
  deleteSegment,
  readAt,
  recoverSegments,
  type Recovery,
  type Segment,
} from './segment.js';
import { createWriteQueue, SpoolUnavailableError } from './write-queue.js';

export { SpoolUnavailableError };

export interface SpoolState {
  bytes: number;
  messages: number;
  oldestReceiptMs: number | undefined;
}

/** Entries read from the head of the spool; they stay in it until `confirm`. */
export interface SpoolBatch {
  entries: SpoolEntry[];
  /** Takes the entries out: the log has them. */
  confirm(): Promise<void>;
}

/**
 * A bounded queue on disk that keeps accepted records while the log is down. An entry is synced before its append
 * resolves, and survives the end of the process at any instant.
 */
export interface Spool {
  /** True when nothing is kept and nothing is being written. */
  readonly isEmpty: boolean;
  readonly state: SpoolState;
  /** @throws SpoolUnavailableError when the bound is reached, the disk does not write, or the spool is closed. */
  append(entry: SpoolEntry): Promise<void>;
  /** The oldest entries, about `maxBytes` of them and at least one; undefined when there is none. One reader at a time. */
  readHead(maxBytes: number): Promise<SpoolBatch | undefined>;
  /** Resolves when there is something to drain. */
  filled(): Promise<void>;
  /** Whether an entry could be taken now; the reason when not. */
  fault(): string | undefined;
  close(): Promise<void>;
}

export interface SpoolOptions {
  dir: string;
  /** What the segments may take on disk, bytes. */
  maxBytes: number;
  /** A new segment is begun beyond this size, bytes. Default 16 MiB. */
  segmentBytes?: number;
  onRecovered?: (recovery: Recovery) => void;
}

const DEFAULT_SEGMENT_BYTES = 16 * 1024 * 1024;

export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { dir } = options;
  await mkdir(dir, { recursive: true });
  const lock = await lockDirectory(dir);
  try {
    return await openLocked(options, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function openLocked(options: SpoolOptions, lock: DirectoryLock): Promise<Spool> {
  const { dir, maxBytes, segmentBytes = DEFAULT_SEGMENT_BYTES } = options;
  const cursor = await readCursor(dir);
  const recovery = await recoverSegments(dir, (number) => (number === cursor.segment ? cursor.drained : 0));
  options.onRecovered?.(recovery);

  const segments = recovery.segments;
  let lastNumber = Math.max(recovery.lastNumber, cursor.segment);
  // What a former run left is only drained; new entries begin a segment of their own.
  let open: Segment | undefined;
  let diskFault: string | undefined;
  let closed = false;
  let onFilled: (() => void) | undefined;
  const queue = createWriteQueue({
    async segmentFor() {
      if (open !== undefined && open.bytes < segmentBytes) return open;
      const segment = await createSegment(dir, lastNumber + 1);
      lastNumber++;
      segments.push(segment);
      open = segment;
      return segment;
    },
    onBroken(segment) {
      if (open === segment) open = undefined;
    },
  });

  function storedBytes(): number {
    return segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async function takeOut(
    segment: Segment,
    end: number,
    messages: number,
    nextReceiptMs: number,
  ): Promise<void> {
    segment.drained = end;
    segment.messages -= messages;
    segment.oldestReceiptMs = nextReceiptMs;
    await writeCursor(dir, { segment: segment.number, drained: end });
    await dropIfDrained(segment);
  }

  async function dropIfDrained(segment: Segment): Promise<void> {
    // The open segment goes only when nothing is about to be written to it.
    if (segment.drained < segment.bytes || (segment === open && queue.waitingBytes > 0)) return;
    if (segment === open) open = undefined;
    segments.splice(segments.indexOf(segment), 1);
    await deleteSegment(segment);
  }

  return {
    get isEmpty() {
      return segments.length === 0 && queue.waitingBytes === 0;
    },
    get state() {
      return {
        bytes: storedBytes(),
        messages: segments.reduce((sum, { messages }) => sum + messages, 0),
        oldestReceiptMs: segments.find(({ oldestReceiptMs }) => oldestReceiptMs !== undefined)
          ?.oldestReceiptMs,
      };
    },
    async append(entry) {
      if (closed) throw new SpoolUnavailableError('the spool is closed');
      const frame = encodeFrame(entry);
      if (storedBytes() + queue.waitingBytes + frame.length > maxBytes) {
        throw new SpoolUnavailableError(`the spool has reached its bound of ${maxBytes} bytes`);
      }
      try {
        await queue.write(frame, entry);
        diskFault = undefined;
      } catch (error) {
        diskFault = 'the last write to the disk failed';
        throw error;
      }
      onFilled?.();
    },
    async readHead(wantedBytes) {
      for (;;) {
        const segment = segments[0];
        if (segment === undefined) return undefined;
        if (segment.drained < segment.bytes) return readEntries(segment, wantedBytes);
        if (segment === open && queue.waitingBytes > 0) return undefined;
        await dropIfDrained(segment);
      }
    },
    async filled() {
      if (segments.some(({ drained, bytes }) => drained < bytes)) return;
      await new Promise<void>((resolve) => (onFilled = resolve));
      onFilled = undefined;
    },
    fault() {
      if (closed) return 'the spool is closed';
      if (storedBytes() >= maxBytes) return `the spool has reached its bound of ${maxBytes} bytes`;
      return diskFault;
    },
    async close() {
      if (closed) return;
      closed = true;
      onFilled?.();
      await queue.settle();
      await Promise.all(segments.map(({ file }) => file.close()));
      await lock.release();
    },
  };

  async function readEntries(segment: Segment, wantedBytes: number): Promise<SpoolBatch> {
    const from = segment.drained;
    const end = segment.bytes;
    let window = await readAt(segment.file, from, Math.min(wantedBytes, end - from));
    for (let first = readFrame(window, 0); first.kind === 'partial' && window.length < end - from;) {
      window = await readAt(segment.file, from, Math.min(first.needed, end - from));
      first = readFrame(window, 0);
    }
    const entries: SpoolEntry[] = [];
    let at = 0;
    for (;;) {
      const frame = readFrame(window, at);
      if (frame.kind !== 'entry') {
        if (entries.length > 0) break;
        // Written whole and synced before: the disk no longer gives back what it took.
        throw new Error(`segment ${segment.number} of the spool cannot be read at byte ${from}`);
      }
      entries.push(frame.entry);
      at = frame.end;
    }
    const messages = entries.reduce((sum, entry) => sum + entry.messages, 0);
    const drained = from + at;
    return {
      entries,
      confirm: () => takeOut(segment, drained, messages, entries.at(-1)!.receivedAtMs),
    };
  }
}
