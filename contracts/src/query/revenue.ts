import { z } from 'zod';
import { answerShape, bucketSchema, instantSchema } from './answer.js';
import { filtersSchema } from './filters.js';
import { botsSchema, INTERVALS, rangeShape, requestShape, weekStartSchema } from './range.js';

/** What is asked, and echoed. */
const question = {
  kind: z.literal('revenue'),
  interval: z.enum([...INTERVALS, 'total']).default('day'),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code')
    .optional()
    .describe('Only this currency. Amounts of different currencies are never added.'),
  ltv: z
    .strictObject({
      period: z.enum(['day', 'week', 'month']).default('month'),
      periods: z.int().min(1).max(36).default(6),
    })
    .optional()
    .describe('Also answer with the lifetime value of people who came in the range, by their age.'),
  week_start: weekStartSchema,
  ...rangeShape,
  filters: filtersSchema,
  bots: botsSchema,
};

export const revenueQuerySchema = z.strictObject({ ...question, ...requestShape });
export type RevenueQuery = z.infer<typeof revenueQuerySchema>;

const amount = z
  .string()
  .regex(/^-?\d+(\.\d+)?$/)
  .describe('A decimal number, exact.');
const average = z.number().nullable();
const count = z.int().nonnegative();

export const revenueNumbersSchema = z.object({
  revenue: amount,
  purchases: count.describe('Events with an amount.'),
  paying_users: count,
  users: count.describe('People active in the range or bucket, paying or not.'),
  per_user: average,
  per_paying_user: average,
  average_order: average,
});
export type RevenueNumbers = z.infer<typeof revenueNumbersSchema>;

export const revenueAnswerSchema = z.object({
  kind: z.literal('revenue'),
  query: z.object(question).describe('The question as it was understood, defaults filled in.'),
  ...answerShape,
  buckets: z.array(bucketSchema),
  currencies: z.array(
    z.object({
      currency: z.string().describe('Empty: amounts without a currency.'),
      total: revenueNumbersSchema,
      values: z.array(revenueNumbersSchema.nullable()),
      ltv: z
        .object({
          users: count.describe('People who came in the range.'),
          points: z.array(
            z.object({
              age: z.int().nonnegative().describe('Periods since they came; 0 is the first.'),
              users: count.describe('Those who have reached this age.'),
              per_user: average.describe('Revenue up to and including this age, for each of them.'),
            }),
          ),
        })
        .optional(),
    }),
  ),
});
export type RevenueAnswer = z.infer<typeof revenueAnswerSchema>;

export const revenuePointSchema = z.strictObject({
  currency: z.string().max(3),
  bucket: instantSchema.optional(),
});
