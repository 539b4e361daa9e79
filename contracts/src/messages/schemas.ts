import { z } from 'zod';
import type { ErrorCode } from '../errors.js';
import { findContentFault } from './content.js';
import { MESSAGE_LIMITS } from './limits.js';
import { parseTimestamp } from './timestamps.js';

/**
 * The six message types of Segment's tracking API. Fields that are not named here are kept as they are. In every check
 * the error text is the code of the fault; `explainIssue` turns it into words.
 */
export const MESSAGE_TYPES = ['track', 'identify', 'page', 'screen', 'group', 'alias'] as const;
export type MessageType = (typeof MESSAGE_TYPES)[number];

const code = (of: ErrorCode): { error: ErrorCode } => ({ error: of });

/** Clients send null, an empty text or a number where they have no id, or one that is not a text. */
function id(maxLength: number) {
  return z.union([z.string().max(maxLength, code('id_too_long')), z.number()], code('invalid_id')).nullish();
}

const anyId = id(MESSAGE_LIMITS.idLength);
const name = z
  .string(code('name_not_string'))
  .max(MESSAGE_LIMITS.nameLength, code('name_too_long'))
  .nullish();
const timestamp = z
  .string(code('invalid_timestamp'))
  .refine((text) => !Number.isNaN(parseTimestamp(text)), code('invalid_timestamp'))
  .nullish()
  .meta({ format: 'date-time' });
const object = (of: ErrorCode) => z.looseObject({}, code(of)).nullish();

const common = {
  messageId: id(MESSAGE_LIMITS.messageIdLength).describe(
    'Made once by the client; sends with the same id are one message. Made by the gateway when absent.',
  ),
  anonymousId: anyId.describe('Id of the device or browser.'),
  userId: anyId.describe('Id of a known user.'),
  groupId: anyId,
  previousId: anyId,
  timestamp: timestamp.describe("When it happened, by the client's clock."),
  originalTimestamp: timestamp,
  sentAt: timestamp.describe("When it was sent, by the client's clock; corrects the clock's error."),
  context: object('context_not_object').describe('Page, campaign, library, device …'),
  integrations: object('integrations_not_object'),
};

const properties = object('properties_not_object');
const traits = object('traits_not_object');

export const trackSchema = z.looseObject({
  type: z.literal('track'),
  ...common,
  event: z
    .string({
      error: ({ input }) =>
        input === undefined || input === null ? 'event_not_defined' : 'event_not_string',
    })
    .min(1, code('event_not_string'))
    .max(MESSAGE_LIMITS.nameLength, code('name_too_long'))
    .describe('Name of what happened.'),
  properties,
});

export const identifySchema = z.looseObject({ type: z.literal('identify'), ...common, traits });

export const pageSchema = z.looseObject({
  type: z.literal('page'),
  ...common,
  name,
  category: name,
  properties,
});

export const screenSchema = z.looseObject({
  type: z.literal('screen'),
  ...common,
  name,
  category: name,
  properties,
});

export const groupSchema = z.looseObject({ type: z.literal('group'), ...common, traits });

export const aliasSchema = z.looseObject({ type: z.literal('alias'), ...common, traits });

/** A message's fields; what all of them must have together is in `messageSchema`. */
export const messageFieldsSchema = z.discriminatedUnion(
  'type',
  [trackSchema, identifySchema, pageSchema, screenSchema, groupSchema, aliasSchema],
  { error: ({ input }) => (isObject(input) ? 'unknown_type' : 'message_not_object') },
);
export type Message = z.infer<typeof messageFieldsSchema>;

/** A message as the gateway accepts it, apart from its size and the range of its timestamp. */
export const messageSchema = z
  .unknown()
  .superRefine((value, context) => {
    const found = findContentFault(value);
    if (found === undefined) return;
    context.addIssue({ code: 'custom', message: found.code, params: { fault: found } });
  })
  .pipe(
    messageFieldsSchema.superRefine((message, context) => {
      if (message.type === 'group' && !isPresent(message.groupId)) {
        context.addIssue({ code: 'custom', message: 'group_id_missing', path: ['groupId'] });
      } else if (message.type === 'alias' && !isPresent(message.previousId)) {
        context.addIssue({ code: 'custom', message: 'previous_id_missing', path: ['previousId'] });
      } else if (!hasAnyId(message)) {
        context.addIssue({ code: 'custom', message: 'no_user_anon_id', path: [] });
      }
    }),
  );

/** A batch body's own fields; its messages are judged one by one. */
export const batchBodySchema = z.looseObject({
  batch: z.array(messageFieldsSchema).min(1).max(MESSAGE_LIMITS.batchMessages),
  sentAt: timestamp,
  writeKey: z.string().optional().describe('The write key, when no Authorization header carries it.'),
  context: object('context_not_object').describe("Shared context; each message's own keys win."),
  integrations: object('integrations_not_object'),
});

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isPresent(value: string | number | null | undefined): boolean {
  return value !== undefined && value !== null && value !== '';
}

function hasAnyId(message: Message): boolean {
  return (
    isPresent(message.userId) ||
    isPresent(message.anonymousId) ||
    isPresent(message.groupId) ||
    isPresent(message.previousId)
  );
}
