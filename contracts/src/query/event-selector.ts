import { z } from 'zod';
import { eventTypeSchema, textSchema } from './fields.js';
import { filtersSchema } from './filters.js';

export const selectorShape = {
  event: textSchema.min(1).nullable().default(null).describe('Name of the event; null for all events.'),
  type: eventTypeSchema.nullable().default(null).describe('Type of message; null for all types.'),
  filters: filtersSchema,
};

/** Which events: by name, type and conditions. */
export const eventSelectorSchema = z.strictObject(selectorShape);
export type EventSelector = z.infer<typeof eventSelectorSchema>;

export const ANY_EVENT: EventSelector = { event: null, type: null, filters: [] };
