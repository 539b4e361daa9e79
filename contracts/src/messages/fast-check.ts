import { MESSAGE_LIMITS } from './limits.js';
import { isStorableText } from './storable-text.js';
import { parseTimestamp } from './timestamps.js';
import type { MessageType } from './schemas.js';

/** What a message is judged against; one object serves all messages of a request. */
export interface Surroundings {
  /** When the message was received, milliseconds since the epoch. */
  receivedAtMs: number;
  /** `sentAt` of the batch, milliseconds since the epoch; NaN when there is none. */
  batchSentAtMs: number;
  /** The type that the address named, for a message that has none. */
  impliedType: MessageType | undefined;
  /** False when no string can hold a NUL or a lone surrogate: valid UTF-8 without a `\u` escape has neither. */
  checkStrings: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/** What `fastCheck` returns for a message that needs `explainMessage`. */
export const NOT_PLAIN = -1;

/**
 * Whether a message is acceptable, without allocating: the same verdict as the schema (property-tested), many times as
 * fast, but no reason. Returns a lower bound of the message's size as JSON in bytes, or NOT_PLAIN.
 */
export function fastCheck(message: unknown, around: Surroundings): number {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return NOT_PLAIN;
  const fields = message as Fields;
  if (!fieldsAreValid(fields, fields['type'] ?? around.impliedType)) return NOT_PLAIN;
  if (!timesAreValid(fields, around)) return NOT_PLAIN;
  return around.checkStrings ? weighStrictly(message, 1) : weigh(message, 1);
}

function fieldsAreValid(fields: Fields, type: unknown): boolean {
  switch (type) {
    case 'track': {
      const event = fields['event'];
      if (typeof event !== 'string' || event.length === 0 || event.length > MESSAGE_LIMITS.nameLength) {
        return false;
      }
      if (!isOptionalObject(fields['properties'])) return false;
      break;
    }
    case 'page':
    case 'screen':
      if (!isOptionalObject(fields['properties'])) return false;
      if (!isOptionalName(fields['name']) || !isOptionalName(fields['category'])) return false;
      break;
    case 'identify':
      if (!isOptionalObject(fields['traits'])) return false;
      break;
    case 'group':
      if (!isOptionalObject(fields['traits']) || !isPresent(fields['groupId'])) return false;
      break;
    case 'alias':
      if (!isOptionalObject(fields['traits']) || !isPresent(fields['previousId'])) return false;
      break;
    default:
      return false;
  }
  if (!isOptionalObject(fields['context']) || !isOptionalObject(fields['integrations'])) return false;
  const { userId, anonymousId, groupId, previousId, messageId } = fields;
  if (!isOptionalId(userId, MESSAGE_LIMITS.idLength)) return false;
  if (!isOptionalId(anonymousId, MESSAGE_LIMITS.idLength)) return false;
  if (!isOptionalId(groupId, MESSAGE_LIMITS.idLength)) return false;
  if (!isOptionalId(previousId, MESSAGE_LIMITS.idLength)) return false;
  if (!isOptionalId(messageId, MESSAGE_LIMITS.messageIdLength)) return false;
  return isPresent(anonymousId) || isPresent(userId) || isPresent(groupId) || isPresent(previousId);
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

function isOptionalId(value: unknown, maxLength: number): boolean {
  if (typeof value === 'string') return value.length <= maxLength;
  return value === undefined || value === null || typeof value === 'number';
}

function isOptionalObject(value: unknown): boolean {
  if (typeof value === 'object') return !Array.isArray(value);
  return value === undefined;
}

function isOptionalName(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= MESSAGE_LIMITS.nameLength;
  return value === undefined || value === null;
}

const ABSENT = NaN;
/** Stands for a time that is there and is not one; no real time is that early. */
const MALFORMED = -Infinity;

function timesAreValid(fields: Fields, around: Surroundings): boolean {
  const timestampMs = readTime(fields['timestamp']);
  const originalMs = readTime(fields['originalTimestamp']);
  const sentAtMs = readTime(fields['sentAt']);
  if (timestampMs === MALFORMED || originalMs === MALFORMED || sentAtMs === MALFORMED) return false;
  return isBelievable(timestampMs, originalMs, sentAtMs, around);
}

function readTime(value: unknown): number {
  if (value === undefined || value === null) return ABSENT;
  if (typeof value !== 'string') return MALFORMED;
  const ms = parseTimestamp(value);
  return Number.isNaN(ms) ? MALFORMED : ms;
}

/**
 * Whether the instant at which a message happened can be believed. Both of the client's times come from one clock, so
 * its error cancels: what happened, happened `sentAt − timestamp` before its receipt. Times are NaN when absent.
 */
export function isBelievable(
  timestampMs: number,
  originalMs: number,
  sentAtMs: number,
  around: Pick<Surroundings, 'receivedAtMs' | 'batchSentAtMs'>,
): boolean {
  const happenedMs = Number.isNaN(timestampMs) ? originalMs : timestampMs;
  if (Number.isNaN(happenedMs)) return true;
  const sentMs = Number.isNaN(sentAtMs) ? around.batchSentAtMs : sentAtMs;
  const correctedMs = Number.isNaN(sentMs) ? happenedMs : around.receivedAtMs - (sentMs - happenedMs);
  return (
    correctedMs >= MESSAGE_LIMITS.earliestMs && correctedMs <= around.receivedAtMs + MESSAGE_LIMITS.futureMs
  );
}

/** Lower bound of a container's size as JSON, or NOT_PLAIN when something in it is not acceptable. */
function weigh(value: object, depth: number): number {
  if (depth > MESSAGE_LIMITS.depth) return NOT_PLAIN;
  let size = 2;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const item: unknown = value[i];
      if (typeof item === 'string') size += item.length + 3;
      else {
        const weight = weighValue(item, depth);
        if (weight === NOT_PLAIN) return NOT_PLAIN;
        size += weight + 1;
      }
    }
    return value.length > 0 ? size - 1 : size;
  }
  for (const key in value) {
    if (key === '__proto__') return NOT_PLAIN;
    const item = (value as Fields)[key];
    // The key, its quotes, the colon and a comma.
    size += key.length + 4;
    if (typeof item === 'string') size += item.length + 2;
    else {
      const weight = weighValue(item, depth);
      if (weight === NOT_PLAIN) return NOT_PLAIN;
      size += weight;
    }
  }
  return size > 2 ? size - 1 : size;
}

function weighValue(item: unknown, depth: number): number {
  if (typeof item === 'object') return item === null ? 4 : weigh(item, depth + 1);
  // Written so that NaN is out of range, too.
  if (typeof item === 'number') {
    return item <= Number.MAX_SAFE_INTEGER && item >= -Number.MAX_SAFE_INTEGER ? 1 : NOT_PLAIN;
  }
  return typeof item === 'boolean' ? 4 : 0;
}

/** As `weigh`, and looks at every string and key. */
function weighStrictly(value: object, depth: number): number {
  return everyTextIsStorable(value, depth) ? weigh(value, depth) : NOT_PLAIN;
}

function everyTextIsStorable(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return isStorableText(value);
  if (typeof value !== 'object' || value === null) return true;
  // Deeper is refused by `weigh`.
  if (depth > MESSAGE_LIMITS.depth) return true;
  if (Array.isArray(value)) return value.every((item) => everyTextIsStorable(item, depth + 1));
  for (const key in value) {
    if (!isStorableText(key) || !everyTextIsStorable((value as Fields)[key], depth + 1)) return false;
  }
  return true;
}
