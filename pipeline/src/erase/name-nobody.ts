import { isObject, type JsonValue } from '../decode/json.js';

/** What stands in a note where an erased person's id was. */
export const NOBODY = '[erased]';

/** Takes ids out of what people have written. */
export const nameNobody = {
  /** Text: an id counts where it stands alone, not as a part of a longer word. */
  inText(text: string, ids: readonly string[]): string {
    return longestFirst(ids).reduce(
      (left, id) =>
        left.replace(new RegExp(`(?<![\\p{L}\\p{N}_])${escaped(id)}(?![\\p{L}\\p{N}_])`, 'gu'), NOBODY),
      text,
    );
  },

  /** JSON text: values that are the id. The text comes back as it was when there is none. */
  inJson(text: string, ids: readonly string[]): string {
    const named = new Set(ids);
    const value = JSON.parse(text) as JsonValue;
    const changed = replaceTexts(value, (of) => (named.has(of) ? NOBODY : of));
    return JSON.stringify(changed) === JSON.stringify(value) ? text : JSON.stringify(changed);
  },
};

function replaceTexts(value: JsonValue, replace: (text: string) => string): JsonValue {
  if (typeof value === 'string') return replace(value);
  if (Array.isArray(value)) return value.map((item) => replaceTexts(item, replace));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, replaceTexts(item ?? null, replace)]),
  );
}

function longestFirst(ids: readonly string[]): string[] {
  return [...ids].sort((a, b) => b.length - a.length);
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
