import {
  decodeRecordMeta,
  fault,
  findElements,
  type ByteRange,
  type ErrorCode,
  type MessagesMeta,
  type RejectedMeta,
} from '@sluice/contracts';
import type { LogRecord } from '@sluice/event-log';
import { isUtf8 } from 'node:buffer';
import {
  decodeMessage,
  type DecodedMessage,
  type MessageOutcome,
  type MessageSurroundings,
} from './decode-message.js';
import { hasSuspectEscape, isObject, type JsonObject, type JsonValue } from './json.js';

export type { DecodedMessage } from './decode-message.js';

/** What could not become an event, with all that is needed to see why and to try again. */
export interface DeadLetter {
  /** Null when not even the project could be read. */
  projectId: number | null;
  source: 'gateway' | 'pipeline';
  code: string;
  message: string;
  /** JSON pointer into the message. */
  field: string | null;
  messageId: string | null;
  offset: number;
  /** Position of the message in its record; -1 when the letter is the whole record. */
  recordIndex: number;
  receivedAtMs: number | null;
  headers: Readonly<Record<string, string>>;
  bytes: Uint8Array;
  /** How many messages that the gateway accepted this letter accounts for. */
  accepted: number;
}

/** What the log says of one record: the ledger's side of the account. */
export interface RecordAccount {
  projectId: number;
  receivedAtMs: number;
  logged: number;
  rejected: number;
}

export interface DecodedRecord {
  messages: DecodedMessage[];
  deadLetters: DeadLetter[];
  /** Undefined when the record's meta could not be read, so that it belongs to no project. */
  account: RecordAccount | undefined;
}

/** Where the messages lie in a batch body that JSON.parse has accepted. */
export type FindElements = (body: Uint8Array) => readonly ByteRange[];

/** Turns a record of the log into its messages. Never throws: what cannot be decoded comes back as a dead letter. */
export function decodeRecord(
  record: LogRecord,
  elementsOf: FindElements = (body) => findElements(body).elements,
): DecodedRecord {
  const decoded = decodeRecordMeta(record.headers);
  if (!decoded.ok) {
    const letter = wholeRecord(record, null, 0, decoded.reason);
    return { messages: [], deadLetters: [letter], account: undefined };
  }
  const { meta } = decoded;
  return meta.kind === 'rejected' ? decodeRejected(record, meta) : decodeMessages(record, meta, elementsOf);
}

function decodeRejected(record: LogRecord, meta: RejectedMeta): DecodedRecord {
  const letter: DeadLetter = {
    projectId: meta.projectId,
    source: 'gateway',
    code: meta.code,
    message: meta.message,
    field: meta.field ?? null,
    messageId: meta.messageId ?? null,
    offset: record.offset,
    recordIndex: meta.index,
    receivedAtMs: meta.receivedAtMs,
    headers: record.headers,
    bytes: record.value,
    accepted: 0,
  };
  return { messages: [], deadLetters: [letter], account: accountOf(meta, 0, 1) };
}

function decodeMessages(record: LogRecord, meta: MessagesMeta, elementsOf: FindElements): DecodedRecord {
  const account = accountOf(meta, meta.count, 0);
  const broken = (reason: string): DecodedRecord => ({
    messages: [],
    deadLetters: [wholeRecord(record, meta, meta.count, reason)],
    account,
  });
  const text = Buffer.from(record.value.buffer, record.value.byteOffset, record.value.byteLength).toString(
    'utf8',
  );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return broken(`The value is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isObject(value)) return broken('The value is not a JSON object.');
  let items: JsonValue[] = [value];
  let parent: JsonObject = {};
  if (meta.shape === 'batch') {
    if (!Array.isArray(value.batch)) return broken('The value holds no array `batch`.');
    items = value.batch;
    parent = value;
  }
  const skipped = new Set(meta.skip);
  const found = items.length - [...skipped].filter((index) => index < items.length).length;
  if (found !== meta.count) {
    return broken(`The record speaks of ${meta.count} messages, its value holds ${found}.`);
  }

  const suspect = hasSuspectEscape(text);
  const bytes = bytesOfMessages(record, meta, parent, elementsOf);
  const result: DecodedRecord = { messages: [], deadLetters: [], account };
  for (const [index, item] of items.entries()) {
    if (skipped.has(index)) continue;
    const outcome = decodeSafely(item, {
      meta,
      parent,
      index,
      offset: record.offset,
      bytes: bytes?.[index],
      suspect,
    });
    if (outcome.ok) {
      result.messages.push(outcome.message);
    } else {
      result.deadLetters.push({
        projectId: meta.projectId,
        source: 'pipeline',
        code: outcome.fault.code,
        message: outcome.fault.message,
        field: outcome.fault.field ?? null,
        messageId: messageIdOf(item, meta, index),
        offset: record.offset,
        recordIndex: index,
        receivedAtMs: meta.receivedAtMs,
        headers: record.headers,
        bytes: meta.shape === 'single' ? record.value : bytesOf(item),
        accepted: 1,
      });
    }
  }
  return result;
}

/**
 * Where each message lies in a record that was parsed; undefined when none will be stored as it is there: the messages of
 * a batch with a context of its own are not, and bytes that are not UTF-8 cannot be.
 */
function bytesOfMessages(
  { value }: LogRecord,
  { shape }: MessagesMeta,
  { context, integrations }: JsonObject,
  elementsOf: FindElements,
): Uint8Array[] | undefined {
  if (isObject(context) || isObject(integrations) || !isUtf8(value)) return undefined;
  if (shape === 'single') return [value];
  return elementsOf(value).map(({ start, end }) => value.subarray(start, end));
}

/** Nesting beyond the stack is the one thing that makes decoding throw. */
function decodeSafely(item: JsonValue, around: MessageSurroundings): MessageOutcome {
  try {
    return decodeMessage(item, around);
  } catch (error) {
    if (error instanceof RangeError) return { ok: false, fault: fault('too_deep') };
    throw error;
  }
}

/** The bytes of one message of a batch: its JSON. */
function bytesOf(item: JsonValue | undefined): Uint8Array {
  try {
    return Buffer.from(JSON.stringify(item ?? null));
  } catch {
    // Too deep to be written again; the record itself stays in the log.
    return Buffer.from('null');
  }
}

/** The bytes of one message of a record that decodes. */
export function messageBytes(record: LogRecord, index: number): Uint8Array {
  const decoded = decodeRecordMeta(record.headers);
  if (!decoded.ok || decoded.meta.kind === 'rejected' || decoded.meta.shape === 'single') return record.value;
  const { batch } = JSON.parse(Buffer.from(record.value).toString('utf8')) as { batch: JsonValue[] };
  return bytesOf(batch[index]);
}

function wholeRecord(
  record: LogRecord,
  meta: MessagesMeta | null,
  accepted: number,
  reason: string,
): DeadLetter {
  const code: ErrorCode = 'undecodable_record';
  return {
    projectId: meta?.projectId ?? null,
    source: 'pipeline',
    code,
    message: reason,
    field: null,
    messageId: null,
    offset: record.offset,
    recordIndex: -1,
    receivedAtMs: meta?.receivedAtMs ?? null,
    headers: record.headers,
    bytes: record.value,
    accepted,
  };
}

function accountOf(meta: MessagesMeta | RejectedMeta, logged: number, rejected: number): RecordAccount {
  return { projectId: meta.projectId, receivedAtMs: meta.receivedAtMs, logged, rejected };
}

function messageIdOf(item: JsonValue, meta: MessagesMeta, index: number): string | null {
  const own = isObject(item) ? item.messageId : undefined;
  if (typeof own === 'string' && own !== '') return own;
  return meta.generatedIds?.[String(index)] ?? null;
}
