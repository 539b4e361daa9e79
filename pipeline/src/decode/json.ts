/** A value that came out of JSON. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue | undefined;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object under `key`, or an empty one: for reading optional parts of a message. */
export function objectAt(parent: JsonObject, key: string): JsonObject {
  const value = Object.hasOwn(parent, key) ? parent[key] : undefined;
  return isObject(value) ? value : EMPTY;
}

/** The non-empty string under `key`, or an empty one. */
export function textAt(parent: JsonObject, key: string): string {
  const value = Object.hasOwn(parent, key) ? parent[key] : undefined;
  return typeof value === 'string' ? value : '';
}

const EMPTY: JsonObject = Object.freeze({});

/** An escape that may stand for a NUL or for half of a surrogate pair: a cheap reason to look closer. */
const SUSPECT_ESCAPE = /\\u(?:0000|[dD][89a-fA-F])/;
const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/;

/** True when JSON text may hold a string that Postgres refuses. */
export function hasSuspectEscape(jsonText: string): boolean {
  return SUSPECT_ESCAPE.test(jsonText);
}

export function isStorable(text: string): boolean {
  return !text.includes('\0') && !LONE_SURROGATE.test(text);
}

/** `text` without what Postgres refuses in text. */
export function toStorable(text: string): string {
  if (isStorable(text)) return text;
  return text.replaceAll('\0', '\uFFFD').replace(new RegExp(LONE_SURROGATE, 'g'), '\uFFFD');
}

/** JSON pointer of the first string or key that Postgres would refuse; undefined when there is none. */
export function findUnstorable(value: JsonValue | undefined, pointer = ''): string | undefined {
  if (typeof value === 'string') return isStorable(value) ? undefined : pointer;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const found = findUnstorable(item, `${pointer}/${index}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (!isObject(value)) return undefined;
  for (const [key, item] of Object.entries(value)) {
    const below = `${pointer}/${toStorable(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (!isStorable(key)) return below;
    const found = findUnstorable(item, below);
    if (found !== undefined) return found;
  }
  return undefined;
}
