import { z } from 'zod';
import { answerShape, instantSchema } from './answer.js';
import { eventSelectorSchema } from './event-selector.js';
import { filtersSchema } from './filters.js';
import { botsSchema, rangeShape, requestShape, weekStartSchema } from './range.js';

/** What is asked, and echoed. */
const question = {
  kind: z.literal('retention'),
  start: eventSelectorSchema
    .default({ event: null, type: null, filters: [] })
    .describe('What puts a person into a cohort.'),
  return: eventSelectorSchema
    .default({ event: null, type: null, filters: [] })
    .describe('What counts as coming back.'),
  cohort: z
    .enum(['recurring', 'first_touch', 'first_matching'])
    .default('recurring')
    .describe(
      '`recurring`: a person is in the cohort of every period with the start event. `first_touch`: only in that of their first start event ever, before filters of the start event are looked at. `first_matching`: of the first that meets the filters.',
    ),
  match: z
    .enum(['on', 'on_or_after'])
    .default('on')
    .describe('`on`: back in that period. `on_or_after`: in that or any later one of the table.'),
  clock: z
    .enum(['calendar', 'elapsed_24h', 'elapsed_24h_floored'])
    .default('calendar')
    .describe(
      '`calendar`: periods of the local calendar. `elapsed_24h`: times 24 hours since the own start event. `elapsed_24h_floored`: since the hour in which it happened. Elapsed clocks count days.',
    ),
  period: z.enum(['day', 'week', 'month']).default('day'),
  periods: z.int().min(1).max(60).default(8).describe('Cohorts, where `from` or `to` is missing.'),
  columns: z
    .int()
    .min(1)
    .max(60)
    .optional()
    .describe(
      'Columns of each row, the cohort itself included. Default: a triangle that ends with the last period.',
    ),
  week_start: weekStartSchema,
  ...rangeShape,
  filters: filtersSchema,
  bots: botsSchema,
};

export const retentionQuerySchema = z.strictObject({ ...question, ...requestShape });
export type RetentionQuery = z.infer<typeof retentionQuerySchema>;

export const retentionCellSchema = z.object({
  users: z.int().nonnegative(),
  rate: z.number().nullable().describe('Of the cohort; null where that is empty.'),
  mature: z.boolean().describe('True when the period has ended for the whole cohort, and is complete.'),
});

export const retentionAnswerSchema = z.object({
  kind: z.literal('retention'),
  query: z.object(question).describe('The question as it was understood, defaults filled in.'),
  ...answerShape,
  rows: z.array(
    z.object({
      start: instantSchema,
      end: instantSchema,
      label: z.string(),
      partial: z.boolean().describe('True when the range covers only a part of this day, week or month.'),
      size: z.int().nonnegative(),
      cells: z.array(retentionCellSchema).describe('Column 0 is the cohort in its own period.'),
    }),
  ),
  averages: z
    .array(
      z.object({
        rate: z.number().nullable().describe('Null where there is nobody.'),
        cohorts: z.int().nonnegative().describe('Cohorts it is made of: those with people.'),
        users: z.int().nonnegative().describe('People in them.'),
      }),
    )
    .describe('For each column: the share of all people in cohorts for which the period has ended.'),
});
export type RetentionAnswer = z.infer<typeof retentionAnswerSchema>;

export const retentionPointSchema = z.strictObject({
  row: instantSchema.describe('Start of the row.'),
  column: z.int().min(0).max(59),
  returned: z.boolean().default(true).describe('False: those of the row who are not in the cell.'),
});
