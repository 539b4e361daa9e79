import { z } from 'zod';
import { completeThroughSchema, instantSchema, statisticsSchema } from './query/answer.js';
import { CHURN_HORIZONS, churnHorizonSchema } from './query/churn.js';
import { textSchema } from './query/fields.js';

/** Who is likely to go: what it means for a project, the scores of its people, and how good they are. */

const currencySchema = z.string().regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code');

/** What makes somebody active on a day. */
export const churnActivitySchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('any_event') }).describe('Any event.'),
  z.strictObject({ kind: z.literal('session') }).describe('A session that starts on the day.'),
  z
    .strictObject({ kind: z.literal('event'), events: z.array(textSchema.min(1)).min(1).max(20) })
    .describe('An event with one of these names: purchases, for example.'),
]);
export type ChurnActivity = z.infer<typeof churnActivitySchema>;

/** `PUT /v1/churn/definition`. */
export const churnDefinitionSchema = z.strictObject({
  activity: churnActivitySchema.default({ kind: 'any_event' }),
  currency: currencySchema
    .nullable()
    .default(null)
    .describe(
      'In which value is counted; amounts in others do not count. Null: the one with most purchases.',
    ),
  bots: z.enum(['include', 'exclude']).default('exclude').describe('Activity of robots.'),
});
export type ChurnDefinition = z.infer<typeof churnDefinitionSchema>;
export type ChurnDefinitionInput = z.input<typeof churnDefinitionSchema>;

/** Of a project that has said nothing. */
export const DEFAULT_CHURN_DEFINITION: ChurnDefinition = churnDefinitionSchema.parse({});

export const churnDefinitionAnswerSchema = z.object({
  definition: churnDefinitionSchema,
  updated_at: instantSchema.nullable().describe('Null: the default, which nobody has changed.'),
});
export type ChurnDefinitionAnswer = z.infer<typeof churnDefinitionAnswerSchema>;

const count = z.int().nonnegative();
const day = z.string().describe('A local date of the project.');
const probability = z.number().min(0).max(1);

export const churnRunSchema = z.object({
  run_id: z.int(),
  model_id: z.int(),
  known_through: day.describe('Last local day that the scores know of. Horizons are counted from its end.'),
  published_at: instantSchema,
  people: count.describe('People who are scored: everyone who was active in the last three years.'),
  timezone: z.string(),
  definition: churnDefinitionSchema.describe('As it was for this run.'),
  currency: z.string().nullable().describe('In which value is counted; null: nothing was ever sold.'),
});
export type ChurnRun = z.infer<typeof churnRunSchema>;

export const churnReasonSchema = z.object({
  feature: z
    .string()
    .describe(
      '`recency`: days since the last active one; `rhythm`: the same beside the own habit; `frequency`: how often so far; `age`: how long there; `trend`: more or less of late; `intensity`: events an active day; `spend`: money.',
    ),
  contribution: z
    .number()
    .describe('What it adds to the log-odds of churn of a typical person. Below 0: it speaks against.'),
});
export type ChurnReason = z.infer<typeof churnReasonSchema>;

const scoreShape = {
  churn_probability: probability.describe('Of no activity within the horizon.'),
  expected_active_days: z.number().nonnegative(),
  expected_value: z.number().nonnegative().describe('In the currency of the run; 0 where nothing is sold.'),
  reasons: z.array(churnReasonSchema).describe('The strongest first, three at most.'),
};

export const churnPersonSchema = z.object({
  user_id: z.string().describe('The id that all merged ids of the person stand for.'),
  ...scoreShape,
  last_active: day,
  age_days: count.describe('Days from the first active day to the last that the scores know of.'),
});
export type ChurnPerson = z.infer<typeof churnPersonSchema>;

/** `GET /v1/churn`. */
export const churnPageSchema = z.object({
  run: churnRunSchema,
  horizon: churnHorizonSchema,
  total: count.describe('People who meet the conditions, on all pages.'),
  people: z.array(churnPersonSchema),
  next_cursor: z.string().nullable(),
  complete_through: completeThroughSchema.describe('Of cohorts and merges; scores know what their run knew.'),
  statistics: statisticsSchema,
});
export type ChurnPage = z.infer<typeof churnPageSchema>;

/** What `GET /v1/users/:id` says of churn. */
export const userChurnSchema = z.discriminatedUnion('state', [
  z.object({
    state: z.literal('scored'),
    run: churnRunSchema,
    last_active: day,
    age_days: count,
    horizons: z.array(z.object({ horizon: churnHorizonSchema, ...scoreShape })).length(CHURN_HORIZONS.length),
  }),
  z.object({
    state: z.literal('not_scored'),
    reason: z
      .enum(['no_scores', 'not_in_run'])
      .describe(
        '`no_scores`: nobody of the project is scored yet. `not_in_run`: the person was not active before the newest run.',
      ),
    detail: z.string(),
  }),
]);
export type UserChurn = z.infer<typeof userChurnSchema>;

const measuresSchema = z.object({
  people: count,
  churned: count.describe('Of whom it turned out to be true.'),
  auc: z
    .number()
    .nullable()
    .describe('Chance that one who went was given more than one who did not; null: nobody differed.'),
  ece: z.number().describe('Expected calibration error, over ten groups of equal size.'),
  brier: z.number(),
  log_loss: z.number(),
  lift_top_decile: z
    .number()
    .nullable()
    .describe('How many times more of the tenth at highest risk went than of all.'),
});

/** `GET /v1/churn/model`. */
export const churnModelSchema = z.object({
  run: churnRunSchema,
  model: z.object({
    model_id: z.int(),
    version: z.int(),
    trained_at: instantSchema,
    known_through: day,
    people: count.describe('People it was learned from.'),
    share: z.number().describe('Which part of all people they are.'),
  }),
  horizons: z.array(
    z.object({
      horizon: churnHorizonSchema,
      serves: z
        .enum(['logistic', 'recency', 'mbg-nbd'])
        .describe(
          '`logistic`: a regression on what is known of people. `recency`: the baseline, the same on the days since the last activity alone. `mbg-nbd`: a model of buying and dropping out, where there is no past to learn from.',
        ),
      reason: z
        .string()
        .describe(
          '`beats_baseline`, `baseline_not_beaten`, `not_tested` (no window was left to test on) or `no_labelled_past`.',
        ),
      training_windows: z.array(z.object({ cutoff: day, days: z.int(), people: count, active: count })),
      back_test: z
        .object({
          cutoff: day.describe('The model knew nothing after it.'),
          days: z.int(),
          people: count,
          churned: count,
          model: measuresSchema,
          recency: measuresSchema.describe('The baseline: days since the last activity alone.'),
          mbg_nbd: measuresSchema,
          calibration: z.array(
            z.object({
              people: count,
              lowest: probability,
              highest: probability,
              mean_predicted: probability,
              observed: probability.describe('Share of whom it turned out to be true.'),
            }),
          ),
        })
        .nullable()
        .describe('What the model would have foretold of the last window that is over, and what happened.'),
    }),
  ),
});
export type ChurnModelAnswer = z.infer<typeof churnModelSchema>;

/** `GET /v1/churn/runs`. */
export const churnRunsSchema = z.object({
  last_attempt: z
    .object({
      attempted_at: instantSchema,
      outcome: z.enum(['published', 'too_little_history', 'incomplete', 'failed']),
      detail: z.string(),
    })
    .nullable(),
  runs: z
    .array(
      z.object({
        run_id: z.int(),
        model_id: z.int(),
        state: z.enum(['running', 'published', 'abandoned']),
        known_through: day,
        slices: count,
        slices_done: count,
        people: count.nullable().describe('Known when the run is whole.'),
        started_at: instantSchema,
        published_at: instantSchema.nullable(),
      }),
    )
    .describe('The newest first.'),
});
export type ChurnRuns = z.infer<typeof churnRunsSchema>;

/** `POST /v1/churn/run`. */
export const churnJobSchema = z.object({
  job_id: z.int(),
  state: z.enum(['queued', 'running', 'done', 'failed']),
  progress: z.record(z.string(), z.unknown()),
  error: z.string().nullable(),
});
export type ChurnJob = z.infer<typeof churnJobSchema>;
