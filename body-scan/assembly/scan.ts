import {
  byteAt,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  spells,
} from './bytes';
import { isNull, skipKey, skipSpace, skipValue } from './json';
import {
  BODY,
  ENTRIES,
  ENTRY_BYTES,
  HEAD,
  HEAD_BYTES,
  MAX_BODY_BYTES,
  MAX_MESSAGES,
  PADDING,
} from './layout';
import {
  forgetDevice,
  lastValueAt,
  lastValueEnd,
  lastValueMs,
  readKey,
  readSentAt,
  scanMessage,
  writeKeyAt,
  writeKeyEnd,
} from './message';

export { skipElements } from './elements';

export function bodyAt(): usize {
  return BODY;
}

export function maxBodyBytes(): usize {
  return MAX_BODY_BYTES;
}

export function headAt(): usize {
  return HEAD;
}

export function headBytes(): usize {
  return HEAD_BYTES;
}

export function entryBytes(): usize {
  return ENTRY_BYTES;
}

const BATCH: i32 = 1;
const SENT_AT: i32 = 2;
const WRITE_KEY: i32 = 4;
const CONTEXT: i32 = 8;
const INTEGRATIONS: i32 = 16;
const OTHER: i32 = 0;

/**
 * Scans a body of `length` bytes at `bodyAt()`: a batch, or (with the type that the address named) one message. Returns
 * whether all of it is plain; then head and entries are written.
 */
export function scan(length: usize, isBatch: bool, impliedType: i32): bool {
  const end = BODY + length;
  memory.fill(end, 0, PADDING);
  memory.fill(HEAD, 0, HEAD_BYTES);
  store<f64>(HEAD, NaN, 32);
  forgetDevice();
  const from = skipSpace(BODY);
  const to = isBatch ? scanBatchBody(from) : scanSingle(from, impliedType);
  return to != 0 && skipSpace(to) == end;
}

function scanSingle(from: usize, impliedType: i32): usize {
  const to = scanMessage(from, BODY, impliedType, ENTRIES);
  store<i32>(HEAD, 1);
  if (writeKeyAt != 0) writeRange(4, writeKeyAt, writeKeyEnd);
  return to;
}

function scanBatchBody(from: usize): usize {
  if (byteAt(from) != OPEN_BRACE) return 0;
  let seen = 0;
  let at = skipSpace(from + 1);
  while (true) {
    if (byteAt(at) != QUOTE) return 0;
    const key = at + 1;
    const keyEnd = skipKey(key);
    if (keyEnd == 0) return 0;
    at = skipSpace(keyEnd + 1);
    if (byteAt(at) != COLON) return 0;
    at = skipSpace(at + 1);
    const member = memberOf(key, keyEnd - key);
    if ((seen & member) != 0) return 0;
    seen |= member;
    at = readMember(member, at);
    if (at == 0) return 0;
    at = skipSpace(at);
    const byte = byteAt(at);
    if (byte == COMMA) at = skipSpace(at + 1);
    else return byte == CLOSE_BRACE && (seen & BATCH) != 0 ? at + 1 : 0;
  }
}

function memberOf(key: usize, length: usize): i32 {
  switch (<i32>length) {
    case 5:
      return spells(key, 'batch') ? BATCH : OTHER;
    case 6:
      return spells(key, 'sentAt') ? SENT_AT : OTHER;
    case 7:
      return spells(key, 'context') ? CONTEXT : OTHER;
    case 8:
      return spells(key, 'writeKey') ? WRITE_KEY : OTHER;
    case 12:
      return spells(key, 'integrations') ? INTEGRATIONS : OTHER;
    default:
      return OTHER;
  }
}

function readMember(member: i32, from: usize): usize {
  let end: usize;
  switch (member) {
    case BATCH:
      return scanBatch(from);
    case SENT_AT:
      end = readSentAt(from);
      if (end == 0) return 0;
      store<f64>(HEAD, lastValueMs(), 32);
      writeRange(20, from, end);
      return end;
    case WRITE_KEY:
      end = readKey(from);
      if (end != 0 && lastValueAt() != 0) writeRange(4, lastValueAt(), lastValueEnd());
      return end;
    // What a batch shares belongs to every message of it: that is for the slow path.
    case CONTEXT:
    case INTEGRATIONS:
      return isNull(from) ? from + 4 : 0;
    default:
      return skipValue(from, 2);
  }
}

function scanBatch(from: usize): usize {
  if (byteAt(from) != OPEN_BRACKET) return 0;
  let count = 0;
  let hasKey = false;
  let at = skipSpace(from + 1);
  while (true) {
    if (count == MAX_MESSAGES) return 0;
    at = scanMessage(at, BODY, 0, ENTRIES + <usize>count * ENTRY_BYTES);
    if (at == 0) return 0;
    if (writeKeyAt != 0 && !hasKey) {
      hasKey = true;
      writeRange(12, writeKeyAt, writeKeyEnd);
    }
    count++;
    at = skipSpace(at);
    const byte = byteAt(at);
    if (byte == COMMA) {
      at = skipSpace(at + 1);
    } else {
      store<i32>(HEAD, count);
      return byte == CLOSE_BRACKET ? at + 1 : 0;
    }
  }
}

function writeRange(offset: usize, start: usize, end: usize): void {
  store<i32>(HEAD + offset, <i32>(start - BODY));
  store<i32>(HEAD + offset + 4, <i32>(end - BODY));
}
