import { clientTime } from '../decode/timestamps.js';
import { isObject, type JsonValue } from '../decode/json.js';

/** Under these keys, messages name people. */
const ID_KEYS: ReadonlySet<string> = new Set([
  'userId',
  'anonymousId',
  'previousId',
  'user_id',
  'anonymous_id',
]);
/** Bytes that are no JSON still show what they name, as a rule. */
const LOOSE_ID = /"(?:userId|anonymousId|previousId|user_id|anonymous_id)"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)/g;

/**
 * The ids of people that a refused message names, wherever in it they stand: it may be a whole batch, or broken. Of bytes
 * that are no JSON, what looks like an id.
 */
export function idsNamedBy(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes).toString('utf8');
  const ids = new Set<string>();
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    for (const [, literal = ''] of text.matchAll(LOOSE_ID)) note(ids, parseLiteral(literal));
    return [...ids];
  }
  // A list of what is left to look at: letters may be nested more deeply than the stack is high.
  const left: JsonValue[] = [value];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (Array.isArray(next)) left.push(...next);
    else if (isObject(next)) {
      for (const [key, item] of Object.entries(next)) {
        if (item === undefined) continue;
        if (ID_KEYS.has(key)) note(ids, item);
        left.push(item);
      }
    }
  }
  return [...ids];
}

/** When a refused message says that it happened, milliseconds since the epoch; undefined where it says nothing of use. */
export function timeNamedBy(bytes: Uint8Array): number | undefined {
  try {
    const value = JSON.parse(Buffer.from(bytes).toString('utf8')) as JsonValue;
    return isObject(value) ? clientTime(value.timestamp ?? value.originalTimestamp) : undefined;
  } catch {
    return undefined;
  }
}

function note(ids: Set<string>, id: JsonValue | undefined): void {
  if (typeof id === 'string' && id !== '') ids.add(id);
  if (typeof id === 'number') ids.add(String(id));
}

function parseLiteral(literal: string): JsonValue | undefined {
  try {
    return JSON.parse(literal) as JsonValue;
  } catch {
    return undefined;
  }
}
