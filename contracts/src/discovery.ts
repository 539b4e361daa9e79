import { z } from 'zod';
import { completeThroughSchema, instantSchema } from './query/answer.js';
import { propertyPathSchema } from './query/fields.js';

/** What there is to ask about: names of events, properties and their values, people, and what happened when. */

const count = z.int().nonnegative();

const sampleShape = {
  events_looked_at: count.describe('The newest events, of which the counts are.'),
  sampled: z.boolean().describe('True when there are, or may be, older ones that were not looked at.'),
  complete_through: completeThroughSchema,
};

export const eventNamesSchema = z.object({
  names: z
    .array(
      z.object({
        event: z.string().describe('Empty for messages that have no name.'),
        type: z.string(),
        events: count,
        first_seen: instantSchema.describe('Start of its first quarter of an hour.'),
        last_seen: instantSchema.describe('Start of its last quarter of an hour.'),
      }),
    )
    .describe('The most frequent first.'),
  complete_through: completeThroughSchema,
});
export type EventNames = z.infer<typeof eventNamesSchema>;

export const PROPERTY_TYPES = ['string', 'number', 'boolean', 'array', 'other'] as const;

export const propertiesSchema = z.object({
  properties: z
    .array(
      z.object({
        property: propertyPathSchema.describe('As questions name it: a key, or the keys of a nested one.'),
        types: z.array(z.enum(PROPERTY_TYPES)).describe('Kinds of values it was seen with.'),
        events: count,
      }),
    )
    .describe('The most frequent first.'),
  ...sampleShape,
});
export type Properties = z.infer<typeof propertiesSchema>;

export const propertyValuesSchema = z.object({
  values: z.array(z.object({ value: z.string(), events: count })).describe('The most frequent first.'),
  ...sampleShape,
});
export type PropertyValues = z.infer<typeof propertyValuesSchema>;

export const userPageSchema = z.object({
  users: z
    .array(
      z.object({
        user_id: z.string(),
        first_seen: instantSchema,
        last_seen: instantSchema,
        events: count,
        traits: z.record(z.string(), z.unknown()),
      }),
    )
    .describe('By their ids; with `search`, by what they were found by: id, email, name.'),
  next_cursor: z.string().nullable(),
});
export type UserPage = z.infer<typeof userPageSchema>;
