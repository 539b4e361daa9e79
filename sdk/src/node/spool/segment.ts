import {
  closeSync,
  copyFileSync,
  fdatasync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  readdirSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readFrame, SEGMENT_HEADER, type MessageFrame, type OrdinalRange } from './frame.js';

/** One file of the spool: frames, only ever appended to, deleted once none of its messages waits any more. */
export interface Segment {
  readonly number: number;
  readonly path: string;
  readonly fd: number;
  /** Bytes of whole frames. */
  bytes: number;
  /** Messages in it that still wait. */
  waiting: number;
  isSynced: boolean;
  /** Set while the kernel writes it to the disk: the file is closed after that. */
  syncing: Promise<void> | undefined;
}

const NAME = /^(\d{12})\.spool(\.damaged)?$/;
/** Damaged segments that are kept for a look; older ones go. */
const DAMAGED_KEPT = 4;
const syncData = promisify(fdatasync);

/** @throws when the disk does not take it. */
export function createSegment(dir: string, number: number): Segment {
  const path = join(dir, `${String(number).padStart(12, '0')}.spool`);
  const fd = openSync(path, 'wx+', 0o600);
  const segment: Segment = {
    number,
    path,
    fd,
    bytes: 0,
    waiting: 0,
    isSynced: false,
    syncing: undefined,
  };
  try {
    appendBytes(segment, SEGMENT_HEADER);
    return segment;
  } catch (error) {
    deleteSegment(segment);
    throw error;
  }
}

/**
 * Appends whole frames; returns where they begin. They survive the end of the process from here on.
 * @throws when the disk does not take them; then nothing of them is in the segment.
 */
export function appendBytes(segment: Segment, frames: Buffer): number {
  const start = segment.bytes;
  try {
    for (let at = 0; at < frames.length;) {
      at += writeSync(segment.fd, frames, at, frames.length - at, start + at);
    }
  } catch (error) {
    ftruncateSync(segment.fd, start);
    throw error;
  }
  segment.bytes += frames.length;
  segment.isSynced = false;
  return start;
}

export function readBytes(segment: Segment, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const count = readSync(segment.fd, bytes, done, length - done, position + done);
    if (count === 0) break;
    done += count;
  }
  return bytes.subarray(0, done);
}

/** Makes what was appended survive a loss of power. Rejects when the disk fails. */
export async function syncSegment(segment: Segment): Promise<void> {
  if (segment.isSynced) return;
  segment.isSynced = true;
  try {
    segment.syncing = syncData(segment.fd);
    await segment.syncing;
  } catch (error) {
    segment.isSynced = false;
    throw error;
  } finally {
    segment.syncing = undefined;
  }
}

export function deleteSegment(segment: Segment): void {
  closeSegment(segment);
  try {
    unlinkSync(segment.path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

export function closeSegment(segment: Segment): void {
  const close = (): void => {
    try {
      closeSync(segment.fd);
    } catch {
      // What was written is written; there is nothing more to do with this file.
    }
  };
  if (segment.syncing === undefined) close();
  else void segment.syncing.then(close, close);
}

export interface SegmentRecovery {
  segments: Segment[];
  /** Highest number that was ever used, as far as the files show. */
  lastNumber: number;
  /** Ends that were cut off: writes that were under way when the process or the machine stopped. */
  cut: SegmentFault[];
  /** Segments with damage, set aside as they are; what stood before the damage is in `segments`. */
  damaged: SegmentFault[];
}

export interface SegmentFault {
  path: string;
  bytes: number;
}

export interface SegmentContent {
  onMessage(message: MessageFrame, segment: Segment, position: number, bytes: number): void;
  onRemovals(ranges: readonly OrdinalRange[]): void;
}

/** Opens what former runs left, oldest first. */
export function recoverSegments(dir: string, content: SegmentContent): SegmentRecovery {
  const files = readdirSync(dir)
    .map((name) => NAME.exec(name))
    .filter((match) => match !== null)
    .map(([name, digits, damaged]) => ({ path: join(dir, name), number: Number(digits), damaged }))
    .sort((a, b) => a.number - b.number);
  const recovery: SegmentRecovery = {
    segments: [],
    lastNumber: files.at(-1)?.number ?? 0,
    cut: [],
    damaged: [],
  };
  const live = files.filter(({ damaged }) => damaged === undefined);
  for (const { path, number } of live) {
    const isLast = number === live.at(-1)?.number;
    recovery.segments.push(recoverSegment(path, number, isLast, content, recovery));
  }
  const setAside = [
    ...files.filter(({ damaged }) => damaged !== undefined).map(({ path }) => path),
    ...recovery.damaged.map(({ path }) => `${path}.damaged`),
  ];
  for (const path of setAside.slice(0, -DAMAGED_KEPT)) rmSync(path, { force: true });
  return recovery;
}

function recoverSegment(
  path: string,
  number: number,
  isLast: boolean,
  content: SegmentContent,
  recovery: SegmentRecovery,
): Segment {
  const fd = openSync(path, 'r+');
  const size = fstatSync(fd).size;
  const segment: Segment = { number, path, fd, bytes: size, waiting: 0, isSynced: true, syncing: undefined };
  const bytes = readBytes(segment, 0, size);
  const { end, isDamaged } = readFrames(bytes, segment, content);
  if (end < size) {
    const fault = { path, bytes: size - end };
    // Only the last segment can have been in the middle of a write: another one was damaged later.
    if (isDamaged || !isLast) {
      copyFileSync(path, `${path}.damaged`);
      recovery.damaged.push(fault);
    } else recovery.cut.push(fault);
    ftruncateSync(fd, end);
    segment.isSynced = false;
  }
  segment.bytes = end;
  return segment;
}

function readFrames(
  bytes: Buffer,
  segment: Segment,
  content: SegmentContent,
): { end: number; isDamaged: boolean } {
  if (!bytes.subarray(0, SEGMENT_HEADER.length).equals(SEGMENT_HEADER)) {
    const isTorn = bytes.length < SEGMENT_HEADER.length || bytes.every((byte) => byte === 0);
    return { end: 0, isDamaged: !isTorn };
  }
  for (let at = SEGMENT_HEADER.length; at < bytes.length;) {
    const frame = readFrame(bytes, at);
    switch (frame.kind) {
      case 'message':
        content.onMessage(frame.message, segment, at, frame.end - at);
        break;
      case 'removals':
        content.onRemovals(frame.ranges);
        break;
      default:
        return { end: at, isDamaged: frame.kind === 'damaged' };
    }
    at = frame.end;
  }
  return { end: bytes.length, isDamaged: false };
}
