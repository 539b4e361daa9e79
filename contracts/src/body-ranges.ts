/** A range of bytes: `[start, end)`. */
export interface ByteRange {
  start: number;
  end: number;
}

export interface BodyRanges {
  /** The values of the object's own keys; of a key that is there twice, the last, as JSON.parse has it. */
  members: ReadonlyMap<string, ByteRange>;
  /** The elements of the array under `batch`; empty when there is no such array. */
  elements: readonly ByteRange[];
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Finds where the parts of a body lie in its bytes, so that they can be passed on as the client wrote them. `body` must be
 * a JSON object that JSON.parse has accepted; it is not checked again.
 */
export function findElements(body: Uint8Array): BodyRanges {
  const members = new Map<string, ByteRange>();
  let at = skipSpace(body, 0) + 1;
  for (;;) {
    at = skipSpace(body, at);
    if (body[at] === COMMA) at = skipSpace(body, at + 1);
    if (body[at] !== QUOTE) break;
    const keyEnd = skipString(body, at);
    const key = JSON.parse(Buffer.from(body.subarray(at, keyEnd)).toString()) as string;
    const start = skipSpace(body, skipSpace(body, keyEnd) + 1);
    at = skipValue(body, start);
    members.set(key, { start, end: at });
  }
  const batch = members.get('batch');
  return { members, elements: batch === undefined ? [] : elementsOf(body, batch) };
}

function elementsOf(body: Uint8Array, array: ByteRange): ByteRange[] {
  const elements: ByteRange[] = [];
  if (body[array.start] !== OPEN_BRACKET) return elements;
  let at = skipSpace(body, array.start + 1);
  while (at < array.end - 1) {
    const end = skipValue(body, at);
    elements.push({ start: at, end });
    at = skipSpace(body, end);
    if (body[at] === COMMA) at = skipSpace(body, at + 1);
  }
  return elements;
}

function skipSpace(body: Uint8Array, from: number): number {
  let at = from;
  // Space, tab, line feed and carriage return: no other byte of JSON outside strings is as small.
  while (at < body.length && body[at]! <= 0x20) at++;
  return at;
}

/** The position after the string that starts at `from`. */
function skipString(body: Uint8Array, from: number): number {
  let at = from + 1;
  for (;;) {
    const byte = body[at];
    if (byte === QUOTE || byte === undefined) return at + 1;
    at += byte === BACKSLASH ? 2 : 1;
  }
}

/** The position after the value that starts at `from`. */
function skipValue(body: Uint8Array, from: number): number {
  const first = body[from];
  if (first === QUOTE) return skipString(body, from);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return skipContainer(body, from);
  let at = from;
  while (at < body.length && !endsScalar(body[at]!)) at++;
  return at;
}

function endsScalar(byte: number): boolean {
  return byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || byte === COLON || byte <= 0x20;
}

function skipContainer(body: Uint8Array, from: number): number {
  let depth = 0;
  let at = from;
  // Every byte of a batch passes here; JSON that was accepted closes what it opens, so nothing checks for the end.
  for (;;) {
    const kind = KINDS[body[at++]!]!;
    if (kind === PLAIN) continue;
    if (kind === STRING) {
      let byte = body[at++]!;
      while (byte !== QUOTE) {
        if (byte === BACKSLASH) at++;
        byte = body[at++]!;
      }
    } else if (kind === OPEN) {
      depth++;
    } else if (--depth === 0) {
      return at;
    }
  }
}

const PLAIN = 0;
const STRING = 1;
const OPEN = 2;
const CLOSE = 3;
const KINDS = new Uint8Array(256);
KINDS[QUOTE] = STRING;
KINDS[OPEN_BRACE] = OPEN;
KINDS[OPEN_BRACKET] = OPEN;
KINDS[CLOSE_BRACE] = CLOSE;
KINDS[CLOSE_BRACKET] = CLOSE;
