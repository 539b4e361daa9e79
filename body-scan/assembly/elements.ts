import { byteAt, CLOSE_BRACKET, COLON, COMMA, OPEN_BRACE, OPEN_BRACKET, QUOTE, spells } from './bytes';
import { skipKey, skipSpace, skipValue } from './json';
import { BODY, HEAD, MAX_MESSAGES, PADDING } from './layout';

/**
 * Finds the elements of the array under `batch` in a body of `length` bytes and writes `i32 start, i32 end` of each from
 * `headAt()` on. Returns how many there are; -1 when the body is not plain, or has two keys `batch`.
 */
export function skipElements(length: usize): i32 {
  memory.fill(BODY + length, 0, PADDING);
  let at = skipSpace(BODY);
  if (byteAt(at) != OPEN_BRACE) return -1;
  let count = -1;
  at = skipSpace(at + 1);
  while (true) {
    if (byteAt(at) != QUOTE) return -1;
    const key = at + 1;
    const keyEnd = skipKey(key);
    if (keyEnd == 0) return -1;
    at = skipSpace(keyEnd + 1);
    if (byteAt(at) != COLON) return -1;
    at = skipSpace(at + 1);
    if (keyEnd - key == 5 && spells(key, 'batch')) {
      if (count != -1 || byteAt(at) != OPEN_BRACKET) return -1;
      count = 0;
      at = skipSpace(at + 1);
      if (byteAt(at) == CLOSE_BRACKET) {
        at++;
      } else {
        while (true) {
          if (count == MAX_MESSAGES) return -1;
          const start = at;
          at = skipValue(at, 1);
          if (at == 0) return -1;
          const entry = HEAD + ((<usize>count) << 3);
          store<i32>(entry, <i32>(start - BODY));
          store<i32>(entry, <i32>(at - BODY), 4);
          count++;
          at = skipSpace(at);
          const byte = byteAt(at++);
          if (byte == CLOSE_BRACKET) break;
          if (byte != COMMA) return -1;
          at = skipSpace(at);
        }
      }
    } else {
      at = skipValue(at, 2);
      if (at == 0) return -1;
    }
    at = skipSpace(at);
    if (byteAt(at) != COMMA) return count;
    at = skipSpace(at + 1);
  }
}
