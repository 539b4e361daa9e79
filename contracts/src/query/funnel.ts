import { z } from 'zod';
import { answerShape, bucketSchema, instantSchema } from './answer.js';
import { breakdownSchema, groupNameShape } from './breakdown.js';
import { eventSelectorSchema, selectorShape } from './event-selector.js';
import { textSchema } from './fields.js';
import { filtersSchema } from './filters.js';
import { botsSchema, INTERVALS, rangeShape, requestShape, weekStartSchema } from './range.js';

const MAX_WINDOW_SECONDS = 366 * 86_400;

export const funnelStepSchema = z.strictObject({
  name: textSchema.min(1).optional().describe('How the answer names the step.'),
  ...selectorShape,
});
export type FunnelStep = z.infer<typeof funnelStepSchema>;

export const funnelExclusionSchema = z.strictObject({
  ...eventSelectorSchema.shape,
  after_step: z
    .int()
    .min(0)
    .default(0)
    .describe('The event must not come after this step (counted from 0) …'),
  before_step: z.int().min(1).describe('… and before this one, within the window.'),
});
export type FunnelExclusion = z.infer<typeof funnelExclusionSchema>;

/** What is asked, and echoed. */
const question = {
  kind: z.literal('funnel'),
  steps: z.array(funnelStepSchema).min(1).max(12),
  order: z
    .enum(['ordered', 'strict', 'unordered'])
    .default('ordered')
    .describe(
      '`ordered`: the steps in their order, anything between them. `strict`: with no other event between them. `unordered`: in any order.',
    ),
  window_seconds: z
    .int()
    .min(1)
    .max(MAX_WINDOW_SECONDS)
    .default(14 * 86_400)
    .describe('Longest time from the first step to the last, both ends included.'),
  exclusions: z.array(funnelExclusionSchema).max(5).default([]),
  exclusion_mode: z
    .enum(['leave', 'stop'])
    .default('leave')
    .describe(
      '`leave`: whose every attempt was excluded is in no step. `stop`: an attempt counts up to the step before the exclusion.',
    ),
  breakdown: breakdownSchema.optional(),
  attribution: z
    .union([z.enum(['first', 'last']), z.strictObject({ step: z.int().min(0).max(11) })])
    .default('first')
    .describe(
      "Whose value decides the group: the first or the last event of the person's attempt that has one, or the event of a step; then only people who reached that step are counted.",
    ),
  trend: z
    .enum(INTERVALS)
    .optional()
    .describe('Also answer with conversion over time, by the bucket of the first step.'),
  week_start: weekStartSchema,
  ...rangeShape,
  filters: filtersSchema,
  bots: botsSchema,
};

export const funnelQuerySchema = z
  .strictObject({ ...question, ...requestShape })
  .superRefine((query, context) => {
    for (const [index, exclusion] of query.exclusions.entries()) {
      const path = ['exclusions', index, 'before_step'];
      if (exclusion.before_step >= query.steps.length) {
        context.addIssue({ code: 'custom', message: 'must be a step of the funnel', path });
      } else if (exclusion.after_step >= exclusion.before_step) {
        context.addIssue({ code: 'custom', message: 'must come after after_step', path });
      }
    }
    if (typeof query.attribution === 'object' && query.attribution.step >= query.steps.length) {
      context.addIssue({
        code: 'custom',
        message: 'must be a step of the funnel',
        path: ['attribution', 'step'],
      });
    }
  });
export type FunnelQuery = z.infer<typeof funnelQuerySchema>;

const seconds = z.number().nonnegative().nullable();

export const funnelStepAnswerSchema = z.object({
  name: z.string(),
  users: z.int().nonnegative().describe('People who came at least this far.'),
  dropped: z.int().nonnegative().describe('People who came as far as the step before, and no further.'),
  conversion_from_previous: z.number().nullable(),
  conversion_from_first: z.number().nullable(),
  avg_seconds: seconds.describe('From the step before; null for the first.'),
  median_seconds: seconds,
  p90_seconds: seconds,
});
export type FunnelStepAnswer = z.infer<typeof funnelStepAnswerSchema>;

const funnelShape = {
  steps: z.array(funnelStepAnswerSchema),
  conversion: z
    .object({
      rate: z.number().nullable(),
      avg_seconds: seconds.describe('From the first step to the last.'),
      median_seconds: seconds,
      p90_seconds: seconds,
    })
    .describe('From the first step to the last.'),
};

export const funnelAnswerSchema = z.object({
  kind: z.literal('funnel'),
  query: z.object(question).describe('The question as it was understood, defaults filled in.'),
  ...answerShape,
  ...funnelShape,
  groups: z.array(z.object({ ...groupNameShape, ...funnelShape })).optional(),
  trend: z
    .object({
      buckets: z.array(
        bucketSchema.extend({
          mature: z
            .boolean()
            .describe(
              'True when the window of everyone who entered in the bucket has ended, and is complete.',
            ),
        }),
      ),
      entered: z.array(z.int().nonnegative()),
      converted: z.array(z.int().nonnegative()),
      rate: z.array(z.number().nullable()),
    })
    .optional(),
});
export type FunnelAnswer = z.infer<typeof funnelAnswerSchema>;

export const funnelPointSchema = z.strictObject({
  step: z.int().min(0).max(11),
  dropped: z.boolean().default(false).describe('Those who came as far as the step before, and no further.'),
  group: z.strictObject(groupNameShape).optional(),
  entered_in: instantSchema
    .optional()
    .describe('Start of the bucket of the trend in which they did the first step.'),
});
