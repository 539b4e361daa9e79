/**
 * Lines of text as bytes outside the garbage collector's reach. A batch holds megabytes of them for a second or two; as
 * strings they would be copied and traced again and again.
 */
export interface LineBuffer {
  /** Adds text and returns where its bytes begin; they end where the next ones begin, at `length`. */
  append(text: string): number;
  /** Overwrites bytes with Latin-1 text of the same length. */
  patch(at: number, text: string): void;
  /** The bytes from `start` to `end`, not copied. */
  slice(start: number, end: number): Buffer;
  readonly length: number;
}

const MAX_BYTES_PER_UNIT = 3;

export function createLineBuffer(expectedBytes: number): LineBuffer {
  let buffer = Buffer.allocUnsafeSlow(Math.max(expectedBytes, 64 * 1024));
  let length = 0;
  return {
    append(text) {
      const start = length;
      const needed = start + text.length * MAX_BYTES_PER_UNIT;
      if (needed > buffer.length) {
        const larger = Buffer.allocUnsafeSlow(Math.max(needed, buffer.length * 2));
        buffer.copy(larger, 0, 0, length);
        buffer = larger;
      }
      length += buffer.write(text, start);
      return start;
    },
    patch(at, text) {
      buffer.write(text, at, 'latin1');
    },
    slice: (start, end) => buffer.subarray(start, end),
    get length() {
      return length;
    },
  };
}

/** A run of bytes. */
export interface Span {
  start: number;
  end: number;
}

/** The same bytes as fewer, longer runs: neighbours become one. */
export function joinSpans(spans: readonly Span[]): Span[] {
  const joined: Span[] = [];
  for (const { start, end } of spans) {
    const last = joined.at(-1);
    if (last?.end === start) last.end = end;
    else joined.push({ start, end });
  }
  return joined;
}
