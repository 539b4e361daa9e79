/**
 * How a spool segment lies on disk: an eight-byte header, then frames.
 *
 *     u32 length of the payload
 *     u32 CRC-32 of the payload
 *     payload: u8 kind, then by kind
 *       1, a message:  f64 ordinal, f64 stored at (ms), u16 length of its id, the id, its JSON
 *       2, removals:   pairs of f64 first and u32 count: these ordinals are no longer in the outbox
 *
 * Little-endian. Ordinals count the messages of a spool; removals refer to messages written before them. A frame is whole or
 * it is not there: length and checksum tell a write that was cut short.
 */
import { crc32 } from 'node:zlib';

export const SEGMENT_HEADER = Buffer.from('sluice1\n', 'latin1');
const FRAME_HEADER_BYTES = 8;
const MESSAGE_HEAD_BYTES = 1 + 8 + 8 + 2;
const RANGE_BYTES = 12;
const MESSAGE = 1;
const REMOVALS = 2;
/** No message makes a frame as large: a length beyond it is not a length. */
const MAX_PAYLOAD_BYTES = 64 * 1024 * 1024;

export interface MessageFrame {
  ordinal: number;
  storedAtMs: number;
  messageId: string;
  json: string;
}

/** `count` ordinals from `first` on. */
export interface OrdinalRange {
  first: number;
  count: number;
}

export type FrameRead =
  | { kind: 'message'; message: MessageFrame; end: number }
  | { kind: 'removals'; ranges: OrdinalRange[]; end: number }
  /** The bytes end before the frame does. */
  | { kind: 'torn' }
  /** These bytes are not a frame. */
  | { kind: 'damaged' };

export function encodeMessage({ ordinal, storedAtMs, messageId, json }: MessageFrame): Buffer {
  const idBytes = Buffer.byteLength(messageId);
  const jsonBytes = Buffer.byteLength(json);
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + MESSAGE_HEAD_BYTES + idBytes + jsonBytes);
  let at = frame.writeUInt8(MESSAGE, FRAME_HEADER_BYTES);
  at = frame.writeDoubleLE(ordinal, at);
  at = frame.writeDoubleLE(storedAtMs, at);
  at = frame.writeUInt16LE(idBytes, at);
  at += frame.write(messageId, at, 'utf8');
  frame.write(json, at, 'utf8');
  return seal(frame);
}

export function encodeRemovals(ranges: readonly OrdinalRange[]): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + 1 + ranges.length * RANGE_BYTES);
  let at = frame.writeUInt8(REMOVALS, FRAME_HEADER_BYTES);
  for (const { first, count } of ranges) {
    at = frame.writeDoubleLE(first, at);
    at = frame.writeUInt32LE(count, at);
  }
  return seal(frame);
}

function seal(frame: Buffer): Buffer {
  frame.writeUInt32LE(frame.length - FRAME_HEADER_BYTES, 0);
  frame.writeUInt32LE(crc32(frame.subarray(FRAME_HEADER_BYTES)), 4);
  return frame;
}

/** Joins ordinals to ranges. */
export function toRanges(ordinals: readonly number[]): OrdinalRange[] {
  const ranges: OrdinalRange[] = [];
  for (const ordinal of [...ordinals].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && ordinal === last.first + last.count) last.count++;
    else if (last === undefined || ordinal >= last.first + last.count)
      ranges.push({ first: ordinal, count: 1 });
  }
  return ranges;
}

/** Reads the frame that starts at `start`. */
export function readFrame(bytes: Buffer, start: number): FrameRead {
  const available = bytes.length - start;
  if (available < FRAME_HEADER_BYTES) return { kind: 'torn' };
  const payloadBytes = bytes.readUInt32LE(start);
  if (payloadBytes === 0 && isZeros(bytes, start)) {
    // A file system that lost power may have lengthened the file without its content.
    return { kind: 'torn' };
  }
  if (payloadBytes < 1 || payloadBytes > MAX_PAYLOAD_BYTES) return { kind: 'damaged' };
  const at = start + FRAME_HEADER_BYTES;
  const end = at + payloadBytes;
  if (end > bytes.length) return { kind: 'torn' };
  if (crc32(bytes.subarray(at, end)) !== bytes.readUInt32LE(start + 4)) return { kind: 'damaged' };
  switch (bytes[at]) {
    case MESSAGE:
      return readMessage(bytes, at, end);
    case REMOVALS:
      return readRemovals(bytes, at + 1, end);
    default:
      return { kind: 'damaged' };
  }
}

function readMessage(bytes: Buffer, at: number, end: number): FrameRead {
  if (end - at < MESSAGE_HEAD_BYTES) return { kind: 'damaged' };
  const idAt = at + MESSAGE_HEAD_BYTES;
  const jsonAt = idAt + bytes.readUInt16LE(at + 17);
  if (jsonAt > end) return { kind: 'damaged' };
  return {
    kind: 'message',
    message: {
      ordinal: bytes.readDoubleLE(at + 1),
      storedAtMs: bytes.readDoubleLE(at + 9),
      messageId: bytes.toString('utf8', idAt, jsonAt),
      json: bytes.toString('utf8', jsonAt, end),
    },
    end,
  };
}

function readRemovals(bytes: Buffer, from: number, end: number): FrameRead {
  if ((end - from) % RANGE_BYTES !== 0) return { kind: 'damaged' };
  const ranges: OrdinalRange[] = [];
  for (let at = from; at < end; at += RANGE_BYTES) {
    ranges.push({ first: bytes.readDoubleLE(at), count: bytes.readUInt32LE(at + 8) });
  }
  return { kind: 'removals', ranges, end };
}

function isZeros(bytes: Buffer, from: number): boolean {
  for (let at = from; at < bytes.length; at++) if (bytes[at] !== 0) return false;
  return true;
}
