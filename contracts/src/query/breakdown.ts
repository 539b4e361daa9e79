import { z } from 'zod';
import { churnHorizonSchema } from './churn.js';
import { fieldShape, nameSchema, namesOneField, ONE_FIELD } from './fields.js';

const limit = z
  .int()
  .min(1)
  .max(100)
  .default(10)
  .describe('Groups at most; the rest is counted together as `other`.');

/**
 * Into which groups numbers fall: by the value of a field, by how likely people are to go, or by cohorts. A person can be in
 * several cohorts.
 */
export const breakdownSchema = z.union([
  z.strictObject({ ...fieldShape, limit }).refine(namesOneField, ONE_FIELD),
  z.strictObject({
    churn: z
      .strictObject({ horizon: churnHorizonSchema.default(30) })
      .describe(
        'By risk: `high`, `medium` or `low`; `none` for people who are not scored yet, and for nobody.',
      ),
    limit,
  }),
  z.strictObject({ cohorts: z.array(nameSchema).min(1).max(20) }),
]);
export type Breakdown = z.infer<typeof breakdownSchema>;
/** All but cohorts: a row is in exactly one group. */
export type FieldBreakdown = Exclude<Breakdown, { cohorts: string[] }>;

export const groupNameShape = {
  kind: z
    .enum(['value', 'none', 'other'])
    .describe('`none`: without this value. `other`: all values beyond the limit, counted together.'),
  value: z.string().nullable().describe('The value, or the name of the cohort.'),
};
export const groupNameSchema = z.object(groupNameShape);
export type GroupName = z.infer<typeof groupNameSchema>;
