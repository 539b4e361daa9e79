/**
 * How an entry lies in a spool segment:
 *
 *     u32 length of the payload
 *     u32 CRC-32 of the payload
 *     payload: u32 length of the head, the head (JSON), then the values of the records, one after the other
 *
 * Little-endian. A frame is whole or it is not there: length and checksum tell a write that a crash cut short.
 */
import type { NewRecord } from '@sluice/event-log';
import { crc32 } from 'node:zlib';

/** The records of one request. */
export interface SpoolEntry {
  receivedAtMs: number;
  /** How many accepted messages the records hold. */
  messages: number;
  records: readonly NewRecord[];
}

export const FRAME_HEADER_BYTES = 8;

/** No request makes a frame as large: a length beyond it is not a length. */
const MAX_PAYLOAD_BYTES = 512 * 1024 * 1024;

interface Head {
  at: number;
  messages: number;
  records: { partition: number; key: string; headers: Readonly<Record<string, string>>; bytes: number }[];
}

export function encodeFrame({ receivedAtMs, messages, records }: SpoolEntry): Buffer {
  const head: Head = {
    at: receivedAtMs,
    messages,
    records: records.map(({ partition, key, headers, value }) => ({
      partition,
      key,
      headers,
      bytes: value.byteLength,
    })),
  };
  const headBytes = Buffer.from(JSON.stringify(head));
  const payloadBytes = 4 + headBytes.length + records.reduce((sum, { value }) => sum + value.byteLength, 0);
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payloadBytes);
  let at = frame.writeUInt32LE(headBytes.length, FRAME_HEADER_BYTES);
  at += headBytes.copy(frame, at);
  for (const { value } of records) {
    frame.set(value, at);
    at += value.byteLength;
  }
  frame.writeUInt32LE(payloadBytes, 0);
  frame.writeUInt32LE(crc32(frame.subarray(FRAME_HEADER_BYTES)), 4);
  return frame;
}

export type FrameRead =
  | { kind: 'entry'; entry: SpoolEntry; end: number }
  /** The bytes end before the frame does; `needed` bytes from the start of the frame would hold it. */
  | { kind: 'partial'; needed: number }
  /** These bytes are not a frame. */
  | { kind: 'damaged' };

/** Reads the frame that starts at `start`. The values of its records are views into `bytes`. */
export function readFrame(bytes: Buffer, start: number): FrameRead {
  const available = bytes.length - start;
  if (available < FRAME_HEADER_BYTES) return { kind: 'partial', needed: FRAME_HEADER_BYTES };
  const payloadBytes = bytes.readUInt32LE(start);
  if (payloadBytes < 4 || payloadBytes > MAX_PAYLOAD_BYTES) return { kind: 'damaged' };
  const needed = FRAME_HEADER_BYTES + payloadBytes;
  if (available < needed) return { kind: 'partial', needed };
  const payload = bytes.subarray(start + FRAME_HEADER_BYTES, start + needed);
  if (crc32(payload) !== bytes.readUInt32LE(start + 4)) return { kind: 'damaged' };
  const headEnd = 4 + payload.readUInt32LE(0);
  const head = JSON.parse(payload.toString('utf8', 4, headEnd)) as Head;
  let at = headEnd;
  const records = head.records.map(({ partition, key, headers, bytes: length }) => {
    const value = payload.subarray(at, at + length);
    at += length;
    return { partition, key, headers, value };
  });
  return {
    kind: 'entry',
    entry: { receivedAtMs: head.at, messages: head.messages, records },
    end: start + needed,
  };
}
