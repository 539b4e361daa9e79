import { z } from 'zod';
import { isStorableText } from '../messages/storable-text.js';

/** What filters, breakdowns and measures may look at. Every name comes from a closed list or is bound as a value. */

/** Columns of an event that filters and breakdowns may name. */
export const EVENT_COLUMNS = [
  'event',
  'type',
  'page_url',
  'page_path',
  'page_title',
  'referrer',
  'referrer_domain',
  'channel',
  'utm_source',
  'utm_medium',
  'utm_campaign',
  'utm_term',
  'utm_content',
  'browser',
  'browser_version',
  'os',
  'os_version',
  'device_type',
  'country',
  'region',
  'city',
  'locale',
  'library',
  'currency',
] as const;
export type EventColumn = (typeof EVENT_COLUMNS)[number];

/** What is known of the session that an event belongs to; the last three are numbers. */
export const SESSION_FIELDS = [
  'entry_path',
  'exit_path',
  'channel',
  'referrer_domain',
  'utm_source',
  'utm_medium',
  'utm_campaign',
  'country',
  'device_type',
  'browser',
  'os',
  'duration_seconds',
  'pages',
  'interactions',
] as const;
export type SessionField = (typeof SESSION_FIELDS)[number];

export const eventTypeSchema = z.enum(['track', 'identify', 'page', 'screen', 'group', 'alias']);
export type EventType = z.infer<typeof eventTypeSchema>;

export const textSchema = z
  .string()
  .max(1_024)
  .refine(isStorableText, 'must not hold NUL or half of a surrogate pair');
const propertyKey = textSchema.min(1).max(256);

/** A property: its key, or its keys from the outermost inwards. A dot in a key is part of the key. */
export const propertyPathSchema = z.union([propertyKey, z.array(propertyKey).min(1).max(8)]);
export type PropertyPath = z.infer<typeof propertyPathSchema>;

export const fieldShape = {
  column: z.enum(EVENT_COLUMNS).optional().describe('A column that every event has.'),
  property: propertyPathSchema.optional().describe('A property of the event.'),
  user_property: propertyPathSchema
    .optional()
    .describe("A trait of the person, as the newest of the person's identify messages that has it says."),
  session: z.enum(SESSION_FIELDS).optional().describe('Something about the session of the event.'),
};
type FieldKeys = keyof typeof fieldShape;

/** Exactly one of the four. */
export interface Field {
  column?: EventColumn | undefined;
  property?: PropertyPath | undefined;
  user_property?: PropertyPath | undefined;
  session?: SessionField | undefined;
}

/** For `refine`: a field names exactly one thing. */
export function namesOneField(value: Partial<Record<FieldKeys, unknown>>): boolean {
  const names: FieldKeys[] = ['column', 'property', 'user_property', 'session'];
  return names.filter((name) => value[name] !== undefined).length === 1;
}
export const ONE_FIELD = 'must name exactly one of column, property, user_property and session';

export const nameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'must be lower case letters, digits, - and _, 64 at most');
