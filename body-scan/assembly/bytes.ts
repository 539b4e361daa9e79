export const QUOTE: u8 = 0x22;
export const COMMA: u8 = 0x2c;
export const MINUS: u8 = 0x2d;
export const DOT: u8 = 0x2e;
export const ZERO: u8 = 0x30;
export const NINE: u8 = 0x39;
export const COLON: u8 = 0x3a;
export const OPEN_BRACKET: u8 = 0x5b;
export const BACKSLASH: u8 = 0x5c;
export const CLOSE_BRACKET: u8 = 0x5d;
export const OPEN_BRACE: u8 = 0x7b;
export const CLOSE_BRACE: u8 = 0x7d;

export function byteAt(at: usize): u8 {
  return load<u8>(at);
}

export function isDigit(byte: u8): bool {
  return byte - ZERO <= 9;
}

/**
 * Whether the bytes at `at` are the characters of an ASCII text of at most 16. The caller has compared the length. The
 * text's two-byte characters are narrowed, so that one comparison looks at all of them; what is read beyond either end
 * does not count.
 */
export function spells(at: usize, text: string): bool {
  const from = changetype<usize>(text);
  const narrow = i8x16.narrow_i16x8_u(v128.load(from), v128.load(from + 16));
  const wanted = (1 << text.length) - 1;
  return (i8x16.bitmask(i8x16.eq(narrow, v128.load(at))) & wanted) == wanted;
}

export function sameBytes(a: usize, aEnd: usize, b: usize, bEnd: usize): bool {
  const length = aEnd - a;
  if (bEnd - b != length) return false;
  for (let i: usize = 0; i < length; i++) {
    if (load<u8>(a + i) != load<u8>(b + i)) return false;
  }
  return true;
}
