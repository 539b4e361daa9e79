import {
  byteAt,
  CLOSE_BRACE,
  COLON,
  COMMA,
  OPEN_BRACE,
  QUOTE,
  sameBytes,
  spells,
  MINUS,
  ZERO,
  isDigit,
} from './bytes';
import {
  clearEscape,
  isNull,
  sawEscape,
  skipKey,
  skipNumber,
  skipObject,
  skipSpace,
  skipText,
  skipValue,
} from './json';
import { HAS_MESSAGE_ID, HAS_WRITE_KEY, SAME_DEVICE } from './layout';
import { readTimestamp } from './timestamp';

const MAX_ID_BYTES: usize = 512;
const MAX_MESSAGE_ID_BYTES: usize = 99;
const MAX_NAME_BYTES: usize = 1_024;

const TRACK: i32 = 1;
const GROUP: i32 = 5;
const ALIAS: i32 = 6;

/** Keys that a message has been seen to have, one bit each: of a key that is there twice, only the last counts. */
const TYPE: i32 = 1;
const EVENT: i32 = 1 << 1;
const USER_ID: i32 = 1 << 2;
const ANONYMOUS_ID: i32 = 1 << 3;
const GROUP_ID: i32 = 1 << 4;
const PREVIOUS_ID: i32 = 1 << 5;
const MESSAGE_ID: i32 = 1 << 6;
const TIMESTAMP: i32 = 1 << 7;
const ORIGINAL_TIMESTAMP: i32 = 1 << 8;
const SENT_AT: i32 = 1 << 9;
const NAME: i32 = 1 << 10;
const CATEGORY: i32 = 1 << 11;
const PROPERTIES: i32 = 1 << 12;
const TRAITS: i32 = 1 << 13;
const CONTEXT: i32 = 1 << 14;
const INTEGRATIONS: i32 = 1 << 15;
const WRITE_KEY: i32 = 1 << 16;
const OTHER: i32 = 0;

// What is known of the message at hand. Places are absolute; a start of 0 means that there is none.
let type: i32 = 0;
let eventAt: usize = 0;
let eventEnd: usize = 0;
let propertiesAt: usize = 0;
let propertiesEnd: usize = 0;
let userIdAt: usize = 0;
let userIdEnd: usize = 0;
let anonymousIdAt: usize = 0;
let anonymousIdEnd: usize = 0;
let groupIdAt: usize = 0;
let groupIdEnd: usize = 0;
let previousIdAt: usize = 0;
let previousIdEnd: usize = 0;
let hasMessageId: bool = false;
let timestampMs: f64 = NaN;
let originalMs: f64 = NaN;
let sentAtMs: f64 = NaN;

/** The last write key that `scanMessage` met. */
export let writeKeyAt: usize = 0;
export let writeKeyEnd: usize = 0;

// Of the value that was read last.
let valueAt: usize = 0;
let valueEnd: usize = 0;
let valueMs: f64 = NaN;

// The device of the message before.
let deviceAt: usize = 0;
let deviceEnd: usize = 0;

/** Before the first message of a body. */
export function forgetDevice(): void {
  deviceAt = 0;
  deviceEnd = 0;
}

/**
 * Reads one message and writes its entry. `base` is the place of the body's first byte. 0 when the message is not plain:
 * then nothing is known of it.
 */
export function scanMessage(from: usize, base: usize, impliedType: i32, entry: usize): usize {
  type = 0;
  eventAt = 0;
  propertiesAt = 0;
  userIdAt = 0;
  anonymousIdAt = 0;
  groupIdAt = 0;
  previousIdAt = 0;
  hasMessageId = false;
  timestampMs = NaN;
  originalMs = NaN;
  sentAtMs = NaN;
  writeKeyAt = 0;

  const end = scanMembers(from);
  const effectiveType = type == 0 ? impliedType : type;
  if (end == 0 || !isWhole(effectiveType)) return 0;
  if (effectiveType != TRACK) eventAt = 0;
  writeEntry(entry, from - base, end - base, base);
  return end;
}

function scanMembers(from: usize): usize {
  if (byteAt(from) != OPEN_BRACE) return 0;
  let seen = 0;
  let at = skipSpace(from + 1);
  if (byteAt(at) == CLOSE_BRACE) return at + 1;
  while (true) {
    if (byteAt(at) != QUOTE) return 0;
    const key = at + 1;
    const keyEnd = skipKey(key);
    if (keyEnd == 0) return 0;
    at = skipSpace(keyEnd + 1);
    if (byteAt(at) != COLON) return 0;
    at = skipSpace(at + 1);
    const member = memberOf(key, keyEnd - key);
    if (member == OTHER) {
      at = skipValue(at, 2);
    } else {
      if ((seen & member) != 0) return 0;
      seen |= member;
      at = readMember(member, at);
    }
    if (at == 0) return 0;
    at = skipSpace(at);
    const byte = byteAt(at);
    if (byte == COMMA) at = skipSpace(at + 1);
    else return byte == CLOSE_BRACE ? at + 1 : 0;
  }
}

function memberOf(key: usize, length: usize): i32 {
  switch (<i32>length) {
    case 4:
      if (spells(key, 'type')) return TYPE;
      return spells(key, 'name') ? NAME : OTHER;
    case 5:
      return spells(key, 'event') ? EVENT : OTHER;
    case 6:
      if (spells(key, 'userId')) return USER_ID;
      if (spells(key, 'sentAt')) return SENT_AT;
      return spells(key, 'traits') ? TRAITS : OTHER;
    case 7:
      if (spells(key, 'context')) return CONTEXT;
      return spells(key, 'groupId') ? GROUP_ID : OTHER;
    case 8:
      if (spells(key, 'writeKey')) return WRITE_KEY;
      return spells(key, 'category') ? CATEGORY : OTHER;
    case 9:
      if (spells(key, 'messageId')) return MESSAGE_ID;
      return spells(key, 'timestamp') ? TIMESTAMP : OTHER;
    case 10:
      if (spells(key, 'properties')) return PROPERTIES;
      return spells(key, 'previousId') ? PREVIOUS_ID : OTHER;
    case 11:
      return spells(key, 'anonymousId') ? ANONYMOUS_ID : OTHER;
    case 12:
      return spells(key, 'integrations') ? INTEGRATIONS : OTHER;
    case 17:
      return spells(key, 'originalTimesta') && spells(key + 15, 'mp') ? ORIGINAL_TIMESTAMP : OTHER;
    default:
      return OTHER;
  }
}

function readMember(member: i32, from: usize): usize {
  let end: usize;
  switch (member) {
    case TYPE:
      return readType(from);
    case EVENT:
      clearEscape();
      end = readText(from, MAX_NAME_BYTES);
      if (end == 0 || sawEscape) return 0;
      eventAt = valueAt;
      eventEnd = valueEnd;
      return end;
    case NAME:
    case CATEGORY:
      return isNull(from) ? from + 4 : readText(from, MAX_NAME_BYTES);
    case PROPERTIES:
      if (isNull(from)) return from + 4;
      if (byteAt(from) != OPEN_BRACE) return 0;
      end = skipObject(from, 2);
      propertiesAt = from;
      propertiesEnd = end;
      return end;
    case TRAITS:
    case CONTEXT:
    case INTEGRATIONS:
      if (byteAt(from) == OPEN_BRACE) return skipObject(from, 2);
      return isNull(from) ? from + 4 : 0;
    case USER_ID:
      end = readId(from, MAX_ID_BYTES);
      userIdAt = valueAt;
      userIdEnd = valueEnd;
      return end;
    case ANONYMOUS_ID:
      end = readId(from, MAX_ID_BYTES);
      anonymousIdAt = valueAt;
      anonymousIdEnd = valueEnd;
      return end;
    case GROUP_ID:
      end = readId(from, MAX_ID_BYTES);
      groupIdAt = valueAt;
      groupIdEnd = valueEnd;
      return end;
    case PREVIOUS_ID:
      end = readId(from, MAX_ID_BYTES);
      previousIdAt = valueAt;
      previousIdEnd = valueEnd;
      return end;
    case MESSAGE_ID:
      end = readId(from, MAX_MESSAGE_ID_BYTES);
      hasMessageId = valueAt != 0;
      return end;
    case TIMESTAMP:
      end = readTime(from);
      timestampMs = valueMs;
      return end;
    case ORIGINAL_TIMESTAMP:
      end = readTime(from);
      originalMs = valueMs;
      return end;
    case SENT_AT:
      end = readTime(from);
      sentAtMs = valueMs;
      return end;
    case WRITE_KEY:
      end = readKey(from);
      writeKeyAt = valueAt;
      writeKeyEnd = valueEnd;
      return end;
    default:
      return 0;
  }
}

function readType(from: usize): usize {
  if (isNull(from)) return from + 4;
  if (byteAt(from) != QUOTE) return 0;
  const at = from + 1;
  const end = skipText(at);
  if (end == 0) return 0;
  type = typeOf(at, end - at);
  return type == 0 ? 0 : end + 1;
}

function typeOf(at: usize, length: usize): i32 {
  switch (<i32>length) {
    case 4:
      return spells(at, 'page') ? 3 : 0;
    case 5:
      if (spells(at, 'track')) return TRACK;
      if (spells(at, 'group')) return GROUP;
      return spells(at, 'alias') ? ALIAS : 0;
    case 6:
      return spells(at, 'screen') ? 4 : 0;
    case 8:
      return spells(at, 'identify') ? 2 : 0;
    default:
      return 0;
  }
}

/** A string of at most so many bytes, which has at most as many characters. Leaves it in `valueAt`, `valueEnd`. */
function readText(from: usize, maxBytes: usize): usize {
  if (byteAt(from) != QUOTE) return 0;
  valueAt = from + 1;
  valueEnd = skipText(valueAt);
  return valueEnd == 0 || valueEnd - valueAt > maxBytes ? 0 : valueEnd + 1;
}

/**
 * An id as it would be as text, left in `valueAt`, `valueEnd`; a `valueAt` of 0 for null and an empty text. Numbers are
 * taken when their digits are their text.
 */
function readId(from: usize, maxBytes: usize): usize {
  valueAt = 0;
  if (isNull(from)) return from + 4;
  if (byteAt(from) == QUOTE) {
    clearEscape();
    const end = readText(from, maxBytes);
    if (end == 0 || sawEscape) return 0;
    if (valueEnd == valueAt) valueAt = 0;
    return end;
  }
  const end = skipNumber(from);
  if (end == 0 || !isPlainInteger(from, end)) return 0;
  valueAt = from;
  valueEnd = end;
  return end;
}

/** Digits, perhaps behind a minus sign; -0 is written as 0 and so is none. */
function isPlainInteger(from: usize, end: usize): bool {
  let at = from;
  if (byteAt(at) == MINUS && byteAt(++at) == ZERO) return false;
  while (at < end) if (!isDigit(byteAt(at++))) return false;
  return true;
}

/** A time that is a string in the usual form, or null. Leaves it in `valueMs`. */
function readTime(from: usize): usize {
  valueMs = NaN;
  if (isNull(from)) return from + 4;
  if (byteAt(from) != QUOTE) return 0;
  const at = from + 1;
  const end = skipText(at);
  if (end == 0) return 0;
  valueMs = readTimestamp(at, end);
  return isNaN(valueMs) ? 0 : end + 1;
}

/** A write key; what is no string is none. Leaves it in `valueAt`, `valueEnd`; a `valueAt` of 0 when there is none. */
export function readKey(from: usize): usize {
  if (byteAt(from) == QUOTE) return readId(from, MAX_ID_BYTES);
  valueAt = 0;
  return skipValue(from, 2);
}

export function readSentAt(from: usize): usize {
  return readTime(from);
}

export function lastValueAt(): usize {
  return valueAt;
}

export function lastValueEnd(): usize {
  return valueEnd;
}

export function lastValueMs(): f64 {
  return valueMs;
}

/** Whether the message has what its type must have. */
function isWhole(effectiveType: i32): bool {
  if (effectiveType == 0) return false;
  if (effectiveType == TRACK && (eventAt == 0 || eventAt == eventEnd)) return false;
  if (effectiveType == GROUP && groupIdAt == 0) return false;
  if (effectiveType == ALIAS && previousIdAt == 0) return false;
  return (anonymousIdAt | userIdAt | groupIdAt | previousIdAt) != 0;
}

function writeEntry(entry: usize, start: usize, end: usize, base: usize): void {
  let at = groupIdAt;
  let to = groupIdEnd;
  if (anonymousIdAt != 0) {
    at = anonymousIdAt;
    to = anonymousIdEnd;
  } else if (userIdAt != 0) {
    at = userIdAt;
    to = userIdEnd;
  } else if (previousIdAt != 0) {
    at = previousIdAt;
    to = previousIdEnd;
  }
  let flags = hasMessageId ? HAS_MESSAGE_ID : 0;
  if (writeKeyAt != 0) flags |= HAS_WRITE_KEY;
  if (sameBytes(at, to, deviceAt, deviceEnd)) flags |= SAME_DEVICE;
  deviceAt = at;
  deviceEnd = to;
  store<i32>(entry, <i32>start, 0);
  store<i32>(entry, <i32>end, 4);
  store<i32>(entry, type, 8);
  store<i32>(entry, flags, 12);
  store<i32>(entry, <i32>(at - base), 16);
  store<i32>(entry, <i32>(to - base), 20);
  store<f64>(entry, timestampMs, 24);
  store<f64>(entry, originalMs, 32);
  store<f64>(entry, sentAtMs, 40);
  writeRange(entry + 48, eventAt, eventEnd, base);
  writeRange(entry + 56, propertiesAt, propertiesEnd, base);
}

function writeRange(to: usize, at: usize, end: usize, base: usize): void {
  store<i32>(to, at == 0 ? 0 : <i32>(at - base));
  store<i32>(to, at == 0 ? 0 : <i32>(end - base), 4);
}
