import { isObject } from '../decode/json.js';

/** The name of the event that a refused message would have been; undefined where its bytes do not say. */
export function eventOf(bytes: Uint8Array): string | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return isObject(value) && typeof value.event === 'string' ? value.event : undefined;
  } catch {
    return undefined;
  }
}
