import { toStorableText } from './storable-text.js';

/** Longer pointers are cut: a key may be as long as a message, its pointer travels in headers and answers. */
const MAX_POINTER_LENGTH = 256;

/** RFC 6901 pointer of a path; always storable text. */
export function jsonPointer(path: readonly PropertyKey[]): string {
  let pointer = '';
  for (const step of path) {
    pointer += `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (pointer.length > MAX_POINTER_LENGTH) {
      pointer = `${pointer.slice(0, MAX_POINTER_LENGTH - 1)}…`;
      break;
    }
  }
  return toStorableText(pointer);
}
