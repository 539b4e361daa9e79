import {
  checkPlan,
  explainMessage,
  fastCheck,
  fault,
  findContentFault,
  findSizeFault,
  MESSAGE_LIMITS,
  NOT_PLAIN,
  parseTimestamp,
  SluiceError,
  type BodyRanges,
  type Fault,
  type MessageType,
  type Surroundings,
} from '@sluice/contracts';
import type { ProjectSettings } from '@sluice/service-kit';
import { isObject, type JsonObject } from '../body/parse-body.js';

/** The messages of one request, parsed, and what surrounds them. */
export interface Submission {
  shape: 'single' | 'batch';
  messages: readonly unknown[];
  /** The body's bytes. */
  bytes: Buffer;
  /** Where the parts lie in the bytes; found on first use. A single message is the one element. */
  ranges: () => BodyRanges;
  around: Surroundings;
  /** Bytes of the context and integrations that a batch shares. */
  sharedBytes: number;
}

export interface Verdict {
  index: number;
  fault: Fault;
}

export interface Verdicts {
  /** Messages that are not accepted, by index. */
  rejected: readonly Verdict[];
  /** Accepted messages that leave the plan of a project that only warns. */
  warned: readonly Verdict[];
}

const NOTHING: Verdicts = { rejected: [], warned: [] };

/** A batch of more elements is refused as a whole: rejecting each would cost more than it brings. */
const MAX_ELEMENTS = 4 * MESSAGE_LIMITS.batchMessages;

/** Shared context is copied into each message by whoever reads them: how much that may come to, bytes. */
const MAX_SHARED_TOTAL_BYTES = 32 * 1024 * 1024;

/**
 * Reads what a body submits.
 * @throws SluiceError when the body as a whole is not usable: batch_not_array, empty_batch, too_many_messages, and the
 * faults of what a batch shares.
 */
export function readSubmission(
  shape: 'single' | 'batch',
  body: JsonObject,
  options: {
    bytes: Buffer;
    receivedAtMs: number;
    impliedType: MessageType | undefined;
    hasUnicodeEscapes: boolean;
    ranges: () => BodyRanges;
  },
): Submission {
  const around: Surroundings = {
    receivedAtMs: options.receivedAtMs,
    batchSentAtMs: NaN,
    impliedType: options.impliedType,
    checkStrings: options.hasUnicodeEscapes,
  };
  const submission = { shape, bytes: options.bytes, ranges: options.ranges, around, sharedBytes: 0 };
  if (shape === 'single') return { ...submission, messages: [body] };

  const batch = Object.hasOwn(body, 'batch') ? body['batch'] : undefined;
  if (!Array.isArray(batch)) throw new SluiceError('batch_not_array', { field: '/batch' });
  if (batch.length === 0) throw new SluiceError('empty_batch', { field: '/batch' });
  if (batch.length > MAX_ELEMENTS) {
    throw new SluiceError('too_many_messages', {
      message: `The batch holds ${batch.length} messages; a batch may hold ${MESSAGE_LIMITS.batchMessages}.`,
      field: '/batch',
    });
  }
  around.batchSentAtMs = readSentAt(body['sentAt']);
  submission.sharedBytes = weighShared(body, batch.length);
  return { ...submission, messages: batch };
}

function readSentAt(value: unknown): number {
  if (value === undefined || value === null) return NaN;
  const ms = typeof value === 'string' ? parseTimestamp(value) : NaN;
  if (Number.isNaN(ms)) throw new SluiceError('invalid_timestamp', { field: '/sentAt' });
  return ms;
}

function weighShared(body: JsonObject, messages: number): number {
  const { context = null, integrations = null } = body;
  if (context === null && integrations === null) return 0;
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
  return bytes;
}

function refuse({ code, message, field }: Fault): never {
  throw new SluiceError(code, { message, ...(field === undefined ? {} : { field }) });
}

/** A verdict for every message; what is not named is accepted. Nothing that one message holds touches another's. */
export function judge(
  submission: Submission,
  project: Pick<ProjectSettings, 'planMode' | 'trackingPlan'>,
  /** Set when the key came from a message: then every message that names a key must name this one. */
  messageKey: string | undefined,
): Verdicts {
  const { messages, around, bytes } = submission;
  const within = Math.min(messages.length, MESSAGE_LIMITS.batchMessages);
  const rejected = new Map<number, Fault>();
  let totalWeight = 0;
  let heaviest = 0;
  for (let index = 0; index < within; index++) {
    const weight = fastCheck(messages[index], around);
    if (weight === NOT_PLAIN) {
      const found = explainMessage(messages[index], around);
      if (found !== undefined) rejected.set(index, found);
    } else {
      totalWeight += weight;
      if (weight > heaviest) heaviest = weight;
    }
  }
  // A weight is a lower bound; what the bounds do not explain of the body could all belong to the heaviest message.
  const unexplained = bytes.length - totalWeight;
  if (bytes.length > MESSAGE_LIMITS.messageBytes && heaviest + unexplained > MESSAGE_LIMITS.messageBytes) {
    rejectTooLarge(submission, rejected);
  }
  for (let index = within; index < messages.length; index++) {
    rejected.set(index, fault('too_many_messages', `A batch may hold ${within} messages.`));
  }
  if (messageKey !== undefined) rejectOtherKeys(messages, messageKey, rejected);
  const warned = project.planMode === 'off' ? [] : applyPlan(submission, project, rejected);
  if (rejected.size === 0 && warned.length === 0) return NOTHING;
  return {
    rejected: [...rejected]
      .map(([index, found]) => ({ index, fault: found }))
      .sort((a, b) => a.index - b.index),
    warned,
  };
}

function rejectTooLarge({ ranges }: Submission, rejected: Map<number, Fault>): void {
  ranges().elements.forEach(({ start, end }, index) => {
    const tooLarge = findSizeFault(end - start);
    if (tooLarge !== undefined) rejected.set(index, tooLarge);
  });
}

function rejectOtherKeys(messages: readonly unknown[], key: string, rejected: Map<number, Fault>): void {
  messages.forEach((message, index) => {
    const own = isObject(message) ? message['writeKey'] : undefined;
    if (typeof own !== 'string' || own === '' || own === key || rejected.has(index)) return;
    const text = 'The message carries another write key than the first one of its batch.';
    rejected.set(index, fault('project_not_found', text, '/writeKey'));
  });
}

function applyPlan(
  { messages, around }: Submission,
  { planMode, trackingPlan }: Pick<ProjectSettings, 'planMode' | 'trackingPlan'>,
  rejected: Map<number, Fault>,
): Verdict[] {
  const warned: Verdict[] = [];
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index];
    if (rejected.size > 0 && rejected.has(index)) continue;
    if (!isTrack(message, around.impliedType)) continue;
    const [first] = checkPlan(trackingPlan, message);
    if (first === undefined) continue;
    if (planMode === 'block') rejected.set(index, first);
    else warned.push({ index, fault: first });
  }
  return warned;
}

function isTrack(message: unknown, impliedType: MessageType | undefined): boolean {
  const { type } = message as JsonObject;
  return (type ?? impliedType) === 'track';
}
