import type { ScannedBody } from '@sluice/body-scan';
import {
  deviceKeyOf,
  findContentFault,
  findElements,
  findSizeFault,
  fault,
  messageIdOf,
  MESSAGE_LIMITS,
  parseTimestamp,
  SluiceError,
  type ByteRange,
  type Fault,
} from '@sluice/contracts';
import { isObject, type JsonObject } from '../body/parse-body.js';

/** The messages of one request, and what of the request they share. */
export interface Submission {
  readonly shape: 'single' | 'batch';
  /** The body's bytes. */
  readonly bytes: Buffer;
  readonly count: number;
  /** Whether message `index` names its type. */
  hasType(index: number): boolean;
  hasMessageId(index: number): boolean;
  /** Whose order message `index` belongs to. */
  device(index: number): string;
  /** Where message `index` lies in the bytes; a single message is the whole body. */
  range(index: number): ByteRange;
  /** Where a member of a batch lies that its messages share; undefined when there is none. */
  shared(name: 'sentAt' | 'context' | 'integrations'): ByteRange | undefined;
}

/** A submission whose messages are at hand as values. */
export interface ParsedSubmission extends Submission {
  readonly messages: readonly unknown[];
  /** `sentAt` of a batch, milliseconds since the epoch; NaN when there is none. */
  readonly batchSentAtMs: number;
}

/** A batch of more elements is refused as a whole: rejecting each would cost more than it brings. */
const MAX_ELEMENTS = 4 * MESSAGE_LIMITS.batchMessages;

/** Shared context is copied into each message by whoever reads them: how much that may come to, bytes. */
const MAX_SHARED_TOTAL_BYTES = 32 * 1024 * 1024;

/** What a scan found; the messages stay bytes. */
export function scannedSubmission(
  bytes: Buffer,
  shape: 'single' | 'batch',
  scanned: ScannedBody,
): Submission {
  let lastIndex = -1;
  let lastDevice = '';
  return {
    shape,
    bytes,
    count: scanned.count,
    hasType: (index) => scanned.hasType(index),
    hasMessageId: (index) => scanned.hasMessageId(index),
    device(index) {
      // Most batches come from one device: its name is made once.
      if (index !== lastIndex + 1 || !scanned.isSameDevice(index) || index === 0) {
        lastDevice = scanned.device(index);
      }
      lastIndex = index;
      return lastDevice;
    },
    range: (index) => (shape === 'single' ? { start: 0, end: bytes.length } : scanned.range(index)),
    shared: (name) => (name === 'sentAt' ? scanned.sentAt : undefined),
  };
}

/**
 * What a parsed body submits.
 * @throws SluiceError when the body as a whole is not usable: batch_not_array, empty_batch, too_many_messages, and the
 * faults of what a batch shares.
 */
export function parsedSubmission(
  bytes: Buffer,
  shape: 'single' | 'batch',
  body: JsonObject,
): ParsedSubmission {
  let messages: readonly unknown[] = [body];
  let batchSentAtMs = NaN;
  if (shape === 'batch') {
    messages = readBatch(body);
    batchSentAtMs = readSentAt(body['sentAt']);
    weighShared(body, messages.length);
  }
  const ranges = once(() => findElements(bytes));
  return {
    shape,
    bytes,
    messages,
    batchSentAtMs,
    count: messages.length,
    hasType: (index) => hasType(messages[index]),
    hasMessageId: (index) => messageIdOf(messages[index]) !== undefined,
    device: (index) => deviceKeyOf(messages[index]),
    range: (index) => (shape === 'single' ? { start: 0, end: bytes.length } : ranges().elements[index]!),
    shared: (name) => (shape === 'single' ? undefined : ranges().members.get(name)),
  };
}

function readBatch(body: JsonObject): readonly unknown[] {
  const batch: unknown = Object.hasOwn(body, 'batch') ? body['batch'] : undefined;
  if (!Array.isArray(batch)) throw new SluiceError('batch_not_array', { field: '/batch' });
  if (batch.length === 0) throw new SluiceError('empty_batch', { field: '/batch' });
  if (batch.length > MAX_ELEMENTS) {
    throw new SluiceError('too_many_messages', {
      message: `The batch holds ${batch.length} messages; a batch may hold ${MESSAGE_LIMITS.batchMessages}.`,
      field: '/batch',
    });
  }
  return batch;
}

function readSentAt(value: unknown): number {
  if (value === undefined || value === null) return NaN;
  const ms = typeof value === 'string' ? parseTimestamp(value) : NaN;
  if (Number.isNaN(ms)) throw new SluiceError('invalid_timestamp', { field: '/sentAt' });
  return ms;
}

function weighShared(body: JsonObject, messages: number): void {
  const { context = null, integrations = null } = body;
  if (context === null && integrations === null) return;
  if (context !== null && !isObject(context)) refuse(fault('context_not_object', undefined, '/context'));
  if (integrations !== null && !isObject(integrations)) {
    refuse(fault('integrations_not_object', undefined, '/integrations'));
  }
  const found = findContentFault({ context, integrations });
  if (found !== undefined) refuse(found);
  const bytes = Buffer.byteLength(JSON.stringify({ context, integrations }));
  const tooLarge = findSizeFault(bytes);
  if (tooLarge !== undefined) refuse({ ...tooLarge, field: '/context' });
  if (bytes * messages > MAX_SHARED_TOTAL_BYTES) {
    throw new SluiceError('inflated_body_too_large', {
      message: `The batch's context, merged into each of its messages, is larger than ${MAX_SHARED_TOTAL_BYTES} bytes.`,
      field: '/context',
    });
  }
}

function refuse({ code, message, field }: Fault): never {
  throw new SluiceError(code, { message, ...(field === undefined ? {} : { field }) });
}

function hasType(message: unknown): boolean {
  return isObject(message) && message['type'] !== undefined && message['type'] !== null;
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
