import { NO_BYTES, NO_POOL, type BytePool } from '../byte-pool.js';

/**
 * Columns of ClickHouse's Native format, as bytes outside the garbage collector's reach. A block of that format spares the
 * engine what costs it most in lines of text: finding the values, and looking every one of a LowCardinality column up.
 *
 * Source of the format: the documentation of ClickHouse, Native Format, and the serializations in its sources. All numbers
 * are little-endian; nothing is escaped.
 */
export interface Column {
  /** The column's values of these rows, of all when there is no choice, in order. */
  encode(kept?: Uint32Array): readonly Uint8Array[];
  /** Gives its memory back; it must not be used again, nor what it was encoded to. */
  release(): void;
}

export interface FixedColumn extends Column {
  /** Makes room for one more value and returns where its bytes begin; they are not cleared. */
  grow(): number;
  /** To write values with, by the place that `grow` gave. Others after the next `grow`. */
  readonly view: DataView;
  readonly bytes: Uint8Array;
}

const FIRST_ROWS = 1_024;

/** Values of a fixed number of bytes. */
export function createFixedColumn(width: number, pool: BytePool): FixedColumn {
  let bytes = pool.take(FIRST_ROWS * width);
  let view = viewOf(bytes);
  let length = 0;
  return {
    grow() {
      const start = length;
      length += width;
      if (length > bytes.length) {
        bytes = enlarged(pool, bytes, length, start);
        view = viewOf(bytes);
      }
      return start;
    },
    get view() {
      return view;
    },
    get bytes() {
      return bytes;
    },
    encode(kept) {
      if (kept === undefined) return [bytes.subarray(0, length)];
      const chosen = Buffer.allocUnsafeSlow(kept.length * width);
      for (const [index, row] of kept.entries())
        bytes.copy(chosen, index * width, row * width, (row + 1) * width);
      return [chosen];
    },
    release() {
      pool.giveBack(bytes);
      bytes = NO_BYTES;
      view = viewOf(bytes);
    },
  };
}

export interface TextColumn extends Column {
  append(value: string): void;
}

const FIRST_TEXT_BYTES = 64 * 1024;
const MAX_BYTES_PER_UNIT = 3;
const MAX_LENGTH_BYTES = 5;
/** Up to this length a loop is faster than the call. */
const SHORT = 48;

/** Strings: each after its length. */
export function createTextColumn(pool: BytePool, firstBytes = FIRST_TEXT_BYTES): TextColumn {
  let bytes = pool.take(firstBytes);
  let at = 0;

  function appendShortAscii(value: string): boolean {
    const start = at + 1;
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code >= 0x80) return false;
      bytes[start + i] = code;
    }
    bytes[at] = value.length;
    at = start + value.length;
    return true;
  }

  return {
    append(value) {
      const most = at + MAX_LENGTH_BYTES + value.length * MAX_BYTES_PER_UNIT;
      if (most > bytes.length) bytes = enlarged(pool, bytes, most, at);
      if (value.length <= SHORT && appendShortAscii(value)) return;
      // Written where it belongs if it is ASCII, and once more where it does if its length takes more bytes.
      const guessed = lengthBytes(value.length);
      const written = bytes.write(value, at + guessed);
      const needed = lengthBytes(written);
      if (needed !== guessed) bytes.write(value, at + needed);
      at = writeLength(bytes, at, written) + written;
    },
    encode(kept) {
      return kept === undefined ? [bytes.subarray(0, at)] : chooseTexts(bytes, kept);
    },
    release() {
      pool.giveBack(bytes);
      bytes = NO_BYTES;
    },
  };
}

function chooseTexts(bytes: Buffer, kept: Uint32Array): Uint8Array[] {
  const chosen: Uint8Array[] = [];
  let at = 0;
  let row = 0;
  for (const wanted of kept) {
    for (; row < wanted; row++) at = textEnd(bytes, at);
    const end = textEnd(bytes, at);
    chosen.push(bytes.subarray(at, end));
    at = end;
    row++;
  }
  return chosen;
}

/** The position after the string that starts at `from`. */
function textEnd(bytes: Buffer, from: number): number {
  let at = from;
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]!;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return at + length;
  }
}

/**
 * Strings of which there are few: each once, and the number of its own for every row.
 */
export interface DictionaryColumn extends Column {
  append(value: string): void;
}

export function createDictionaryColumn(pool: BytePool): DictionaryColumn {
  const numbers = createNumbers(pool);
  const dictionary = createDictionary();
  // Neighbouring rows have the same, mostly.
  let last: string | undefined;
  let lastNumber = 0;
  return {
    append(value) {
      if (value !== last) {
        last = value;
        lastNumber = dictionary.numberOf(value);
      }
      numbers.append(lastNumber);
    },
    encode: (kept) => encodeDictionary(dictionary.texts(), numbers.chosen(kept)),
    release: () => numbers.release(),
  };
}

/** Numbers of the rows, one each: what several dictionaries of the same rows share. */
export interface Numbers {
  append(value: number): void;
  chosen(kept?: Uint32Array): Uint32Array;
  release(): void;
}

export function createNumbers(pool: BytePool): Numbers {
  let bytes = pool.take(FIRST_ROWS * 4);
  let values = new Uint32Array(bytes.buffer);
  let count = 0;
  return {
    append(value) {
      if (count === values.length) {
        bytes = enlarged(pool, bytes, (count + 1) * 4, count * 4);
        values = new Uint32Array(bytes.buffer);
      }
      values[count++] = value;
    },
    chosen: (kept) => (kept === undefined ? values.subarray(0, count) : kept.map((row) => values[row]!)),
    release() {
      pool.giveBack(bytes);
      bytes = NO_BYTES;
      values = new Uint32Array(0);
    },
  };
}

/** Texts, numbered in the order in which they come. */
export function createDictionary(): { numberOf(text: string): number; texts(): readonly string[] } {
  const known = new Map<string, number>();
  return {
    numberOf(text) {
      let number = known.get(text);
      if (number === undefined) {
        number = known.size;
        known.set(text, number);
      }
      return number;
    },
    texts: () => [...known.keys()],
  };
}

/** Values of a JSON column, each as its text: ClickHouse reads them by the settings of the insert. */
export function asJson(texts: TextColumn): Column {
  const form = Buffer.alloc(8);
  form.writeUInt32LE(JSON_AS_TEXT, 0);
  return { encode: (kept) => [form, ...texts.encode(kept)], release: () => texts.release() };
}

const JSON_AS_TEXT = 1;
const DICTIONARY_VERSION = 1;
const HAS_ADDITIONAL_KEYS = 1 << 9;
const NEEDS_UPDATE = 1 << 10;

/** A LowCardinality(String): what stands in front of its numbers, its texts, and its numbers in as few bytes as they take. */
export function encodeDictionary(texts: readonly string[], numbers: Uint32Array): Uint8Array[] {
  const keys = createTextColumn(NO_POOL);
  for (const text of texts) keys.append(text);
  const width = texts.length <= 0x100 ? 1 : texts.length <= 0x1_0000 ? 2 : 4;
  const widthCode = width === 1 ? 0 : width === 2 ? 1 : 2;
  const head = Buffer.alloc(24);
  head.writeUInt32LE(DICTIONARY_VERSION, 0);
  head.writeUInt32LE(widthCode | HAS_ADDITIONAL_KEYS | NEEDS_UPDATE, 8);
  head.writeUInt32LE(texts.length, 16);
  const count = Buffer.alloc(8);
  count.writeUInt32LE(numbers.length, 0);
  return [head, ...keys.encode(), count, encodeNumbers(numbers, width)];
}

function encodeNumbers(numbers: Uint32Array, width: 1 | 2 | 4): Uint8Array {
  if (width === 1) return new Uint8Array(numbers);
  const bytes = Buffer.allocUnsafeSlow(numbers.length * width);
  const view = viewOf(bytes);
  for (let row = 0; row < numbers.length; row++) {
    if (width === 2) view.setUint16(row * 2, numbers[row]!, true);
    else view.setUint32(row * 4, numbers[row]!, true);
  }
  return bytes;
}

/** A block: its columns by name and type, with these rows of theirs, of all when there is no choice. */
export function encodeBlock(
  columns: readonly (readonly [name: string, type: string, column: Column])[],
  rows: number,
  kept?: Uint32Array,
): Buffer {
  const count = kept?.length ?? rows;
  return Buffer.concat([
    encodeBlockHead(columns.length, count),
    // A column without values has nothing behind its type, not even what else stands in front of them.
    ...columns.flatMap(([name, type, column]) => [
      ...encodeColumnHead(name, type),
      ...(count === 0 ? [] : column.encode(kept)),
    ]),
  ]);
}

/** What stands in front of a block's columns. */
function encodeBlockHead(columns: number, rows: number): Uint8Array {
  const head = Buffer.alloc(2 * MAX_LENGTH_BYTES);
  return head.subarray(0, writeLength(head, writeLength(head, 0, columns), rows));
}

/** What stands in front of a column's values. */
function encodeColumnHead(name: string, type: string): Uint8Array[] {
  const head = createTextColumn(NO_POOL, 256);
  head.append(name);
  head.append(type);
  return [...head.encode()];
}

function lengthBytes(length: number): number {
  return length < 2 ** 7 ? 1 : length < 2 ** 14 ? 2 : length < 2 ** 21 ? 3 : length < 2 ** 28 ? 4 : 5;
}

/** Seven bits a byte, the lowest first; returns the position after them. */
function writeLength(bytes: Buffer, start: number, length: number): number {
  let at = start;
  let left = length;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes[at++] = (left % 0x80) | 0x80;
  bytes[at++] = left;
  return at;
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function enlarged(
  pool: BytePool,
  bytes: Buffer<ArrayBuffer>,
  needed: number,
  used: number,
): Buffer<ArrayBuffer> {
  const larger = pool.take(Math.max(needed, bytes.length * 2));
  bytes.copy(larger, 0, 0, used);
  pool.giveBack(bytes);
  return larger;
}
