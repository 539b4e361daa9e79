import type { z } from 'zod';
import { ERRORS, fault, type ErrorCode, type Fault } from '../errors.js';
import { fastCheck, isBelievable, NOT_PLAIN, type Surroundings } from './fast-check.js';
import { jsonPointer } from './json-pointer.js';
import { MESSAGE_LIMITS } from './limits.js';
import { messageSchema } from './schemas.js';
import { parseTimestamp } from './timestamps.js';

export interface ValidationOptions extends Partial<Surroundings> {
  /** When the message was received, milliseconds since the epoch. */
  receivedAtMs: number;
  /** Size of the message's JSON as sent, bytes of UTF-8, when it is known. */
  bytes?: number;
}

/**
 * Judges one parsed message: undefined when it is acceptable, otherwise its first fault, with the JSON pointer of the
 * field and the reason. Never throws for a value that came out of JSON.
 */
export function validateMessage(message: unknown, options: ValidationOptions): Fault | undefined {
  const around: Surroundings = {
    receivedAtMs: options.receivedAtMs,
    batchSentAtMs: options.batchSentAtMs ?? NaN,
    impliedType: options.impliedType,
    checkStrings: options.checkStrings ?? true,
  };
  const tooLarge = options.bytes === undefined ? undefined : findSizeFault(options.bytes);
  if (tooLarge !== undefined) return tooLarge;
  return fastCheck(message, around) === NOT_PLAIN ? explainMessage(message, around) : undefined;
}

export function findSizeFault(bytes: number): Fault | undefined {
  if (bytes <= MESSAGE_LIMITS.messageBytes) return undefined;
  return fault(
    'message_too_large',
    `The message has ${bytes} bytes; the limit is ${MESSAGE_LIMITS.messageBytes}.`,
  );
}

/** The verdict of the schemas, slow and with a reason; what `fastCheck` refuses goes through here. */
export function explainMessage(message: unknown, around: Surroundings): Fault | undefined {
  const typed = withType(message, around.impliedType);
  const result = messageSchema.safeParse(typed);
  if (!result.success) return explainIssue(result.error.issues[0]!, typed);
  return findTimeFault(message as Readonly<Record<string, unknown>>, around);
}

function withType(message: unknown, impliedType: string | undefined): unknown {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return message;
  const { type } = message as { type?: unknown };
  return (type ?? null) === null && impliedType !== undefined ? { ...message, type: impliedType } : message;
}

function findTimeFault(message: Readonly<Record<string, unknown>>, around: Surroundings): Fault | undefined {
  const timeAt = (name: string): number => {
    const value = message[name];
    return typeof value === 'string' ? parseTimestamp(value) : NaN;
  };
  const timestampMs = timeAt('timestamp');
  if (isBelievable(timestampMs, timeAt('originalTimestamp'), timeAt('sentAt'), around)) return undefined;
  const field = Number.isNaN(timestampMs) ? 'originalTimestamp' : 'timestamp';
  return fault(
    'timestamp_out_of_range',
    `\`${field}\` (corrected by \`sentAt\` where there is one) lies before the year 2000 or more than 24 hours ahead.`,
    `/${field}`,
  );
}

function explainIssue(issue: z.core.$ZodIssue, message: unknown): Fault {
  if (issue.code === 'custom' && isFault(issue.params?.['fault'])) return issue.params['fault'];
  const code: ErrorCode = Object.hasOwn(ERRORS, issue.message)
    ? (issue.message as ErrorCode)
    : 'invalid_request';
  if (issue.path.length === 0) return fault(code);
  const found = valueAt(message, issue.path);
  return fault(code, `${ERRORS[code].text} Found ${describe(found)}.`, jsonPointer(issue.path));
}

function isFault(value: unknown): value is Fault {
  return typeof value === 'object' && value !== null && 'code' in value;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Readonly<Record<PropertyKey, unknown>>)[step];
  }
  return at;
}

/** What was found, without quoting it: a value may be long or private. */
function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'string') {
    return value === '' ? 'an empty string' : `a string of ${value.length} characters`;
  }
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
