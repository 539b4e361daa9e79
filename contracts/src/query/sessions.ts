import { z } from 'zod';
import { answerShape, bucketSchema, instantSchema } from './answer.js';
import { groupNameShape } from './breakdown.js';
import { SESSION_FIELDS } from './fields.js';
import { filtersSchema } from './filters.js';
import { botsSchema, INTERVALS, rangeShape, requestShape, weekStartSchema } from './range.js';

export const SESSION_MEASURES = [
  'sessions',
  'users',
  'pageviews',
  'pages_per_session',
  'bounce_rate',
  'avg_duration_seconds',
  'median_duration_seconds',
] as const;
export type SessionMeasure = (typeof SESSION_MEASURES)[number];

/** What is asked, and echoed. */
const question = {
  kind: z.literal('sessions'),
  interval: z.enum([...INTERVALS, 'total']).default('day'),
  measures: z
    .array(z.enum(SESSION_MEASURES))
    .min(1)
    .max(SESSION_MEASURES.length)
    .default([...SESSION_MEASURES])
    .describe(
      'What to compute. All by default; `users` and `median_duration_seconds` cost several times the rest together.',
    ),
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

/** What was not asked for is left out. */
export const sessionNumbersSchema = z.object({
  sessions: count.optional(),
  users: count.optional(),
  pageviews: count.optional(),
  pages_per_session: ratio.optional(),
  bounce_rate: ratio.optional().describe('Share (0 to 1) of sessions with at most one interaction.'),
  avg_duration_seconds: ratio
    .optional()
    .describe('From the first event to the last interaction; sessions of one event take 0.'),
  median_duration_seconds: ratio.optional(),
} satisfies Record<SessionMeasure, z.ZodType>);
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
