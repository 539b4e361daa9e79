import { fault, type Fault } from '../errors.js';
import { jsonPointer } from './json-pointer.js';
import { MESSAGE_LIMITS } from './limits.js';
import { isStorableText } from './storable-text.js';

/**
 * Whether every value, at any depth, can be kept exactly and stored anywhere: no key `__proto__`, no NUL or lone
 * surrogate, no number beyond ±(2^53−1), no nesting beyond the limit. The first fault in document order, or undefined.
 */
export function findContentFault(value: unknown): Fault | undefined {
  return find(value, 1, []);
}

function find(value: unknown, depth: number, path: PropertyKey[]): Fault | undefined {
  switch (typeof value) {
    case 'string':
      return isStorableText(value) ? undefined : fault('invalid_string', undefined, jsonPointer(path));
    case 'number':
      return Math.abs(value) <= Number.MAX_SAFE_INTEGER
        ? undefined
        : fault('number_out_of_range', undefined, jsonPointer(path));
    case 'object':
      return value === null ? undefined : findInContainer(value, depth, path);
    default:
      return undefined;
  }
}

function findInContainer(value: object, depth: number, path: PropertyKey[]): Fault | undefined {
  if (depth > MESSAGE_LIMITS.depth) {
    return fault(
      'too_deep',
      `The message is nested more deeply than ${MESSAGE_LIMITS.depth} levels.`,
      jsonPointer(path),
    );
  }
  const entries: [PropertyKey, unknown][] = Array.isArray(value)
    ? value.map((item: unknown, index) => [index, item])
    : Object.entries(value);
  for (const [key, item] of entries) {
    path.push(key);
    if (key === '__proto__') return fault('forbidden_key', undefined, jsonPointer(path));
    if (typeof key === 'string' && !isStorableText(key)) {
      return fault('invalid_string', 'A key holds a NUL character or a lone surrogate.', jsonPointer(path));
    }
    const found = find(item, depth + 1, path);
    if (found !== undefined) return found;
    path.pop();
  }
  return undefined;
}
