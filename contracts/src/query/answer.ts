import { z } from 'zod';

/** What every answer carries. Instants are ISO 8601 in UTC. */

export const instantSchema = z.string().describe('ISO 8601, UTC.');

export const completeThroughSchema = instantSchema
  .nullable()
  .describe(
    'Every event accepted before this instant is part of the answer; null while that is not known for any instant.',
  );

export const statisticsSchema = z.object({
  rows_read: z.int().nonnegative(),
  bytes_read: z.int().nonnegative(),
  elapsed_ms: z.number().nonnegative().describe('Time in the stores.'),
  cache: z
    .enum(['hit', 'partial', 'miss'])
    .describe('Whether all, some or none of it was remembered from the same data.'),
});
export type Statistics = z.infer<typeof statisticsSchema>;

export const statementSchema = z.object({
  name: z.string(),
  sql: z.string(),
  params: z.record(z.string(), z.unknown()),
});
export type Statement = z.infer<typeof statementSchema>;

export const answerShape = {
  complete_through: completeThroughSchema,
  complete: z
    .boolean()
    .describe(
      'True when every event accepted before the end of the range (or, if that is earlier, by now) is counted.',
    ),
  definition: z.string().describe('What exactly is counted, and how.'),
  exact: z.boolean().describe('False for an estimate.'),
  error_bound: z
    .number()
    .nonnegative()
    .describe('How far a number can be off, as a share of it; 0 when exact.'),
  sampled: z.boolean().describe('Whether only a part of the events was looked at.'),
  additive: z.boolean().describe('Whether buckets and groups add up to the total.'),
  statistics: statisticsSchema,
  sql: z.array(statementSchema).optional().describe('With `include_sql`.'),
};

/** What every kind of answer has beside its own numbers. */
export const answerFrameSchema = z.object(answerShape);
export type AnswerFrame = z.infer<typeof answerFrameSchema>;

export const bucketSchema = z.object({
  start: instantSchema,
  end: instantSchema.describe('Not included.'),
  label: z
    .string()
    .describe('Local wall time at the start. Two buckets can have one label when clocks go back.'),
  complete: z.boolean().describe('True when every event accepted before the end of the bucket is counted.'),
  partial: z.boolean().describe('True when the range covers only a part of this hour, day, week or month.'),
});
export type Bucket = z.infer<typeof bucketSchema>;

/** Counts that cannot be known yet are null, never zero. */
export const countValue = z
  .int()
  .nonnegative()
  .nullable()
  .describe('Null: not known to be zero, because not complete.');

/** The answer to `dry_run`. */
export const estimateAnswerSchema = z.object({
  kind: z.literal('estimate'),
  complete_through: completeThroughSchema,
  rows: z.int().nonnegative().describe('Rows that would be read, at most.'),
  bytes: z.int().nonnegative().describe('Bytes that would be read, about, uncompressed.'),
  statements: z.array(
    z.object({
      name: z.string(),
      rows: z.int().nonnegative(),
      bytes: z.int().nonnegative(),
      parts: z.int().nonnegative(),
      sql: z.string().optional().describe('With `include_sql`.'),
    }),
  ),
});
export type EstimateAnswer = z.infer<typeof estimateAnswerSchema>;
