import { z } from 'zod';
import { completeThroughSchema, instantSchema } from './query/answer.js';
import { nameSchema, textSchema } from './query/fields.js';
import { filterSchema } from './query/filters.js';

/** Ids in a static cohort at most. */
export const MAX_COHORT_IDS = 50_000;

const description = textSchema.default('').describe('For people.');

/** `PUT /v1/cohorts/:name`: a filter that is asked anew each time, or a list of ids. */
export const cohortInputSchema = z.union([
  z.strictObject({
    description,
    filter: filterSchema.describe(
      'Conditions on people alone: behaviours, cohorts, churn and `user_property`, put together with and, or and not.',
    ),
  }),
  z.strictObject({
    description,
    user_ids: z
      .array(textSchema.min(1))
      .min(1)
      .max(MAX_COHORT_IDS)
      .describe('Any ids of the people; those that are merged later stand for the same person.'),
  }),
]);
export type CohortInput = z.input<typeof cohortInputSchema>;
export type CohortDefinitionInput = z.infer<typeof cohortInputSchema>;

export const cohortSchema = z.object({
  name: nameSchema,
  description: z.string(),
  kind: z.enum(['live', 'static']),
  filter: filterSchema.nullable().describe('Of a live cohort.'),
  listed_ids: z.int().nonnegative().nullable().describe('Ids in the list of a static cohort.'),
  updated_at: instantSchema,
});
export type Cohort = z.infer<typeof cohortSchema>;

export const cohortListSchema = z.object({ cohorts: z.array(cohortSchema) });
export type CohortList = z.infer<typeof cohortListSchema>;

export const cohortDetailSchema = cohortSchema.extend({
  people: z
    .int()
    .nonnegative()
    .describe('Different people who were ever seen and are in it now; ids of one person count once.'),
  complete_through: completeThroughSchema,
});
export type CohortDetail = z.infer<typeof cohortDetailSchema>;
