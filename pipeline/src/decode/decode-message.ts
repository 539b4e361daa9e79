import { fault, MESSAGE_TYPES, type Fault, type MessagesMeta, type MessageType } from '@sluice/contracts';
import { eventIdOf } from './event-id.js';
import { findUnstorable, isObject, type JsonObject, type JsonValue } from './json.js';
import { clientTime, correctTimestamp, type CorrectedTimestamp } from './timestamps.js';

/** One accepted message, ready to be enriched and landed. */
export interface DecodedMessage {
  projectId: number;
  eventId: string;
  messageId: string;
  type: MessageType;
  /** Name of the event (track), page or screen; empty when there is none. */
  event: string;
  anonymousId: string | null;
  userId: string | null;
  groupId: string | null;
  previousId: string | null;
  /** Whose events keep their order: what the partition was chosen by. */
  deviceId: string;
  receivedAtMs: number;
  timestampMs: number;
  clamped: CorrectedTimestamp['clamped'];
  /** The message with the batch's context under its own, without keys that are not the event's. */
  message: JsonObject;
  /** The same as JSON in the client's own bytes; undefined when it is not in them as it is stored. */
  bytes: Uint8Array | undefined;
  /** The client's address and user agent as the gateway saw them. */
  ip: string | undefined;
  userAgent: string | undefined;
  offset: number;
  /** Position in the record. */
  recordIndex: number;
}

export interface MessageSurroundings {
  meta: MessagesMeta;
  /** The batch body around the message; empty for a single message. */
  parent: JsonObject;
  index: number;
  offset: number;
  /** The message in the record; undefined when it is not known where it lies. */
  bytes: Uint8Array | undefined;
  /** The record holds escapes that Postgres may refuse, so every string has to be looked at. */
  suspect: boolean;
}

export type MessageOutcome = { ok: true; message: DecodedMessage } | { ok: false; fault: Fault };

/**
 * Reads one message of a record. The gateway has validated it; this checks again what landing relies on, so that a record
 * of an older or foreign gateway becomes a dead letter and never a poison pill.
 */
export function decodeMessage(item: JsonValue, around: MessageSurroundings): MessageOutcome {
  const { meta, parent } = around;
  if (!isObject(item)) return refuse('message_not_object');
  const type = item.type ?? (meta.shape === 'single' ? meta.type : undefined);
  if (!isMessageType(type)) return refuse('unknown_type', undefined, '/type');

  const ids = readIds(item);
  if ('code' in ids) return { ok: false, fault: ids };
  const deviceId = ids.anonymousId ?? ids.userId ?? ids.previousId ?? ids.groupId;
  if (deviceId === null) return refuse('no_user_anon_id');
  const own = idOf(item.messageId);
  if (own === undefined) return refuse('invalid_id', undefined, '/messageId');
  const messageId = own ?? meta.generatedIds?.[String(around.index)];
  if (messageId === undefined) return refuse('invalid_id', 'The message has no id.', '/messageId');
  if (type === 'track' && (typeof item.event !== 'string' || item.event === '')) {
    return refuse('event_not_string', undefined, '/event');
  }

  const message = storedForm(item, type, parent);
  if (around.suspect) {
    const pointer = findUnstorable(message);
    if (pointer !== undefined) return refuse('invalid_string', undefined, pointer);
  }
  const clientMs = clientTime(item.timestamp ?? item.originalTimestamp);
  const sentAtMs = clientTime(item.sentAt ?? parent.sentAt);
  const happened = correctTimestamp(clientMs, sentAtMs, meta.receivedAtMs);
  return {
    ok: true,
    message: {
      projectId: meta.projectId,
      eventId: eventIdOf(meta.projectId, messageId, clientMs),
      messageId,
      type,
      event: eventNameOf(type, item),
      anonymousId: ids.anonymousId,
      userId: ids.userId,
      groupId: ids.groupId,
      previousId: ids.previousId,
      deviceId,
      receivedAtMs: meta.receivedAtMs,
      timestampMs: happened.ms,
      clamped: happened.clamped,
      message,
      bytes: message === item ? around.bytes : undefined,
      ip: meta.ip,
      userAgent: meta.userAgent,
      offset: around.offset,
      recordIndex: around.index,
    },
  };
}

function refuse(...of: Parameters<typeof fault>): MessageOutcome {
  return { ok: false, fault: fault(...of) };
}

function isMessageType(value: unknown): value is MessageType {
  return (MESSAGE_TYPES as readonly unknown[]).includes(value);
}

function eventNameOf(type: MessageType, item: JsonObject): string {
  const name = type === 'track' ? item.event : type === 'page' || type === 'screen' ? item.name : undefined;
  return typeof name === 'string' ? name : '';
}

type Ids = Pick<DecodedMessage, 'anonymousId' | 'userId' | 'groupId' | 'previousId'>;

function readIds(item: JsonObject): Ids | Fault {
  const anonymousId = idOf(item.anonymousId);
  if (anonymousId === undefined) return fault('invalid_id', undefined, '/anonymousId');
  const userId = idOf(item.userId);
  if (userId === undefined) return fault('invalid_id', undefined, '/userId');
  const groupId = idOf(item.groupId);
  if (groupId === undefined) return fault('invalid_id', undefined, '/groupId');
  const previousId = idOf(item.previousId);
  if (previousId === undefined) return fault('invalid_id', undefined, '/previousId');
  return { anonymousId, userId, groupId, previousId };
}

/** An id as text; null when there is none; undefined when it is neither text nor a number. */
function idOf(value: JsonValue | undefined): string | null | undefined {
  if (value === undefined || value === null || value === '') return null;
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? String(value) : undefined;
}

/** Not part of the event: the key that let it in, and what a client says of its own plumbing. */
const DROPPED = new Set(['writeKey', '_metadata', 'sentAt', '__proto__']);

function carriesDropped(item: JsonObject): boolean {
  const { writeKey, _metadata, sentAt } = item;
  return (
    writeKey !== undefined ||
    _metadata !== undefined ||
    sentAt !== undefined ||
    Object.hasOwn(item, '__proto__')
  );
}

/** The message itself when it is stored as it came. */
function storedForm(item: JsonObject, type: MessageType, parent: JsonObject): JsonObject {
  const sharesNothing = !isObject(parent.context) && !isObject(parent.integrations);
  if (sharesNothing && item.type === type && !carriesDropped(item)) return item;
  const stored: JsonObject = { type };
  for (const key of Object.keys(item)) {
    if (!DROPPED.has(key)) stored[key] = item[key];
  }
  for (const key of ['context', 'integrations'] as const) {
    const own = stored[key];
    const shared = parent[key];
    if (!isObject(shared)) continue;
    if (own === undefined || own === null) stored[key] = shared;
    else if (isObject(own)) stored[key] = { ...shared, ...own };
  }
  return stored;
}
