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
  bands: z
    .boolean()
    .default(false)
    .describe(
      'With what was to be expected of each series in each bucket, and what was out of the ordinary.',
    ),
  forecast: z
    .strictObject({ buckets: z.int().min(1).max(366).describe('How many buckets to foresee.') })
    .optional()
    .describe('With what is to be expected of each series after the last complete bucket of the range.'),
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

/** Why there is no band or forecast. */
export const NO_EXPECTATION_REASONS = [
  'interval_not_supported',
  'history_too_short',
  'history_has_gaps',
  'no_values',
] as const;

const noExpectationShape = {
  reason: z
    .enum(NO_EXPECTATION_REASONS)
    .describe(
      '`interval_not_supported`: buckets are too long, too short or too many. `history_too_short`: there is not enough before. `history_has_gaps`: too much of it is not known. `no_values`: there never was anything.',
    ),
};

export const bandAnswerSchema = z.discriminatedUnion('source', [
  z.object({
    source: z
      .enum(['watched', 'computed'])
      .describe(
        '`watched`: as the watch judged each bucket at its time. `computed`: worked out now, from the history before.',
      ),
    watch: z.string().nullable().describe('Name of the watch.'),
    series: z.string().nullable().describe('Of the watch.'),
    buckets: z
      .array(
        z.object({
          expected: number.describe('Null: nothing was to be expected yet, or the bucket was not judged.'),
          lower: number,
          upper: number,
          anomalous: z.boolean().describe('Outside of [lower, upper], taken alone.'),
        }),
      )
      .describe('One for each bucket.'),
    incidents: z
      .array(
        z.object({
          anomaly_id: z.int().nullable().describe('Null when it was computed.'),
          direction: z.enum(['up', 'down']),
          severity: z.enum(['info', 'warning', 'critical']).nullable(),
          since: instantSchema,
          bucket: instantSchema.describe('Start of the bucket that opened it.'),
          until: instantSchema
            .nullable()
            .describe('End of the bucket that resolved it; null while it is open.'),
        }),
      )
      .describe('Those that lie in the range, in part or whole, oldest first.'),
  }),
  z.object({ source: z.literal('none'), ...noExpectationShape }),
]);
export type BandAnswer = z.infer<typeof bandAnswerSchema>;

const share = z.number().min(0).max(1).nullable();

export const forecastAnswerSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('forecast'),
    buckets: z.array(
      z.object({
        start: instantSchema,
        end: instantSchema.describe('Not included.'),
        label: z.string(),
        expected: z.number(),
        lower80: z.number().describe('Of 100 values about 80 lie between lower80 and upper80.'),
        upper80: z.number(),
        lower95: z.number(),
        upper95: z.number(),
      }),
    ),
    history: z
      .object({ from: instantSchema, to: instantSchema, buckets: z.int() })
      .describe('Complete buckets that it was made from.'),
    backtest: z
      .object({
        origins: z.int().describe('Instants of the past that were forecast from, with what was known then.'),
        scaled_error: z
          .number()
          .nullable()
          .describe(
            'Mean absolute error over that of the seasonal naive forecast; below 1 is better than it.',
          ),
        coverage80: share.describe('Share of values that lay in the bands.'),
        coverage95: share,
      })
      .describe('How well such forecasts would have done in the past.'),
    seasonality: z.object({
      hours: z
        .array(z.number())
        .nullable()
        .describe('Share of each local hour of the day; 1 is an average one.'),
      weekdays: z.array(z.number()).nullable().describe('Share of each weekday, Monday first.'),
    }),
  }),
  z.object({
    kind: z.literal('none'),
    ...noExpectationShape,
    needed: z.int().optional().describe('Buckets there must be since the first value.'),
    found: z.int().optional(),
  }),
]);
export type ForecastAnswer = z.infer<typeof forecastAnswerSchema>;

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
  band: bandAnswerSchema.optional().describe('With `bands`: of all groups together.'),
  forecast: forecastAnswerSchema.optional().describe('With `forecast`: of all groups together.'),
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
