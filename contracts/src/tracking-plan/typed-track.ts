import type { Message } from '../messages/schemas.js';
import {
  typedEventSchema,
  type BuiltInEventName,
  type TypedEvent,
  type TypedEventType,
} from './typed-events.js';

const NAMES: Readonly<Record<TypedEventType, BuiltInEventName>> = {
  purchase: 'Purchase',
  video: 'Video',
  click: 'Click',
  search: 'Search',
  login: 'Login',
};
const TYPES: ReadonlyMap<string, TypedEventType> = new Map(
  Object.entries(NAMES).map(([type, name]) => [name, type as TypedEventType]),
);

export type TrackMessage = Extract<Message, { type: 'track' }>;

/** A typed event as the track message that carries it: the session and the metadata travel in its context. */
export function toTrackMessage(event: TypedEvent): TrackMessage {
  const { eventId, userId, anonymousId, sessionId, timestamp, type, properties, metadata } = event;
  return {
    type: 'track',
    event: NAMES[type],
    messageId: eventId,
    ...(userId === undefined ? {} : { userId }),
    ...(anonymousId === undefined ? {} : { anonymousId }),
    timestamp,
    properties,
    context: {
      ...(sessionId === undefined ? {} : { sessionId }),
      ...(metadata === undefined ? {} : { metadata }),
    },
  };
}

/** The typed event that a track message carries; undefined when it is none of the built-in ones or does not follow them. */
export function fromTrackMessage(message: Message): TypedEvent | undefined {
  if (message.type !== 'track') return undefined;
  const type = TYPES.get(message.event);
  if (type === undefined) return undefined;
  const { messageId, userId, anonymousId, timestamp, properties } = message;
  const context = message.context ?? {};
  const result = typedEventSchema.safeParse({
    eventId: textOf(messageId),
    userId: textOf(userId),
    anonymousId: textOf(anonymousId),
    sessionId: textOf(context['sessionId']),
    timestamp: timestamp ?? undefined,
    type,
    properties: properties ?? {},
    metadata: context['metadata'] ?? undefined,
  });
  return result.success ? result.data : undefined;
}

function textOf(id: unknown): string | undefined {
  if (typeof id === 'number') return String(id);
  return typeof id === 'string' && id !== '' ? id : undefined;
}
