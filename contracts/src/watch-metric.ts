import { z } from 'zod';
import { eventTypeSchema, nameSchema, textSchema } from './query/fields.js';
import { botsSchema } from './query/range.js';
import { parameterNameSchema } from './saved.js';

/** What can be watched: numbers that there is one of for every bucket of time. */

export const WATCH_INTERVALS = ['minute', 'five_minutes', 'quarter_hour', 'hour', 'day'] as const;
export const watchIntervalSchema = z.enum(WATCH_INTERVALS);

/** Series of one project at most; those beyond it, the smallest first, are not watched, and the log says so. */
export const MAX_WATCHED_SERIES = 200;

/** How well events arrive, by the time of their receipt. */
export const HEALTH_SIGNALS = ['rejected', 'dead_letters', 'duplicates', 'lag', 'device_gaps'] as const;
export type HealthSignal = (typeof HEALTH_SIGNALS)[number];

const eventsMetric = z.strictObject({
  kind: z.literal('events'),
  event: textSchema.min(1).nullable().default(null).describe('Name of the event; null for all events.'),
  type: eventTypeSchema.nullable().default(null).describe('Type of message; null for all types.'),
  bots: botsSchema,
});

const everyEventMetric = z.strictObject({
  kind: z.literal('every_event'),
  limit: z
    .int()
    .min(1)
    .max(MAX_WATCHED_SERIES - 1)
    .default(50)
    .describe('All events together, and as many events by name, those with the most first.'),
  bots: botsSchema,
});

const healthMetric = z.strictObject({
  kind: z.literal('health'),
  signals: z
    .array(z.enum(HEALTH_SIGNALS))
    .min(1)
    .max(HEALTH_SIGNALS.length)
    .default([...HEALTH_SIGNALS])
    .describe(
      '`rejected`: messages that the gateway refused. `dead_letters`: messages that could not be landed. `duplicates`: messages that had landed before. `lag`: the longest time from receipt until queryable, seconds. `device_gaps`: messages that devices numbered and that never arrived.',
    ),
});

const revenueMetric = z.strictObject({
  kind: z.literal('revenue'),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code')
    .optional()
    .describe('Only this currency. Default: each for itself, five at most.'),
  bots: botsSchema,
});

const parameterValue = z.union([textSchema, z.array(textSchema).min(1).max(200)]);

const savedMetric = z.strictObject({
  kind: z.literal('saved'),
  name: nameSchema.describe('A saved query of kind trends, revenue or funnel, in its newest version.'),
  parameters: z
    .record(parameterNameSchema, parameterValue)
    .default({})
    .describe('Values of its parameters, as in its address.'),
  series: textSchema
    .min(1)
    .optional()
    .describe(
      'Of trends: the letter of a series, or the text or name of a formula; default the first series. Of revenue: the currency; default the only one. Of a funnel it is always the conversion rate, and a bucket is judged when the window of everyone who entered in it has ended.',
    ),
});

export const watchMetricSchema = z.discriminatedUnion('kind', [
  eventsMetric,
  everyEventMetric,
  healthMetric,
  revenueMetric,
  savedMetric,
]);
export type WatchMetric = z.infer<typeof watchMetricSchema>;
export type WatchMetricInput = z.input<typeof watchMetricSchema>;
export type WatchMetricOf<K extends WatchMetric['kind']> = Extract<WatchMetric, { kind: K }>;
