import { mkdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Outbox, OutboxBounds, StoredMessage } from '../core/outbox.js';
import type { DropReason } from '../core/types.js';
import { lockDirectory, SpoolInUseError, type LockOptions } from './spool/directory-lock.js';
import { encodeMessage, encodeRemovals, readFrame, toRanges } from './spool/frame.js';
import {
  appendBytes,
  closeSegment,
  createSegment,
  deleteSegment,
  readBytes,
  recoverSegments,
  syncSegment,
  type Segment,
  type SegmentRecovery,
} from './spool/segment.js';

export { SpoolInUseError };

export interface FileOutboxOptions extends OutboxBounds {
  /** The spool's own directory, made if there is none. One writer at a time. */
  dir: string;
  /** A new file is begun beyond this size, bytes. Default a 64th of `maxBytes`, between 1 and 64 MiB: all of them are open. */
  segmentBytes?: number;
  /** How long written messages may wait to be safe from a loss of power, milliseconds. Default 200. */
  syncIntervalMs?: number;
  lock?: LockOptions;
  /** Milliseconds since the epoch. */
  now?: () => number;
  /** Told when the disk refuses and of damage found. */
  onError?: (error: Error) => void;
}

/** What opening found in the directory. */
export interface SpoolRecovery {
  /** Messages of former runs that still wait for their verdict. */
  messages: number;
  cut: SegmentRecovery['cut'];
  damaged: SegmentRecovery['damaged'];
}

export interface FileOutbox extends Outbox {
  readonly kind: 'file';
  /** Bytes of the JSON of the messages in it. */
  readonly bytes: number;
  readonly isOpen: boolean;
  /** False while messages wait in memory because the disk refuses them. */
  readonly isOnDisk: boolean;
  readonly recovery: SpoolRecovery;
}

interface Entry {
  readonly messageId: string;
  readonly ordinal: number;
  readonly bytes: number;
  readonly storedAtMs: number;
  /** Not free before this instant; 0 when nobody sends it. */
  leasedUntilMs: number;
  isGone: boolean;
  place: { segment: Segment; position: number; bytes: number } | undefined;
  /** Kept in memory only as long as the disk does not take it. */
  json: string | undefined;
}

const MIB = 1024 * 1024;
const DEFAULT_SYNC_INTERVAL_MS = 200;
/** After how long a disk that refused is asked again. */
const DISK_RETRY_MS = 1_000;
/** A longer id is no id; the server takes 99 characters. */
const MAX_ID_LENGTH = 1_024;

/**
 * An outbox on disk.
 *
 * - `append` has written the message when it returns: it survives `process.exit()` and `kill -9`. What was appended up to
 *   `syncIntervalMs` before a loss of power may be gone; `settled()` and `close()` wait for the disk itself.
 * - `remove` has written the verdict when it resolves: a restart does not bring the message back. A loss of power within
 *   `syncIntervalMs` may; the message is then sent again with the same id, which the server counts once.
 * - Leases end with the process: what was in the air when it died is sent again, with the same ids.
 * - While the disk refuses (it is full, say), messages wait in memory, within the same bounds, and are written as soon as
 *   the disk takes them.
 * - Messages stay on disk: memory holds about 200 bytes for each.
 *
 * @throws SpoolInUseError when another writer has the directory, or the error of the disk when it cannot be opened.
 */
export function openFileOutbox(options: FileOutboxOptions): FileOutbox {
  const { dir, segmentBytes = defaultSegmentBytes(options.maxBytes), now = Date.now } = options;
  const tellError = options.onError ?? (() => undefined);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const lock = lockDirectory(dir, options.lock);

  const entries = new Map<string, Entry>();
  /** In the order of appends; those that are gone are taken out in bulk. */
  let order: Entry[] = [];
  let head = 0;
  let waitingBytes = 0;
  /** What the messages that wait take on disk. */
  let placedBytes = 0;
  let nextOrdinal = 1;
  /** Verdicts that the disk has not taken yet. */
  let unwrittenRemovals: number[] = [];
  const unwritten = new Set<Entry>();
  let isRefused = false;
  let isClosed = false;
  let syncTimer: NodeJS.Timeout | undefined;
  let syncing: Promise<void> | undefined;

  let segments: Segment[] = [];
  let current: Segment | undefined;
  let lastNumber = 0;

  const recovery = ((): SpoolRecovery => {
    try {
      return recover();
    } catch (error) {
      lock.release();
      throw error;
    }
  })();

  function recover(): SpoolRecovery {
    const byOrdinal = new Map<number, Entry>();
    const found = recoverSegments(dir, {
      onMessage({ ordinal, messageId, storedAtMs, json }, segment, position, bytes) {
        nextOrdinal = Math.max(nextOrdinal, ordinal + 1);
        byOrdinal.set(ordinal, {
          messageId,
          ordinal,
          storedAtMs,
          bytes: Buffer.byteLength(json),
          leasedUntilMs: 0,
          isGone: false,
          place: { segment, position, bytes },
          json: undefined,
        });
      },
      onRemovals(ranges) {
        for (const { first, count } of ranges) {
          nextOrdinal = Math.max(nextOrdinal, first + count);
          for (let ordinal = first; ordinal < first + count; ordinal++) byOrdinal.delete(ordinal);
        }
      },
    });
    for (const entry of [...byOrdinal.values()].sort((a, b) => a.ordinal - b.ordinal)) {
      if (entries.has(entry.messageId)) continue;
      admit(entry);
      place(entry, entry.place!);
    }
    segments = found.segments;
    lastNumber = found.lastNumber;
    for (const { path, bytes } of found.damaged) {
      tellError(
        new Error(`The last ${bytes} bytes of ${path} are damaged; the file was set aside as it was.`),
      );
    }
    dropSpentSegments();
    return { messages: entries.size, cut: found.cut, damaged: found.damaged };
  }

  function admit(entry: Entry): void {
    entries.set(entry.messageId, entry);
    order.push(entry);
    waitingBytes += entry.bytes;
  }

  function place(entry: Entry, at: NonNullable<Entry['place']>): void {
    entry.place = at;
    entry.json = undefined;
    at.segment.waiting++;
    placedBytes += at.bytes;
  }

  /** Takes an entry out of memory; the caller sees to the record of it on disk. */
  function forget(entry: Entry): void {
    entries.delete(entry.messageId);
    entry.isGone = true;
    entry.json = undefined;
    waitingBytes -= entry.bytes;
    if (entry.place === undefined) unwritten.delete(entry);
    else {
      entry.place.segment.waiting--;
      placedBytes -= entry.place.bytes;
      unwrittenRemovals.push(entry.ordinal);
    }
    while (order[head]?.isGone === true) head++;
    if (order.length > 2 * entries.size + 1_024) {
      order = order.filter(({ isGone }) => !isGone);
      head = 0;
    }
  }

  function* free(nowMs: number): Generator<Entry, void, undefined> {
    for (let at = head; at < order.length; at++) {
      const entry = order[at]!;
      if (!entry.isGone && entry.leasedUntilMs <= nowMs) yield entry;
    }
  }

  // ── the disk ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Writes what waits to be written; false while the disk refuses. */
  function write(): boolean {
    dropSpentSegments();
    if (unwritten.size === 0 && unwrittenRemovals.length === 0) return true;
    if (isRefused || !lock.isHeld()) return false;
    try {
      writeRemovals();
      for (const entry of unwritten) writeEntry(entry, entry.json!);
      scheduleSync();
      return true;
    } catch (error) {
      isRefused = true;
      tellError(asError(error, `The spool ${dir} cannot be written; messages wait in memory`));
      scheduleSync();
      return false;
    }
  }

  function writeRemovals(): void {
    if (unwrittenRemovals.length === 0) return;
    // Without files there is nothing that a restart could bring back.
    if (segments.length > 0) appendBytes(openSegment(), encodeRemovals(toRanges(unwrittenRemovals)));
    unwrittenRemovals = [];
  }

  function writeEntry(entry: Entry, json: string): void {
    const segment = openSegment();
    const { ordinal, storedAtMs, messageId } = entry;
    const frame = encodeMessage({ ordinal, storedAtMs, messageId, json });
    const position = appendBytes(segment, frame);
    place(entry, { segment, position, bytes: frame.length });
    unwritten.delete(entry);
  }

  function openSegment(): Segment {
    if (current === undefined || current.bytes >= segmentBytes) {
      current = createSegment(dir, lastNumber + 1);
      lastNumber++;
      segments.push(current);
    }
    return current;
  }

  /**
   * Deletes the oldest files up to the first with a message that waits, but for the one being filled. Always from the
   * oldest on: a removal may refer to any file before its own, and must outlive it.
   */
  function dropSpentSegments(): void {
    if (current !== undefined && current.bytes >= segmentBytes) current = undefined;
    if (segments.length === 0 || !lock.isHeld()) return;
    try {
      for (let oldest = segments[0]; oldest?.waiting === 0 && oldest !== current; oldest = segments[0]) {
        deleteSegment(oldest);
        segments.shift();
      }
    } catch (error) {
      tellError(asError(error, `A file of the spool ${dir} cannot be deleted`));
    }
  }

  /** When more than half of the files is spent, moves what waits in the oldest to the end, so that the file can go. */
  function compact(): void {
    const oldest = segments[0];
    const size = segments.reduce((sum, { bytes }) => sum + bytes, 0);
    if (oldest === undefined || oldest === current) return;
    if (size < 2 * placedBytes + 2 * segmentBytes || !lock.isHeld()) return;
    try {
      for (let at = head; at < order.length && oldest.waiting > 0; at++) {
        const entry = order[at]!;
        if (entry.isGone || entry.place?.segment !== oldest) continue;
        const { position, bytes } = entry.place;
        const to = openSegment();
        const moved = appendBytes(to, readBytes(oldest, position, bytes));
        oldest.waiting--;
        placedBytes -= bytes;
        place(entry, { segment: to, position: moved, bytes });
      }
      scheduleSync();
    } catch (error) {
      tellError(asError(error, `The spool ${dir} cannot be compacted`));
      return;
    }
    dropSpentSegments();
  }

  function scheduleSync(): void {
    if (syncTimer !== undefined || isClosed) return;
    const delayMs = isRefused ? DISK_RETRY_MS : (options.syncIntervalMs ?? DEFAULT_SYNC_INTERVAL_MS);
    syncTimer = setTimeout(() => {
      syncTimer = undefined;
      isRefused = false;
      write();
      sync().catch((error: unknown) => {
        tellError(asError(error, `The spool ${dir} cannot be synced`));
        scheduleSync();
      });
    }, delayMs);
    syncTimer.unref();
  }

  /** One sync at a time; what is appended meanwhile waits for the next. */
  async function sync(): Promise<void> {
    while (syncing !== undefined) await syncing.catch(() => undefined);
    const dirty = segments.filter(({ isSynced }) => !isSynced);
    if (dirty.length === 0) return;
    syncing = (async () => {
      for (const segment of dirty) if (segments.includes(segment)) await syncSegment(segment);
      await syncDirectory(dir);
    })();
    try {
      await syncing;
    } finally {
      syncing = undefined;
    }
  }

  // ── the bounds ────────────────────────────────────────────────────────────────────────────────────────────────────

  function expire(nowMs: number): void {
    const expired: string[] = [];
    for (const entry of free(nowMs)) {
      if (nowMs - entry.storedAtMs <= options.maxAgeMs) break;
      expired.push(entry.messageId);
      forget(entry);
    }
    tellDrop(expired, 'expired');
  }

  function makeRoom(nowMs: number): void {
    const dropped: string[] = [];
    for (const entry of free(nowMs)) {
      if (entries.size <= options.maxMessages && waitingBytes <= options.maxBytes) break;
      dropped.push(entry.messageId);
      forget(entry);
    }
    tellDrop(dropped, 'outbox_full');
  }

  function tellDrop(messageIds: readonly string[], reason: DropReason): void {
    if (messageIds.length > 0) options.onDrop(messageIds, reason);
  }

  /** Undefined when the disk gives back something else than it took. */
  function readJson(entry: Entry): string | undefined {
    if (entry.place === undefined) return entry.json;
    const { segment, position, bytes } = entry.place;
    const frame = readFrame(readBytes(segment, position, bytes), 0);
    return frame.kind === 'message' && frame.message.ordinal === entry.ordinal
      ? frame.message.json
      : undefined;
  }

  function append(message: StoredMessage): void {
    if (isClosed) {
      options.onDrop([message.messageId], 'storage_failed');
      return;
    }
    if (entries.has(message.messageId)) return;
    if (message.bytes > options.maxBytes || message.messageId.length > MAX_ID_LENGTH) {
      options.onDrop([message.messageId], 'too_large');
      return;
    }
    const nowMs = now();
    const { messageId, bytes, storedAtMs, json } = message;
    const entry: Entry = {
      messageId,
      ordinal: nextOrdinal++,
      bytes,
      storedAtMs,
      leasedUntilMs: 0,
      isGone: false,
      place: undefined,
      json,
    };
    admit(entry);
    unwritten.add(entry);
    expire(nowMs);
    makeRoom(nowMs);
    write();
    compact();
  }

  expire(now());
  makeRoom(now());
  write();

  return {
    kind: 'file',
    recovery,
    get size() {
      return entries.size;
    },
    get bytes() {
      return waitingBytes;
    },
    get isOpen() {
      return !isClosed;
    },
    get isOnDisk() {
      return unwritten.size === 0;
    },
    append,
    async lease(limit, untilMs) {
      if (isClosed) return [];
      const nowMs = now();
      expire(nowMs);
      const leased: StoredMessage[] = [];
      const unreadable: string[] = [];
      let bytes = 0;
      for (const entry of free(nowMs)) {
        if (leased.length >= limit.messages || (leased.length > 0 && bytes + entry.bytes > limit.bytes))
          break;
        let json: string | undefined;
        try {
          json = readJson(entry);
        } catch (error) {
          // It stays: the disk may give it back another time.
          tellError(asError(error, `The spool ${dir} cannot be read`));
          continue;
        }
        if (json === undefined) {
          unreadable.push(entry.messageId);
          forget(entry);
          continue;
        }
        entry.leasedUntilMs = untilMs;
        bytes += entry.bytes;
        const { messageId, storedAtMs } = entry;
        leased.push({ messageId, json, bytes: entry.bytes, storedAtMs });
      }
      tellDrop(unreadable, 'storage_failed');
      // What is dropped is told once: a restart does not drop it again.
      write();
      return leased;
    },
    async release(messageIds) {
      for (const id of messageIds) {
        const entry = entries.get(id);
        if (entry !== undefined) entry.leasedUntilMs = 0;
      }
    },
    async remove(messageIds) {
      for (const id of messageIds) {
        const entry = entries.get(id);
        if (entry !== undefined) forget(entry);
      }
      write();
      compact();
    },
    async settled() {
      write();
      try {
        await sync();
      } catch (error) {
        tellError(asError(error, `The spool ${dir} cannot be synced`));
      }
    },
    async purge() {
      for (const entry of [...entries.values()]) forget(entry);
      current = undefined;
      write();
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      clearTimeout(syncTimer);
      isRefused = false;
      write();
      if (entries.size === 0) current = undefined;
      dropSpentSegments();
      try {
        await sync();
      } catch (error) {
        tellError(asError(error, `The spool ${dir} cannot be synced`));
      } finally {
        for (const segment of segments) closeSegment(segment);
        lock.release();
      }
    },
  };
}

function defaultSegmentBytes(maxBytes: number): number {
  return Math.min(64 * MIB, Math.max(MIB, maxBytes / 64));
}

/** Makes the names of files durable, not only their content. */
async function syncDirectory(dir: string): Promise<void> {
  // Windows does not open directories.
  if (process.platform === 'win32') return;
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function asError(error: unknown, what: string): Error {
  return new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}
