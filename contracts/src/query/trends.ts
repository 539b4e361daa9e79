import { z } from 'zod';
import { answerShape, bucketSchema, instantSchema } from './answer.js';
import { breakdownSchema, groupNameShape } from './breakdown.js';
import { selectorShape } from './event-selector.js';
import { propertyPathSchema, textSchema } from './fields.js';
import { filtersSchema } from './filters.js';
import { boundSchema, botsSchema, INTERVALS, rangeShape, requestShape, weekStartSchema } from './range.js';

export const MEASURES = [
  'count',
  'unique_users',
  'unique_sessions',
  'count_per_user',
  'trailing_users',
  'sum',
  'avg',
  'min',
  'max',
  'p50',
  'p90',
  'p99',
] as const;
export type Measure = (typeof MEASURES)[number];

/** Measures of the numbers in a property. */
export const PROPERTY_MEASURES = ['sum', 'avg', 'min', 'max', 'p50', 'p90', 'p99'] as const;

const measureShape = {
  measure: z.enum(MEASURES).default('count'),
  property: propertyPathSchema
    .optional()
    .describe('For sum, avg, min, max, p50, p90, p99: the property whose numbers are measured.'),
  trailing_days: z
    .int()
    .min(1)
    .max(90)
    .optional()
    .describe(
      'For trailing_users: people active in this many days up to the end of a bucket. Default 7. Buckets that are as long count the people in them.',
    ),
};

export const trendsSeriesSchema = z
  .strictObject({
    name: textSchema.min(1).optional().describe('How the answer names the series.'),
    ...selectorShape,
    ...measureShape,
  })
  .refine(
    (series) =>
      (PROPERTY_MEASURES as readonly string[]).includes(series.measure) === (series.property !== undefined),
    {
      message: 'must be given for sum, avg, min, max, p50, p90 and p99, and for no other measure',
      path: ['property'],
    },
  )
  .refine((series) => series.trailing_days === undefined || series.measure === 'trailing_users', {
    message: 'is only for trailing_users',
    path: ['trailing_days'],
  });
export type TrendsSeries = z.infer<typeof trendsSeriesSchema>;

export const formulaSchema = z.strictObject({
  formula: z
    .string()
    .min(1)
    .max(200)
    .describe('Arithmetic over the series, named A, B, C … in their order: + - * / ( ) and numbers.'),
  name: textSchema.min(1).optional(),
});

export const compareSchema = z.union([
  z.literal('previous_period').describe('As many buckets, right before the range.'),
  z.strictObject({ from: boundSchema, to: boundSchema.optional() }).describe('A period of its own.'),
]);

/** What is asked, and echoed. */
const question = {
  kind: z.literal('trends'),
  series: z
    .array(trendsSeriesSchema)
    .min(1)
    .max(10)
    .default([{ event: null, type: null, filters: [], measure: 'count' }]),
  formulas: z.array(formulaSchema).max(10).default([]),
  interval: z.enum([...INTERVALS, 'total']).default('day'),
  week_start: weekStartSchema,
  ...rangeShape,
  compare: compareSchema.optional(),
  breakdown: breakdownSchema.optional(),
  filters: filtersSchema,
  bots: botsSchema,
  source: z
    .enum(['auto', 'raw'])
    .default('auto')
    .describe('`raw` answers from single events even where a rollup would do; the numbers are the same.'),
};

export const trendsQuerySchema = z.strictObject({ ...question, ...requestShape });
export type TrendsQuery = z.infer<typeof trendsQuerySchema>;

const number = z.number().nullable().describe('Null: not known, or there is nothing to measure.');

const valuesShape = { total: number, values: z.array(number).describe('One for each bucket.') };

const comparedShape = {
  ...valuesShape,
  previous: z
    .object(valuesShape)
    .optional()
    .describe('With `compare`: the same of the other period, bucket by bucket in its own order.'),
};

export const trendsGroupSchema = z.object({ ...groupNameShape, ...comparedShape });
export type TrendsGroup = z.infer<typeof trendsGroupSchema>;

export const trendsSeriesAnswerSchema = z.object({
  letter: z.string().describe('By which formulas name it.'),
  name: z.string(),
  event: z.string().nullable(),
  type: z.string().nullable(),
  measure: z.enum(MEASURES),
  definition: z.string().describe('What exactly is counted.'),
  exact: z.boolean(),
  additive: z
    .boolean()
    .describe(
      'Whether buckets and groups add up to the total. Unique users do not: the total is counted for itself.',
    ),
  source: z
    .enum(['counts_15m', 'user_days', 'active_days', 'sessions', 'events'])
    .describe('The table the numbers were read from.'),
  ...comparedShape,
  groups: z.array(trendsGroupSchema).optional().describe('With a breakdown: largest first, `other` last.'),
});
export type TrendsSeriesAnswer = z.infer<typeof trendsSeriesAnswerSchema>;

export const formulaAnswerSchema = z.object({
  formula: z.string(),
  name: z.string(),
  ...comparedShape,
  groups: z.array(trendsGroupSchema).optional(),
});
export type FormulaAnswer = z.infer<typeof formulaAnswerSchema>;

export const trendsAnswerSchema = z.object({
  kind: z.literal('trends'),
  query: z.object(question).describe('The question as it was understood, defaults filled in.'),
  ...answerShape,
  buckets: z.array(bucketSchema),
  previous_buckets: z.array(bucketSchema).optional().describe('With `compare`.'),
  series: z.array(trendsSeriesAnswerSchema),
  formulas: z.array(formulaAnswerSchema),
});
export type TrendsAnswer = z.infer<typeof trendsAnswerSchema>;

/** What `people` may point at in a trends answer. */
export const trendsPointSchema = z.strictObject({
  series: z.int().min(0).max(9).default(0),
  bucket: instantSchema.optional().describe('Start of the bucket; all of the range when left out.'),
  group: z.strictObject(groupNameShape).optional(),
});
