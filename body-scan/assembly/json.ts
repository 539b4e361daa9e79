/**
 * A strict reader of JSON (RFC 8259) over UTF-8 that the caller has validated. Each function takes the place where something
 * begins and returns the place behind it; 0 means "not plain": either no JSON, or something that has to be looked at more
 * closely: a key with an escape or named `__proto__`, a number that may not be exact, an escape that may make a text
 * unstorable, nesting beyond the limit. What is not plain is for the slow path; what is plain is certainly acceptable.
 *
 * Strings are skipped 16 bytes at a time. Zeros behind the body end every loop: no JSON holds a zero byte.
 */
import {
  BACKSLASH,
  byteAt,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  DOT,
  isDigit,
  MINUS,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  spells,
  ZERO,
} from './bytes';

/** Levels of objects and arrays in a message, itself being the first. */
export const MAX_DEPTH: i32 = 32;
/** Every whole number of so many digits is exact. */
const EXACT_DIGITS: usize = 15;

/** Set when a string held an escape; whoever cares clears it before. */
export let sawEscape: bool = false;

export function clearEscape(): void {
  sawEscape = false;
}

export function skipSpace(from: usize): usize {
  let at = from;
  let byte = byteAt(at);
  while (byte <= 0x20 && (byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09)) byte = byteAt(++at);
  return at;
}

/** From behind the opening quote to the closing quote itself. */
export function skipText(from: usize): usize {
  let at = from;
  while (true) {
    const chunk = v128.load(at);
    const special = v128.or(
      v128.or(i8x16.eq(chunk, i8x16.splat(0x22)), i8x16.eq(chunk, i8x16.splat(0x5c))),
      i8x16.lt_u(chunk, i8x16.splat(0x20)),
    );
    const mask = i8x16.bitmask(special);
    if (mask == 0) {
      at += 16;
      continue;
    }
    at += ctz(mask);
    const byte = byteAt(at);
    if (byte == QUOTE) return at;
    if (byte != BACKSLASH) return 0;
    sawEscape = true;
    at = skipEscape(at);
    if (at == 0) return 0;
  }
}

function skipEscape(at: usize): usize {
  switch (byteAt(at + 1)) {
    case 0x22: // "
    case 0x5c: // \
    case 0x2f: // /
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return at + 2;
    case 0x75: // u
      return skipCodeUnit(at);
    default:
      return 0;
  }
}

/** A `\u` escape, or the pair of two that makes one character; not NUL and no half of a pair, which cannot be stored. */
function skipCodeUnit(at: usize): usize {
  const unit = codeUnit(at + 2);
  if (unit <= 0) return 0;
  if (unit < 0xd800 || unit > 0xdfff) return at + 6;
  if (unit > 0xdbff || byteAt(at + 6) != BACKSLASH || byteAt(at + 7) != 0x75) return 0;
  const low = codeUnit(at + 8);
  return low >= 0xdc00 && low <= 0xdfff ? at + 12 : 0;
}

/** Four hexadecimal digits; -1 when they are not. */
function codeUnit(at: usize): i32 {
  let unit = 0;
  for (let i: usize = 0; i < 4; i++) {
    const byte = <i32>byteAt(at + i);
    let digit = byte - 0x30;
    if (digit < 0 || digit > 9) {
      digit = (byte | 0x20) - 0x61 + 10;
      if (digit < 10 || digit > 15) return -1;
    }
    unit = (unit << 4) | digit;
  }
  return unit;
}

export function skipNumber(from: usize): usize {
  let at = byteAt(from) == MINUS ? from + 1 : from;
  const first = byteAt(at);
  if (!isDigit(first)) return 0;
  const digits = at++;
  if (first != ZERO) {
    while (isDigit(byteAt(at))) at++;
    if (at - digits > EXACT_DIGITS) return 0;
  }
  let byte = byteAt(at);
  if (byte == DOT) {
    if (!isDigit(byteAt(++at))) return 0;
    do byte = byteAt(++at);
    while (isDigit(byte));
  }
  return (byte | 0x20) == 0x65 ? 0 : at;
}

/** A value whose first byte is at `from`; `depth` is the level that a container there would be. */
export function skipValue(from: usize, depth: i32): usize {
  const byte = byteAt(from);
  if (byte == QUOTE) {
    const end = skipText(from + 1);
    return end == 0 ? 0 : end + 1;
  }
  if (byte == OPEN_BRACE) return skipObject(from, depth);
  if (byte == OPEN_BRACKET) return skipArray(from, depth);
  if (byte == 0x74) return load<u32>(from) == 0x65757274 ? from + 4 : 0; // true
  if (byte == 0x66) return load<u32>(from + 1) == 0x65736c61 ? from + 5 : 0; // false
  if (byte == 0x6e) return isNull(from) ? from + 4 : 0;
  return skipNumber(from);
}

export function isNull(at: usize): bool {
  return load<u32>(at) == 0x6c6c756e;
}

export function skipObject(from: usize, depth: i32): usize {
  if (depth > MAX_DEPTH) return 0;
  let at = skipSpace(from + 1);
  if (byteAt(at) == CLOSE_BRACE) return at + 1;
  while (true) {
    if (byteAt(at) != QUOTE) return 0;
    const key = at + 1;
    const keyEnd = skipKey(key);
    if (keyEnd == 0) return 0;
    at = skipSpace(keyEnd + 1);
    if (byteAt(at) != COLON) return 0;
    at = skipValue(skipSpace(at + 1), depth + 1);
    if (at == 0) return 0;
    at = skipSpace(at);
    const byte = byteAt(at);
    if (byte == COMMA) at = skipSpace(at + 1);
    else return byte == CLOSE_BRACE ? at + 1 : 0;
  }
}

/** A key, from behind its opening quote to its closing quote. */
export function skipKey(from: usize): usize {
  sawEscape = false;
  const end = skipText(from);
  if (sawEscape) return 0;
  return end - from == 9 && byteAt(from) == 0x5f && spells(from, '__proto__') ? 0 : end;
}

function skipArray(from: usize, depth: i32): usize {
  if (depth > MAX_DEPTH) return 0;
  let at = skipSpace(from + 1);
  if (byteAt(at) == CLOSE_BRACKET) return at + 1;
  while (true) {
    at = skipValue(at, depth + 1);
    if (at == 0) return 0;
    at = skipSpace(at);
    const byte = byteAt(at);
    if (byte == COMMA) at = skipSpace(at + 1);
    else return byte == CLOSE_BRACKET ? at + 1 : 0;
  }
}
