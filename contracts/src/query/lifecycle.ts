import { z } from 'zod';
import { answerShape, bucketSchema, countValue, instantSchema } from './answer.js';
import { selectorShape } from './event-selector.js';
import { botsSchema, rangeShape, requestShape, weekStartSchema } from './range.js';

/** What is asked, and echoed. */
const question = {
  kind: z.literal('lifecycle'),
  ...selectorShape,
  interval: z.enum(['hour', 'day', 'week', 'month']).default('day'),
  week_start: weekStartSchema,
  ...rangeShape,
  bots: botsSchema,
};

export const lifecycleQuerySchema = z.strictObject({ ...question, ...requestShape });
export type LifecycleQuery = z.infer<typeof lifecycleQuerySchema>;

export const LIFECYCLE_STATES = ['new', 'returning', 'resurrecting', 'dormant'] as const;

const counts = z.array(countValue);

export const lifecycleAnswerSchema = z.object({
  kind: z.literal('lifecycle'),
  query: z.object(question).describe('The question as it was understood, defaults filled in.'),
  ...answerShape,
  buckets: z.array(bucketSchema),
  new: counts.describe('People whose first such event ever lies in the bucket.'),
  returning: counts.describe('People active in the bucket and in the one before.'),
  resurrecting: counts.describe('People active in the bucket, not in the one before, and once earlier.'),
  dormant: counts.describe('People active in the bucket before and not in this one; a positive number.'),
});
export type LifecycleAnswer = z.infer<typeof lifecycleAnswerSchema>;

export const lifecyclePointSchema = z.strictObject({
  bucket: instantSchema,
  state: z.enum(LIFECYCLE_STATES),
});
