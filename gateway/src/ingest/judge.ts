import type { ScannedBody } from '@sluice/body-scan';
import {
  checkPlan,
  checkProperties,
  explainMessage,
  fastCheck,
  fault,
  findSizeFault,
  isBelievable,
  isPlanned,
  messageIdOf,
  MESSAGE_LIMITS,
  NOT_PLAIN,
  toStorableText,
  type Fault,
  type MessageType,
  type Surroundings,
} from '@sluice/contracts';
import type { ProjectSettings } from '@sluice/service-kit';
import { isObject, type JsonObject } from '../body/parse-body.js';
import type { ParsedSubmission } from './submission.js';

type PlanOfProject = Pick<ProjectSettings, 'planMode' | 'trackingPlan'>;

export interface Verdict {
  index: number;
  /** The message's own id; null when it has none that could name it. */
  messageId: string | null;
  fault: Fault;
}

export interface Verdicts {
  /** Messages that are not accepted, by index. */
  rejected: readonly Verdict[];
  /** Accepted messages that leave the plan of a project that only warns. */
  warned: readonly Verdict[];
}

/** Every message is accepted, and nothing is to be said about any. */
export const ALL_ACCEPTED: Verdicts = { rejected: [], warned: [] };

/**
 * Whether every message of a scanned body is acceptable and follows the project's plan. The scan has seen to all but what
 * it cannot know: sizes, whether the times can be believed, given when the body came, and the plan.
 */
export function areAllAcceptable(
  scanned: ScannedBody,
  bytes: Buffer,
  shape: 'single' | 'batch',
  project: PlanOfProject,
  receivedAtMs: number,
): boolean {
  const isLarge = bytes.length > MESSAGE_LIMITS.messageBytes;
  if (isLarge && shape === 'single') return false;
  const around = { receivedAtMs, batchSentAtMs: scanned.sentAtMs };
  for (let index = 0; index < scanned.count; index++) {
    const timestampMs = scanned.timestampMs(index);
    const originalMs = scanned.originalTimestampMs(index);
    if (!isBelievable(timestampMs, originalMs, scanned.messageSentAtMs(index), around)) return false;
    if (isLarge) {
      const { start, end } = scanned.range(index);
      if (end - start > MESSAGE_LIMITS.messageBytes) return false;
    }
    if (project.planMode !== 'off' && !followsPlan(scanned, index, bytes, project)) return false;
  }
  return true;
}

/** Only properties that a plan speaks of are parsed. */
function followsPlan(
  scanned: ScannedBody,
  index: number,
  bytes: Buffer,
  { trackingPlan }: PlanOfProject,
): boolean {
  const event = scanned.event(index);
  if (event === undefined || !isPlanned(trackingPlan, event)) return true;
  const range = scanned.properties(index);
  const properties: unknown =
    range === undefined ? {} : JSON.parse(bytes.toString('utf8', range.start, range.end));
  return checkProperties(trackingPlan, event, properties).length === 0;
}

/** A verdict for every message; what is not named is accepted. Nothing that one message holds touches another's. */
export function judge(
  submission: ParsedSubmission,
  project: PlanOfProject,
  facts: {
    receivedAtMs: number;
    /** The type that the address named, for a message that has none. */
    impliedType: MessageType | undefined;
    /** Whether a string may hold a NUL or a lone surrogate. */
    hasUnicodeEscapes: boolean;
    /** Set when the key came from a message: then every message that names a key must name this one. */
    messageKey: string | undefined;
  },
): Verdicts {
  const { messages, bytes } = submission;
  const { messageKey } = facts;
  const around: Surroundings = {
    receivedAtMs: facts.receivedAtMs,
    batchSentAtMs: submission.batchSentAtMs,
    impliedType: facts.impliedType,
    checkStrings: facts.hasUnicodeEscapes,
  };
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
  const warned = project.planMode === 'off' ? [] : applyPlan(messages, around.impliedType, project, rejected);
  if (rejected.size === 0 && warned.length === 0) return ALL_ACCEPTED;
  return {
    rejected: [...rejected]
      .map(([index, found]) => verdictOn(messages, index, found))
      .sort((a, b) => a.index - b.index),
    warned,
  };
}

function verdictOn(messages: readonly unknown[], index: number, found: Fault): Verdict {
  return { index, messageId: usableMessageId(messages[index]), fault: found };
}

function usableMessageId(message: unknown): string | null {
  const id = messageIdOf(message);
  if (id === undefined || id.length > MESSAGE_LIMITS.messageIdLength) return null;
  return toStorableText(id);
}

function rejectTooLarge(submission: ParsedSubmission, rejected: Map<number, Fault>): void {
  for (let index = 0; index < submission.count; index++) {
    const { start, end } = submission.range(index);
    const tooLarge = findSizeFault(end - start);
    if (tooLarge !== undefined) rejected.set(index, tooLarge);
  }
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
  messages: readonly unknown[],
  impliedType: MessageType | undefined,
  { planMode, trackingPlan }: PlanOfProject,
  rejected: Map<number, Fault>,
): Verdict[] {
  const warned: Verdict[] = [];
  for (let index = 0; index < messages.length; index++) {
    const message = messages[index];
    if (rejected.size > 0 && rejected.has(index)) continue;
    if (!isTrack(message, impliedType)) continue;
    const [first] = checkPlan(trackingPlan, message);
    if (first === undefined) continue;
    if (planMode === 'block') rejected.set(index, first);
    else warned.push(verdictOn(messages, index, first));
  }
  return warned;
}

function isTrack(message: unknown, impliedType: MessageType | undefined): boolean {
  const { type } = message as JsonObject;
  return (type ?? impliedType) === 'track';
}
