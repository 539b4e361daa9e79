import { NO_BYTES, NO_POOL, type BytePool } from '../byte-pool.js';
import type { RawRow } from './raw-row.js';

/** Columns of Postgres's `events` in the order of the values of a row. */
export const COPY_COLUMNS =
  'batch_seq, session_id, batch_id, project_id, event_id, received_at, "timestamp", type, event, message_id, anonymous_id, ' +
  'user_id, enrichment, message';

const COLUMN_COUNT = 14;

/** What stands before the first row: signature, flags, length of the extension. */
export const COPY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
/** What stands after the last one. */
export const COPY_TRAILER = Buffer.from([0xff, 0xff]);

/** A row of `events` but for what only landing knows of it, its place in the batch and its session, and for its JSON. */
export type CopyRow = Omit<RawRow, 'sessionId' | 'enrichment' | 'message'>;

/** The JSON of a row. */
export interface RowJson {
  /** In two parts: bytes of UTF-8, and the text after them. */
  enrichment: readonly [Uint8Array, string];
  /** As text or in UTF-8. */
  message: string | Uint8Array;
}

/**
 * Rows of `events` in COPY's binary form, outside the garbage collector's reach: a batch holds megabytes of them for a
 * second or two. The binary form spares Postgres the reading of numbers, times and ids, and both sides every escape.
 *
 * Source of the form: the documentation of PostgreSQL, COPY, Binary Format. All numbers are big-endian; each value comes
 * after its length in bytes, -1 for null.
 */
export interface CopyBuffer {
  /** Adds a row of a batch and returns where its bytes begin; they end where the next ones begin, at `length`. */
  append(batchId: number, row: CopyRow, json: RowJson): number;
  /** Completes the row that begins at `start`. */
  complete(start: number, seq: number, sessionId: string): void;
  /** The bytes from `start` to `end`, not copied. */
  slice(start: number, end: number): Buffer;
  readonly length: number;
  /** Gives its memory back; it must not be used again, nor any slice of it. */
  release(): void;
}

/** Count of columns and lengths of all values. */
const FRAME_BYTES = 2 + 4 * COLUMN_COUNT;
/** Values of fixed width: two int4, one int8, two timestamps, two UUIDs. */
const FIXED_BYTES = FRAME_BYTES + 4 + 4 + 8 + 8 + 8 + 16 + 16;
const MAX_BYTES_PER_UNIT = 3;

const SEQ_AT = 2 + 4;
const SESSION_AT = SEQ_AT + 4 + 4;

export function createCopyBuffer(expectedBytes: number, pool: BytePool = NO_POOL): CopyBuffer {
  let bytes = pool.take(Math.max(expectedBytes, 64 * 1024));
  let view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;

  function reserve(more: number): void {
    if (at + more <= bytes.length) return;
    const larger = pool.take(Math.max(at + more, bytes.length * 2));
    bytes.copy(larger, 0, 0, at);
    pool.giveBack(bytes);
    bytes = larger;
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  function int4(value: number): void {
    view.setInt32(at, 4);
    view.setInt32(at + 4, value);
    at += 8;
  }

  function int8(value: number): void {
    view.setInt32(at, 8);
    view.setInt32(at + 4, Math.floor(value / 2 ** 32));
    view.setUint32(at + 8, value >>> 0);
    at += 12;
  }

  function uuid(text: string): void {
    view.setInt32(at, 16);
    writeUuid(bytes, at + 4, text);
    at += 20;
  }

  function text(value: string | null): void {
    if (value === null) {
      view.setInt32(at, -1);
      at += 4;
      return;
    }
    const length = writeText(bytes, at + 4, value);
    view.setInt32(at, length);
    at += 4 + length;
  }

  function joinedJson([bytesBefore, rest]: RowJson['enrichment']): void {
    const start = at;
    bytes.set(bytesBefore, start + 4);
    const length = bytesBefore.byteLength + writeText(bytes, start + 4 + bytesBefore.byteLength, rest);
    view.setInt32(start, length);
    at = start + 4 + length;
  }

  function json(value: string | Uint8Array): void {
    if (typeof value === 'string') {
      text(value);
      return;
    }
    view.setInt32(at, value.byteLength);
    bytes.set(value, at + 4);
    at += 4 + value.byteLength;
  }

  return {
    append(batchId, row, { enrichment, message }) {
      reserve(FIXED_BYTES + textBytes(row) + jsonBytes(enrichment, message));
      const start = at;
      view.setInt16(at, COLUMN_COUNT);
      at += 2;
      int4(0);
      view.setInt32(at, 16);
      at += 20;
      int8(batchId);
      int4(row.projectId);
      uuid(row.eventId);
      int8(timestamptz(row.receivedAtMs));
      int8(timestamptz(row.timestampMs));
      text(row.type);
      text(row.event);
      text(row.messageId);
      text(row.anonymousId);
      text(row.userId);
      joinedJson(enrichment);
      json(message);
      return start;
    },
    complete(start, seq, sessionId) {
      view.setInt32(start + SEQ_AT, seq);
      writeUuid(bytes, start + SESSION_AT, sessionId);
    },
    slice: (start, end) => bytes.subarray(start, end),
    get length() {
      return at;
    },
    release() {
      pool.giveBack(bytes);
      bytes = NO_BYTES;
      view = new DataView(bytes.buffer);
    },
  };
}

/** Upper bound of the bytes of a row's texts. */
function textBytes(row: CopyRow): number {
  const units =
    row.type.length +
    row.event.length +
    row.messageId.length +
    (row.anonymousId?.length ?? 0) +
    (row.userId?.length ?? 0);
  return units * MAX_BYTES_PER_UNIT;
}

function jsonBytes([shared, rest]: RowJson['enrichment'], message: RowJson['message']): number {
  const ofMessage = typeof message === 'string' ? message.length * MAX_BYTES_PER_UNIT : message.byteLength;
  return shared.byteLength + rest.length * MAX_BYTES_PER_UNIT + ofMessage;
}

const POSTGRES_EPOCH_MS = Date.UTC(2000, 0, 1);

/** Microseconds since the year 2000. */
function timestamptz(ms: number): number {
  return (ms - POSTGRES_EPOCH_MS) * 1_000;
}

/** Up to this length a loop is faster than the call. */
const SHORT = 24;

function writeText(bytes: Buffer, at: number, value: string): number {
  if (value.length > SHORT) return bytes.write(value, at);
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code >= 0x80) return bytes.write(value, at);
    bytes[at + i] = code;
  }
  return value.length;
}

const NIBBLES = new Uint8Array(128);
for (let value = 0; value < 16; value++) {
  NIBBLES[value.toString(16).charCodeAt(0)] = value;
  NIBBLES[value.toString(16).toUpperCase().charCodeAt(0)] = value;
}

function writeUuid(bytes: Buffer, start: number, text: string): void {
  let at = start;
  for (let i = 0; i < 36; i += 2) {
    if (i === 8 || i === 13 || i === 18 || i === 23) i++;
    bytes[at++] = (NIBBLES[text.charCodeAt(i)]! << 4) | NIBBLES[text.charCodeAt(i + 1)]!;
  }
}
