import type { ByteRange, MessageType } from '@sluice/contracts';
import { isUtf8 } from 'node:buffer';
import { loadScanModule } from './scan-module.js';

/**
 * What a body holds that was found to be plain: JSON whose every message has the form, the ids and the values that the
 * schemas ask for, within all limits but those that depend on the time of receipt and on other parts of the request.
 */
export interface ScannedBody {
  readonly count: number;
  /** The body's own write key. */
  readonly writeKey: string | undefined;
  /** The write key of the first message of a batch that has one. */
  readonly messageWriteKey: string | undefined;
  /** `sentAt` of a batch, milliseconds since the epoch; NaN when there is none. */
  readonly sentAtMs: number;
  /** Where the value of a batch's `sentAt` lies. */
  readonly sentAt: ByteRange | undefined;
  /** Whether message `index` names its type. */
  hasType(index: number): boolean;
  hasMessageId(index: number): boolean;
  /** Where message `index` lies. */
  range(index: number): ByteRange;
  /** The event's name, of a track message; undefined for others. */
  event(index: number): string | undefined;
  /** Where the properties of message `index` lie; undefined when it has none. */
  properties(index: number): ByteRange | undefined;
  /** The device of message `index`, as `deviceKeyOf` names it. */
  device(index: number): string;
  /** Whether that device is the one of the message before. */
  isSameDevice(index: number): boolean;
  /** Milliseconds since the epoch; NaN when the message does not say it. */
  timestampMs(index: number): number;
  originalTimestampMs(index: number): number;
  messageSentAtMs(index: number): number;
}

export interface BodyScanner {
  /**
   * Scans a body without parsing it. Undefined when the body is not plain: it may be faulty, or it holds what takes a
   * closer look (a key or an id with an escape, a shared context, a number beyond 15 digits …). Nothing of the answer is
   * shared with later calls, but it refers to `body`.
   */
  scan(
    body: Buffer,
    shape: 'single' | 'batch',
    impliedType: MessageType | undefined,
  ): ScannedBody | undefined;
  /** Where the elements of `batch` lie in a body; undefined when the body is not plain, or has none. */
  findElements(body: Uint8Array): ByteRange[] | undefined;
}

const TYPES: readonly MessageType[] = ['track', 'identify', 'page', 'screen', 'group', 'alias'];

// Places in the results, in words of four and eight bytes: see `assembly/layout.ts`.
const COUNT = 0;
const WRITE_KEY = 1;
const MESSAGE_WRITE_KEY = 3;
const SENT_AT = 5;
const SENT_AT_MS = 4;
const ENTRY_START = 0;
const ENTRY_END = 1;
const ENTRY_TYPE = 2;
const ENTRY_FLAGS = 3;
const ENTRY_DEVICE = 4;
const ENTRY_TIMESTAMP = 3;
const ENTRY_ORIGINAL = 4;
const ENTRY_SENT_AT = 5;
const ENTRY_EVENT = 12;
const ENTRY_PROPERTIES = 14;
const HAS_MESSAGE_ID = 1;
const SAME_DEVICE = 2;

export function createBodyScanner(): BodyScanner {
  const module = loadScanModule();
  const memory = new Uint8Array(module.memory.buffer);
  const bodyAt = module.bodyAt();
  const maxBodyBytes = module.maxBodyBytes();
  const headAt = module.headAt();
  const headBytes = module.headBytes();
  const entryBytes = module.entryBytes();

  function take(body: Uint8Array): boolean {
    if (body.length > maxBodyBytes || !isUtf8(body)) return false;
    memory.set(body, bodyAt);
    return true;
  }

  return {
    scan(body, shape, impliedType) {
      if (!take(body)) return undefined;
      const type = impliedType === undefined ? 0 : TYPES.indexOf(impliedType) + 1;
      if (module.scan(body.length, shape === 'batch' ? 1 : 0, type) === 0) return undefined;
      const count = new Int32Array(memory.buffer, headAt, 1)[COUNT]!;
      const results = memory.buffer.slice(headAt, headAt + headBytes + count * entryBytes);
      return readResults(body, results, headBytes, entryBytes);
    },
    findElements(body) {
      if (!take(body)) return undefined;
      const count = module.skipElements(body.length);
      if (count === -1) return undefined;
      const places = new Int32Array(memory.buffer, headAt, count * 2);
      return Array.from({ length: count }, (_, index) => ({
        start: places[2 * index]!,
        end: places[2 * index + 1]!,
      }));
    },
  };
}

function readResults(body: Buffer, results: ArrayBuffer, headBytes: number, entryBytes: number): ScannedBody {
  const words = new Int32Array(results);
  const times = new Float64Array(results);
  const word = (index: number, place: number): number => words[(headBytes + index * entryBytes) / 4 + place]!;
  const time = (index: number, place: number): number => times[(headBytes + index * entryBytes) / 8 + place]!;
  const text = (place: number): string | undefined =>
    words[place + 1] === 0 ? undefined : body.toString('utf8', words[place], words[place + 1]);
  return {
    count: words[COUNT]!,
    writeKey: text(WRITE_KEY),
    messageWriteKey: text(MESSAGE_WRITE_KEY),
    sentAtMs: times[SENT_AT_MS]!,
    sentAt: words[SENT_AT + 1] === 0 ? undefined : { start: words[SENT_AT]!, end: words[SENT_AT + 1]! },
    hasType: (index) => word(index, ENTRY_TYPE) !== 0,
    hasMessageId: (index) => (word(index, ENTRY_FLAGS) & HAS_MESSAGE_ID) !== 0,
    event(index) {
      const end = word(index, ENTRY_EVENT + 1);
      return end === 0 ? undefined : body.toString('utf8', word(index, ENTRY_EVENT), end);
    },
    properties(index) {
      const end = word(index, ENTRY_PROPERTIES + 1);
      return end === 0 ? undefined : { start: word(index, ENTRY_PROPERTIES), end };
    },
    range: (index) => ({ start: word(index, ENTRY_START), end: word(index, ENTRY_END) }),
    device: (index) => body.toString('utf8', word(index, ENTRY_DEVICE), word(index, ENTRY_DEVICE + 1)),
    isSameDevice: (index) => (word(index, ENTRY_FLAGS) & SAME_DEVICE) !== 0,
    timestampMs: (index) => time(index, ENTRY_TIMESTAMP),
    originalTimestampMs: (index) => time(index, ENTRY_ORIGINAL),
    messageSentAtMs: (index) => time(index, ENTRY_SENT_AT),
  };
}
