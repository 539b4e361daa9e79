import { isStorableText } from '@sluice/contracts';
import { isObject, asObject, type JsonObject } from '../decode/json.js';

/** The place of a message among all that its page or process sent, as the SDK says it. */
export interface Sequence {
  stream: string;
  /** From 1. */
  seq: number;
  /** Messages of the stream that the SDK itself dropped until then. */
  dropped: number;
}

const MAX_STREAM_LENGTH = 64;

/** Reads `context.sluice`; undefined when a message has none, or none that can be counted on. */
export function readSequence(context: JsonObject): Sequence | undefined {
  const { stream, seq, dropped } = asObject(context.sluice);
  if (typeof stream !== 'string' || stream === '' || stream.length > MAX_STREAM_LENGTH) return undefined;
  if (!isStorableText(stream) || !isCount(seq) || seq === 0) return undefined;
  return { stream, seq, dropped: sumOf(dropped) };
}

function sumOf(dropped: unknown): number {
  if (!isObject(dropped)) return 0;
  const sum = Object.values(dropped).reduce<number>((total, n) => (isCount(n) ? total + n : total), 0);
  return isCount(sum) ? sum : 0;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
