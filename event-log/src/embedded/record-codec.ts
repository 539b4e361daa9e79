/**
 * How a record lies in an LMDB value:
 *
 *     u8  form (1)
 *     f64 appendedAtMs
 *     f64 bytes of the partition before this record (so that the size of any range is one subtraction)
 *     u16 key length, key
 *     u16 header count, then for each: u16 name length, name, u32 value length, value
 *     the value, to the end
 *
 * Strings are UTF-8; a lone surrogate becomes U+FFFD, as it does in Kafka.
 */
import type { LogRecord, NewRecord } from '../port.js';
import { setHeader } from '../set-header.js';

const FORM = 1;
const FIXED_BYTES = 1 + 8 + 8 + 2 + 2;
const MAX_U16 = 0xffff;

/** An upper bound of the encoded size, without looking at each character. */
export function maxEncodedBytes(record: NewRecord): number {
  let size = FIXED_BYTES + record.key.length * 3 + record.value.byteLength;
  for (const name in record.headers) size += 6 + (name.length + record.headers[name]!.length) * 3;
  return size;
}

/** Writes a record at `start` and returns the position after it. `target` must have room for `maxEncodedBytes`. */
export function encodeRecord(
  record: NewRecord,
  appendedAtMs: number,
  bytesBefore: number,
  target: Buffer,
  start: number,
): number {
  let at = target.writeUInt8(FORM, start);
  at = target.writeDoubleLE(appendedAtMs, at);
  at = target.writeDoubleLE(bytesBefore, at);
  at = writeText16(record.key, target, at);
  const countAt = at;
  at += 2;
  let count = 0;
  for (const name in record.headers) {
    count++;
    at = writeText16(name, target, at);
    const length = target.write(record.headers[name]!, at + 4);
    target.writeUInt32LE(length, at);
    at += 4 + length;
  }
  if (count > MAX_U16) throw new RangeError(`a record may have at most ${MAX_U16} headers`);
  target.writeUInt16LE(count, countAt);
  target.set(record.value, at);
  return at + record.value.byteLength;
}

/** Reads a record. `value` is a view into `bytes`, not a copy. */
export function decodeRecord(offset: number, bytes: Uint8Array): LogRecord {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (source[0] !== FORM) throw new Error(`record ${offset} has the unknown form ${String(source[0])}`);
  const appendedAtMs = source.readDoubleLE(1);
  let at = 17;
  const keyLength = source.readUInt16LE(at);
  at += 2;
  const key = source.toString('utf8', at, at + keyLength);
  at += keyLength;
  const headers: Record<string, string> = {};
  let count = source.readUInt16LE(at);
  at += 2;
  for (; count > 0; count--) {
    const nameLength = source.readUInt16LE(at);
    at += 2;
    const name = source.toString('utf8', at, at + nameLength);
    at += nameLength;
    const length = source.readUInt32LE(at);
    at += 4;
    setHeader(headers, name, source.toString('utf8', at, at + length));
    at += length;
  }
  return { offset, key, headers, value: source.subarray(at), appendedAtMs };
}

export interface RecordPlace {
  appendedAtMs: number;
  /** Bytes of the partition before this record. */
  bytesBefore: number;
}

/** Reads only when a record came and where it lies. */
export function decodePlace(bytes: Buffer): RecordPlace {
  return { appendedAtMs: bytes.readDoubleLE(1), bytesBefore: bytes.readDoubleLE(9) };
}

/** What a record of this encoded size takes on disk: LMDB gives larger values whole pages of their own. */
export function storedBytes(encodedBytes: number): number {
  return encodedBytes < 2_000 ? encodedBytes + 32 : Math.ceil((encodedBytes + 16) / 4_096) * 4_096 + 32;
}

function writeText16(text: string, target: Buffer, at: number): number {
  const length = target.write(text, at + 2);
  if (length > MAX_U16) throw new RangeError(`a key or header name may have at most ${MAX_U16} bytes`);
  target.writeUInt16LE(length, at);
  return at + 2 + length;
}
