import { z } from 'zod';
import { answerShape } from './answer.js';
import { selectorShape } from './event-selector.js';
import { botsSchema, rangeShape, requestShape, weekStartSchema } from './range.js';

/** What is asked, and echoed. */
const question = {
  kind: z.literal('stickiness'),
  ...selectorShape,
  interval: z.enum(['hour', 'day', 'week', 'month']).default('day'),
  min_events: z.int().min(1).max(1_000_000).default(1).describe('Events that make a period an active one.'),
  week_start: weekStartSchema,
  ...rangeShape,
  bots: botsSchema,
};

export const stickinessQuerySchema = z.strictObject({ ...question, ...requestShape });
export type StickinessQuery = z.infer<typeof stickinessQuerySchema>;

export const stickinessAnswerSchema = z.object({
  kind: z.literal('stickiness'),
  query: z.object(question).describe('The question as it was understood, defaults filled in.'),
  ...answerShape,
  periods: z.int().describe('Periods in the range.'),
  users: z.array(z.int().nonnegative()).describe('People active in exactly 1, 2, … periods.'),
  cumulative: z.array(z.int().nonnegative()).describe('People active in at least 1, 2, … periods.'),
});
export type StickinessAnswer = z.infer<typeof stickinessAnswerSchema>;

export const stickinessPointSchema = z.strictObject({
  periods: z.int().min(1),
  at_least: z.boolean().default(false),
});
