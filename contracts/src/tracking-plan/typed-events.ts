import { z } from 'zod';
import { MESSAGE_LIMITS } from '../messages/limits.js';
import { CURRENCIES } from './currencies.js';

/** The built-in tracking plan: five events with strict properties, on one base. */

const shortText = z.string().min(1).max(MESSAGE_LIMITS.nameLength);
const money = z.number().nonnegative().max(1e11);

export const purchaseItemSchema = z.strictObject({
  sku: shortText,
  name: shortText.optional(),
  category: shortText.optional(),
  quantity: z.int().positive(),
  price: money.describe('Of one piece, in the currency of the purchase.'),
});

export const purchasePropertiesSchema = z.strictObject({
  orderId: shortText.optional(),
  amount: money.describe('What was paid in all, in the main unit of the currency.'),
  currency: z.enum(CURRENCIES).describe('ISO 4217 code.'),
  items: z.array(purchaseItemSchema).min(1).max(500),
  tax: money.optional(),
  shipping: money.optional(),
  discount: money.optional(),
  coupon: shortText.optional(),
});

export const videoPropertiesSchema = z.strictObject({
  videoId: shortText,
  title: shortText.optional(),
  action: z.enum(['play', 'pause', 'resume', 'seek', 'progress', 'complete']),
  positionSeconds: z.number().nonnegative(),
  durationSeconds: z.number().positive().optional(),
});

export const clickPropertiesSchema = z.strictObject({
  target: shortText.describe('What was clicked: a selector or a name of your own.'),
  text: z.string().max(MESSAGE_LIMITS.nameLength).optional(),
  url: z.string().max(2_048).optional().describe('Where the click leads.'),
  x: z.number().optional(),
  y: z.number().optional(),
});

export const searchPropertiesSchema = z.strictObject({
  query: z.string().max(MESSAGE_LIMITS.nameLength),
  results: z.int().nonnegative().optional().describe('How many results were shown.'),
  filters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
});

export const loginPropertiesSchema = z.strictObject({
  method: shortText.describe('password, google, sso …'),
  success: z.boolean().optional(),
});

const base = {
  eventId: z.string().min(1).max(MESSAGE_LIMITS.messageIdLength),
  userId: z.string().min(1).max(MESSAGE_LIMITS.idLength).optional(),
  anonymousId: z.string().min(1).max(MESSAGE_LIMITS.idLength).optional(),
  sessionId: z.string().min(1).max(MESSAGE_LIMITS.idLength).optional(),
  timestamp: z.iso.datetime({ offset: true }),
  metadata: z.record(z.string(), z.unknown()).optional().describe('Anything else worth keeping.'),
};

export const purchaseSchema = z.strictObject({
  ...base,
  type: z.literal('purchase'),
  properties: purchasePropertiesSchema,
});
export const videoSchema = z.strictObject({
  ...base,
  type: z.literal('video'),
  properties: videoPropertiesSchema,
});
export const clickSchema = z.strictObject({
  ...base,
  type: z.literal('click'),
  properties: clickPropertiesSchema,
});
export const searchSchema = z.strictObject({
  ...base,
  type: z.literal('search'),
  properties: searchPropertiesSchema,
});
export const loginSchema = z.strictObject({
  ...base,
  type: z.literal('login'),
  properties: loginPropertiesSchema,
});

export const typedEventSchema = z
  .discriminatedUnion('type', [purchaseSchema, videoSchema, clickSchema, searchSchema, loginSchema])
  .refine((event) => event.userId !== undefined || event.anonymousId !== undefined, {
    error: 'An event needs a userId or an anonymousId.',
  });
export type TypedEvent = z.infer<typeof typedEventSchema>;
export type TypedEventType = TypedEvent['type'];

/** The names under which typed events travel as track messages, and the schemas of their properties. */
export const BUILT_IN_EVENTS = {
  Purchase: purchasePropertiesSchema,
  Video: videoPropertiesSchema,
  Click: clickPropertiesSchema,
  Search: searchPropertiesSchema,
  Login: loginPropertiesSchema,
} as const;
export type BuiltInEventName = keyof typeof BUILT_IN_EVENTS;
/** Properties of each built-in event, by its name. */
export type BuiltInProperties = { [N in BuiltInEventName]: z.infer<(typeof BUILT_IN_EVENTS)[N]> };
