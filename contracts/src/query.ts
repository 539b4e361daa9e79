import { z } from 'zod';

/**
 * What can be asked of `POST /v1/query`. Each kind of question is one member of a union on `kind`; all of them share the
 * range, the time zone, filters and `wait_for`.
 */

/** Columns of an event that filters and breakdowns may name. A closed list: nothing else reaches a query as a name. */
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

export const eventTypeSchema = z.enum(['track', 'identify', 'page', 'screen', 'group', 'alias']);

const text = z
  .string()
  .max(1_024)
  .refine((value) => !value.includes('\0'), 'must not hold NUL');
const propertyKey = text.min(1).max(256);

/** One property of an event: a key, or the keys from the outermost inwards. A dot in a key is part of the key. */
export const propertyPathSchema = z.union([propertyKey, z.array(propertyKey).min(1).max(8)]);

const columnField = { column: z.enum(EVENT_COLUMNS).describe('A column that every event has.') };
const propertyField = {
  property: propertyPathSchema.describe('A property: its key, or its keys from the outermost inwards.'),
};

const operand = z.union([text, z.number(), z.boolean()]);

function condition<F extends z.ZodRawShape>(field: F) {
  return [
    z.strictObject({
      ...field,
      operator: z.enum(['is', 'is_not']),
      values: z.array(operand).min(1).max(200),
    }),
    z.strictObject({
      ...field,
      operator: z.enum(['contains', 'not_contains', 'starts_with']),
      values: z.array(text.min(1)).min(1).max(50),
    }),
    z.strictObject({ ...field, operator: z.enum(['is_set', 'is_not_set']) }),
  ] as const;
}

/**
 * A condition on events; several must all hold. `values` are alternatives. Text is compared exactly, except that
 * `contains` and `not_contains` ignore case; a number is compared with numbers only; an event without the value meets
 * `is_not`, `not_contains` and `is_not_set` only.
 */
export const filterSchema = z.union([
  ...condition(columnField),
  ...condition(propertyField),
  z.strictObject({ ...propertyField, operator: z.enum(['gt', 'gte', 'lt', 'lte']), value: z.number() }),
]);
export type Filter = z.infer<typeof filterSchema>;

export const breakdownSchema = z.union([
  z.strictObject({ ...columnField, limit: z.int().min(1).max(100).default(10) }),
  z.strictObject({ ...propertyField, limit: z.int().min(1).max(100).default(10) }),
]);
export type Breakdown = z.infer<typeof breakdownSchema>;

export const INTERVALS = ['15m', 'hour', 'day', 'week', 'month'] as const;
export type Interval = (typeof INTERVALS)[number];

export const MEASURES = ['count', 'unique_users'] as const;
export type Measure = (typeof MEASURES)[number];

export const trendsSeriesSchema = z.strictObject({
  event: text.min(1).nullable().default(null).describe('Name of the event; null for all events.'),
  type: eventTypeSchema.nullable().default(null).describe('Type of message; null for all types.'),
  measure: z.enum(MEASURES).default('count'),
});
export type TrendsSeries = z.infer<typeof trendsSeriesSchema>;

/** A local date, a local date and time, or an instant (with `Z` or an offset). */
const bound = z
  .string()
  .regex(
    /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?)?$/,
    'must be a date, a local date and time, or an instant',
  );

export const watermarkSchema = z
  .string()
  .max(8_192)
  .describe("A watermark of the gateway's answer: wait until the events below it are part of the answer.");

const range = {
  from: bound
    .optional()
    .describe('First instant of the range; a date means its start. Default: six days before the last day.'),
  to: bound
    .optional()
    .describe(
      'End of the range: a date is included whole, a time is not included. Default: the current day.',
    ),
  timezone: z
    .string()
    .max(64)
    .optional()
    .describe("IANA time zone that dates and buckets follow. Default: the project's."),
};

const freshness = {
  wait_for: watermarkSchema.optional(),
  wait_timeout_ms: z.int().min(0).max(30_000).default(10_000).describe('Longest wait for `wait_for`.'),
};

export const trendsQuerySchema = z.strictObject({
  kind: z.literal('trends'),
  series: z
    .array(trendsSeriesSchema)
    .min(1)
    .max(10)
    .default([{ event: null, type: null, measure: 'count' }]),
  interval: z.enum(INTERVALS).default('day'),
  week_start: z.enum(['monday', 'sunday']).default('monday'),
  ...range,
  breakdown: breakdownSchema.optional(),
  filters: z.array(filterSchema).max(20).default([]),
  bots: z.enum(['include', 'exclude', 'only']).default('include').describe('Events of known robots.'),
  source: z
    .enum(['auto', 'raw'])
    .default('auto')
    .describe('`raw` answers from single events even where a rollup would do; the numbers are the same.'),
  ...freshness,
});
export type TrendsQuery = z.infer<typeof trendsQuerySchema>;

export const querySchema = z.discriminatedUnion('kind', [trendsQuerySchema]);
export type Query = z.infer<typeof querySchema>;
/** A query as a client writes it: what has a default may be left out. */
export type QueryInput = z.input<typeof querySchema>;
