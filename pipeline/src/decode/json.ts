import { isStorableText, toStorableText } from '@sluice/contracts';

/** A value that came out of JSON. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue | undefined;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * A part of a message, or an empty object where there is none. Parts are named by their own names where they are read
 * (`asObject(message.context)`): a function that is given names looks all of them up the slow way.
 */
export function asObject(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : EMPTY;
}

/** A text of a message, or an empty one where there is none. */
export function asText(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

const EMPTY: JsonObject = Object.freeze({});

/** An escape that may stand for a NUL or for half of a surrogate pair: a cheap reason to look closer. */
const SUSPECT_ESCAPE = /\\u(?:0000|[dD][89a-fA-F])/;

/** True when JSON text may hold a string that Postgres refuses. */
export function hasSuspectEscape(jsonText: string): boolean {
  return jsonText.includes('\\u') && SUSPECT_ESCAPE.test(jsonText);
}

/** JSON pointer of the first string or key that Postgres would refuse; undefined when there is none. */
export function findUnstorable(value: JsonValue | undefined, pointer = ''): string | undefined {
  if (typeof value === 'string') return isStorableText(value) ? undefined : pointer;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const found = findUnstorable(item, `${pointer}/${index}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (!isObject(value)) return undefined;
  for (const [key, item] of Object.entries(value)) {
    const below = `${pointer}/${toStorableText(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (!isStorableText(key)) return below;
    const found = findUnstorable(item, below);
    if (found !== undefined) return found;
  }
  return undefined;
}
