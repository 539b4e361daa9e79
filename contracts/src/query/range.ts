import { z } from 'zod';

/** A local date, a local date and time, or an instant (with `Z` or an offset). */
export const boundSchema = z
  .string()
  .regex(
    /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?)?$/,
    'must be a date, a local date and time, or an instant',
  );

export const INTERVALS = ['minute', '15m', 'hour', 'day', 'week', 'month'] as const;
export type Interval = (typeof INTERVALS)[number];

export const weekStartSchema = z.enum(['monday', 'sunday']).default('monday');

/** The range of a question and the clocks it goes by. */
export const rangeShape = {
  from: boundSchema
    .optional()
    .describe('First instant of the range; a date means its start. Default: six days before the last day.'),
  to: boundSchema
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

export const botsSchema = z
  .enum(['include', 'exclude', 'only'])
  .default('include')
  .describe('Events of known robots.');
export type Bots = z.infer<typeof botsSchema>;

export const watermarkSchema = z
  .string()
  .max(8_192)
  .describe("A watermark of the gateway's answer: wait until the events below it are part of the answer.");

/** How a question is to be run; no part of what is asked. */
export const requestShape = {
  wait_for: watermarkSchema.optional(),
  wait_timeout_ms: z.int().min(0).max(30_000).default(10_000).describe('Longest wait for `wait_for`.'),
  timeout_ms: z
    .int()
    .min(1)
    .max(600_000)
    .optional()
    .describe("Time for the answer. Default, and most: the server's limit."),
  dry_run: z
    .boolean()
    .default(false)
    .describe('Answer with an estimate of the rows and bytes that would be read, and read none.'),
  include_sql: z
    .boolean()
    .default(false)
    .describe('Answer with the SQL that was run and the values bound to it.'),
  cache: z
    .enum(['use', 'refresh'])
    .default('use')
    .describe('`refresh`: do not answer from memory. What is remembered is never older than the data.'),
  query_id: z
    .string()
    .regex(/^[\w.-]{1,64}$/, 'must be 64 letters, digits, ., - and _ at most')
    .optional()
    .describe('A name for this request, by which `DELETE /v1/queries/:query_id` cancels it.'),
};
export const REQUEST_KEYS = Object.keys(requestShape) as (keyof typeof requestShape)[];
