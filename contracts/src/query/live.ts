import { z } from 'zod';
import { answerShape, instantSchema } from './answer.js';
import { filtersSchema } from './filters.js';
import { botsSchema, requestShape } from './range.js';

/** What is asked, and echoed. */
const question = {
  kind: z.literal('live'),
  minutes: z.int().min(1).max(240).default(30),
  active_minutes: z
    .int()
    .min(1)
    .max(60)
    .default(5)
    .describe('Who was active in these last minutes is here now.'),
  limit: z.int().min(1).max(50).default(10),
  filters: filtersSchema,
  bots: botsSchema.default('exclude'),
};

export const liveQuerySchema = z.strictObject({ ...question, ...requestShape });
export type LiveQuery = z.infer<typeof liveQuerySchema>;

const count = z.int().nonnegative();
const top = z.array(z.object({ value: z.string(), users: count, events: count }));

export const liveAnswerSchema = z.object({
  kind: z.literal('live'),
  query: z.object(question).describe('The question as it was understood, defaults filled in.'),
  ...answerShape,
  now: instantSchema,
  active_users: count,
  events: count,
  minutes: z.array(z.object({ start: instantSchema, events: count, users: count })),
  pages: top,
  names: top.describe('Names of events.'),
  channels: top,
  countries: top,
});
export type LiveAnswer = z.infer<typeof liveAnswerSchema>;

export const livePointSchema = z.strictObject({});
