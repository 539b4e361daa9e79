import { constants } from 'node:fs';
import { open, readdir, rename, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { readFrame } from './frame.js';

/** One file of the spool: frames, only ever appended to, deleted once all of them are in the log. */
export interface Segment {
  number: number;
  path: string;
  file: FileHandle;
  /** Bytes that are durable. */
  bytes: number;
  /** Bytes that the log has taken. */
  drained: number;
  /** Accepted messages that the log has not taken. */
  messages: number;
  /** Receipt of the first entry that the log has not taken; undefined when there is none. */
  oldestReceiptMs: number | undefined;
}

const NAME = /^(\d{12})\.spool$/;

export function segmentName(number: number): string {
  return `${String(number).padStart(12, '0')}.spool`;
}

export async function createSegment(dir: string, number: number): Promise<Segment> {
  const path = join(dir, segmentName(number));
  const file = await open(path, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o600);
  await syncDirectory(dir);
  return { number, path, file, bytes: 0, drained: 0, messages: 0, oldestReceiptMs: undefined };
}

export async function deleteSegment(segment: Segment): Promise<void> {
  await segment.file.close();
  await unlink(segment.path);
}

/** Makes the names of files durable, not only their content. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export interface Recovery {
  segments: Segment[];
  /** Highest number that was ever used, as far as the files show. */
  lastNumber: number;
  /** Ends that were cut off: writes that a crash left unfinished, which were never acknowledged. */
  cut: { segment: string; bytes: number }[];
  /** Segments with damage before their end, set aside as they are; what stood before the damage is in `segments`. */
  damaged: { segment: string; bytes: number }[];
}

/** Opens what a former run left. `drained` says how far a segment had been drained; what lies before is not read again. */
export async function recoverSegments(dir: string, drainedOf: (number: number) => number): Promise<Recovery> {
  const numbers = (await readdir(dir))
    .map((name) => NAME.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
  const recovery: Recovery = { segments: [], lastNumber: numbers.at(-1) ?? 0, cut: [], damaged: [] };
  for (const number of numbers) {
    const path = join(dir, segmentName(number));
    const file = await open(path, 'r+');
    const { size } = await file.stat();
    const from = Math.min(drainedOf(number), size);
    const segment: Segment = {
      number,
      path,
      file,
      bytes: from,
      drained: from,
      messages: 0,
      oldestReceiptMs: undefined,
    };
    const isLast = number === numbers.at(-1);
    await scan(segment, size);
    if (segment.bytes < size) {
      const rest = { segment: segmentName(number), bytes: size - segment.bytes };
      if (isLast) recovery.cut.push(rest);
      else {
        // Only the last segment can have been in the middle of a write: this one was damaged later.
        recovery.damaged.push(rest);
        await keepCopy(path, file, size);
      }
      await file.truncate(segment.bytes);
      await file.sync();
    }
    if (segment.drained < segment.bytes) recovery.segments.push(segment);
    else await deleteSegment(segment);
  }
  return recovery;
}

const SCAN_BYTES = 4 * 1024 * 1024;

/** Counts the whole frames of a segment, up to the first that is not whole. */
async function scan(segment: Segment, size: number): Promise<void> {
  let wanted = SCAN_BYTES;
  while (segment.bytes < size) {
    const window = await readAt(segment.file, segment.bytes, Math.min(wanted, size - segment.bytes));
    let at = 0;
    for (;;) {
      const frame = readFrame(window, at);
      if (frame.kind === 'entry') {
        segment.messages += frame.entry.messages;
        segment.oldestReceiptMs ??= frame.entry.receivedAtMs;
        at = frame.end;
        continue;
      }
      segment.bytes += at;
      if (frame.kind === 'damaged') return;
      if (at === 0) {
        if (segment.bytes + frame.needed > size) return;
        wanted = Math.max(frame.needed, SCAN_BYTES);
      } else wanted = SCAN_BYTES;
      break;
    }
  }
}

export async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

async function keepCopy(path: string, file: FileHandle, size: number): Promise<void> {
  const copy = await open(`${path}.damaged.part`, 'w', 0o600);
  try {
    for (let at = 0; at < size; at += SCAN_BYTES) {
      await copy.write(await readAt(file, at, Math.min(SCAN_BYTES, size - at)));
    }
    await copy.sync();
  } finally {
    await copy.close();
  }
  await rename(`${path}.damaged.part`, `${path}.damaged`);
}
