import { z } from 'zod';
import { answerShape, bucketSchema, instantSchema } from './answer.js';
import { groupNameShape } from './breakdown.js';
import { SESSION_FIELDS } from './fields.js';
import { filtersSchema } from './filters.js';
import { botsSchema, INTERVALS, rangeShape, requestShape, weekStartSchema } from './range.js';

/** What is asked, and echoed. */
const question = {
  kind: z.literal('sessions'),
  interval: z.enum([...INTERVALS, 'total']).default('day'),
  breakdown: z
    .strictObject({
      session: z.enum(SESSION_FIELDS),
      limit: z.int().min(1).max(1_000).default(10),
    })
    .optional()
    .describe('By entry or exit page, source, device …'),
  week_start: weekStartSchema,
  ...rangeShape,
  filters: filtersSchema.describe(
    'Conditions on `session` fields hold for the session; others for at least one of its events.',
  ),
  bots: botsSchema,
};

export const sessionsQuerySchema = z.strictObject({ ...question, ...requestShape });
export type SessionsQuery = z.infer<typeof sessionsQuerySchema>;

const ratio = z.number().nonnegative().nullable().describe('Null without sessions.');
const count = z.int().nonnegative();

export const sessionNumbersSchema = z.object({
  sessions: count,
  users: count,
  pageviews: count,
  pages_per_session: ratio,
  bounce_rate: ratio.describe('Share (0 to 1) of sessions with at most one interaction.'),
  avg_duration_seconds: ratio.describe(
    'From the first event to the last interaction; sessions of one event take 0.',
  ),
  median_duration_seconds: ratio,
});
export type SessionNumbers = z.infer<typeof sessionNumbersSchema>;

export const sessionsAnswerSchema = z.object({
  kind: z.literal('sessions'),
  query: z.object(question).describe('The question as it was understood, defaults filled in.'),
  ...answerShape,
  buckets: z.array(bucketSchema),
  total: sessionNumbersSchema,
  values: z
    .array(sessionNumbersSchema.nullable())
    .describe('One for each bucket, of sessions that start in it; null: not known to be none.'),
  groups: z.array(z.object({ ...groupNameShape, ...sessionNumbersSchema.shape })).optional(),
});
export type SessionsAnswer = z.infer<typeof sessionsAnswerSchema>;

export const sessionsPointSchema = z.strictObject({
  bucket: instantSchema.optional(),
  group: z.strictObject(groupNameShape).optional(),
});
