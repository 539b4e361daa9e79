import { z } from 'zod';
import { completeThroughSchema, instantSchema, statementSchema, statisticsSchema } from './query/answer.js';
import { nameSchema, textSchema } from './query/fields.js';
import { requestShape } from './query/range.js';
import { watchIntervalSchema, watchMetricSchema } from './watch-metric.js';

/** What is watched, what was found out of the ordinary, and who is told. */

export const SEVERITIES = ['info', 'warning', 'critical'] as const;
export const severitySchema = z.enum(SEVERITIES);

export const CHANNEL_KINDS = ['webhook', 'slack', 'email'] as const;

export const ANOMALY_STATES = ['open', 'acknowledged', 'resolved', 'suppressed'] as const;
export const anomalyStateSchema = z.enum(ANOMALY_STATES);

export const directionSchema = z.enum(['up', 'down']);

const MAX_HOLIDAYS = 400;
const MAX_NAME = 1_024;

/** `PUT /v1/watches/:name`. */
export const watchInputSchema = z.strictObject({
  metric: watchMetricSchema,
  interval: watchIntervalSchema.default('hour').describe('Length of the buckets that are judged.'),
  directions: z
    .array(directionSchema)
    .min(1)
    .max(2)
    .default(['up', 'down'])
    .describe('Which way out of the ordinary counts.'),
  false_alerts_per_month: z
    .number()
    .min(0.01)
    .max(100)
    .default(1)
    .describe('Incidents that may open by chance, a series and 30 days: fewer is less sensitive.'),
  holidays: z
    .array(z.iso.date())
    .max(MAX_HOLIDAYS)
    .default([])
    .describe("Local dates of the project's zone that are like no weekday."),
  lateness_seconds: z
    .int()
    .min(0)
    .max(86_400)
    .nullable()
    .default(null)
    .describe('How long after its end a bucket is judged. Null: the default of the interval.'),
  backfill_days: z
    .int()
    .min(0)
    .max(400)
    .default(35)
    .describe(
      'Days of history that are judged, without notifying anybody, when a series begins to be watched.',
    ),
  enabled: z.boolean().default(true),
});
export type WatchInput = z.input<typeof watchInputSchema>;
export type WatchDefinition = z.infer<typeof watchInputSchema>;

export const watchSeriesSchema = z.object({
  series: z.string().describe('Which one within the watch; empty for the only or total one.'),
  kind: z.enum(['count', 'level']),
  detector: z.string(),
  detector_version: z.int(),
  next_bucket: instantSchema.describe('The next bucket to judge: everything before it is judged.'),
  watched_since: instantSchema.describe('Buckets before it were judged without notifying anybody.'),
  snoozed_until: instantSchema.nullable(),
  retired_at: instantSchema
    .nullable()
    .describe('Since when the watch has no such series any more; null while it is judged.'),
  last_error: z.string().nullable().describe('Why the last look failed; null when it did not.'),
  failed_since: instantSchema.nullable(),
});

export const watchSchema = z.object({
  name: nameSchema,
  ...watchInputSchema.shape,
  created_at: instantSchema,
  updated_at: instantSchema,
});
export type Watch = z.infer<typeof watchSchema>;

export const watchListSchema = z.object({
  watches: z.array(
    watchSchema.extend({
      series: z.int().nonnegative().describe('Series that are judged.'),
      failing: z.int().nonnegative().describe('Series whose last look failed.'),
    }),
  ),
});
export type WatchList = z.infer<typeof watchListSchema>;

export const watchDetailSchema = watchSchema.extend({ series: z.array(watchSeriesSchema) });
export type WatchDetail = z.infer<typeof watchDetailSchema>;

export const evidenceSchema = z.object({
  field: z.string(),
  value: z.string(),
  observed: z.number(),
  expected: z.number(),
  share: z.number().describe('Share of the whole change; of all values of one field they add up to about 1.'),
});

export const FEEDBACKS = ['true_alarm', 'false_alarm'] as const;
const feedbackSchema = z.enum(FEEDBACKS);

export const anomalySchema = z.object({
  anomaly_id: z.int(),
  watch: z.string(),
  metric: watchMetricSchema.describe('As it was when it opened.'),
  series: z.string().describe('Which one within the watch; empty for the only or total one.'),
  interval: watchIntervalSchema,
  bucket: instantSchema.describe('Start of the bucket that opened it.'),
  since: instantSchema.describe('Start of the first bucket that was out of the ordinary.'),
  observed: z.number().describe('In the bucket that opened it, as the next five.'),
  expected: z.number(),
  lower: z.number(),
  upper: z.number(),
  score: z.number().describe('1 less the probability of a value at least as far out, if nothing is wrong.'),
  surprise: z.number().describe('-log10 of that probability.'),
  direction: directionSchema,
  severity: severitySchema,
  state: anomalyStateSchema,
  suppressed_by: z.string().nullable().describe('Why nobody is notified: `snoozed`.'),
  backfilled: z.boolean().describe('Found in history that was judged after the fact.'),
  opened_at: instantSchema.describe('End of the bucket that opened it.'),
  acknowledged_at: instantSchema.nullable(),
  last_seen_at: instantSchema.describe('End of the last bucket that was out of the ordinary.'),
  resolved_at: instantSchema.nullable().describe('End of the bucket that resolved it.'),
  peak: z
    .object({ bucket: instantSchema, observed: z.number(), expected: z.number(), surprise: z.number() })
    .describe('The bucket that was furthest out.'),
  buckets: z.int().describe('From `since` to the last one out of the ordinary; the sums are over them.'),
  observed_sum: z.number(),
  expected_sum: z.number(),
  evidence: z
    .array(evidenceSchema)
    .nullable()
    .describe('Which values explain it. Empty: none stands out. Null: that could not be asked for.'),
  feedback: feedbackSchema.nullable(),
  feedback_at: instantSchema.nullable(),
  snoozed_until: instantSchema.nullable().describe('Of its series.'),
  detector: z.string(),
  detector_version: z.int(),
  change_id: z.int().describe('Grows with every change of any anomaly.'),
});
export type Anomaly = z.infer<typeof anomalySchema>;

const filterShape = {
  state: anomalyStateSchema.optional(),
  severity: severitySchema.optional().describe('This one and worse ones.'),
  watch: nameSchema.optional(),
  series: textSchema.max(MAX_NAME).optional(),
  direction: directionSchema.optional(),
  from: z.iso.datetime({ offset: true }).optional().describe('Opened at or after this instant.'),
  to: z.iso.datetime({ offset: true }).optional().describe('Opened before this instant.'),
  include_backfilled: z
    .enum(['true', 'false'])
    .default('false')
    .describe('Also those found in history that was judged after the fact.'),
};

/** Which anomalies: `GET /v1/anomalies` and the stream of them. */
export const anomalyFilterSchema = z.strictObject(filterShape);
export type AnomalyFilter = z.input<typeof anomalyFilterSchema>;

export const anomalyQuerySchema = z.strictObject({
  ...filterShape,
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(256).optional().describe('`next_cursor` of the page before.'),
});

export const anomalyPageSchema = z.object({
  anomalies: z.array(anomalySchema).describe('Newest first, by `opened_at`.'),
  next_cursor: z.string().nullable().describe('For the next page; null when there are no older ones.'),
});
export type AnomalyPage = z.infer<typeof anomalyPageSchema>;

export const watchPointSchema = z.object({
  bucket: instantSchema,
  observed: z.number().nullable().describe('Null: not known.'),
  expected: z.number().nullable().describe('Null while there is too little history to expect anything.'),
  lower: z.number().nullable(),
  upper: z.number().nullable(),
  tail_probability: z.number(),
  anomalous: z.boolean(),
});
export type WatchPoint = z.infer<typeof watchPointSchema>;

export const anomalyDetailSchema = anomalySchema.extend({
  points: z
    .array(watchPointSchema)
    .describe('Of the series, from 48 buckets before it to 24 after it; of a long one the first 500.'),
});
export type AnomalyDetail = z.infer<typeof anomalyDetailSchema>;

/** `POST /v1/anomalies/:id/snooze`. */
export const snoozeInputSchema = z.union([
  z.strictObject({
    until: z.iso
      .datetime({ offset: true })
      .nullable()
      .describe('Until then nobody is notified of the series; null: it is snoozed no longer.'),
  }),
  z.strictObject({ for_seconds: z.int().min(60).max(31_536_000).describe('From now on.') }),
]);
export type SnoozeInput = z.input<typeof snoozeInputSchema>;

/** `POST /v1/anomalies/:id/feedback`. */
export const feedbackInputSchema = z.strictObject({
  feedback: feedbackSchema.describe(
    'False alarms make the series less sensitive, true ones no more than as configured.',
  ),
});
export type FeedbackInput = z.input<typeof feedbackInputSchema>;

const { timeout_ms, query_id, cache } = requestShape;

/** `POST /v1/anomalies/simulate`: what a watch would have found. */
export const simulateInputSchema = z
  .strictObject({
    watch: nameSchema.optional().describe('A saved watch …'),
    definition: watchInputSchema.optional().describe('… or one that is not saved.'),
    series: z
      .array(textSchema.max(MAX_NAME))
      .min(1)
      .max(200)
      .optional()
      .describe('Only these of its series. Default all of them.'),
    days: z
      .int()
      .min(1)
      .max(90)
      .default(30)
      .describe('Days up to the last closed bucket in which incidents count; what precedes them is learned.'),
    points: z.boolean().default(false).describe('Answer with every bucket of these days.'),
    timeout_ms,
    query_id,
    cache,
  })
  .refine(({ watch, definition }) => (watch === undefined) !== (definition === undefined), {
    message: 'Give either watch or definition',
    path: ['watch'],
  });
export type SimulateInput = z.input<typeof simulateInputSchema>;

export const simulatedIncidentSchema = z.object({
  bucket: instantSchema.describe('Start of the bucket that opens it.'),
  since: instantSchema.describe('Start of the first bucket that was out of the ordinary.'),
  direction: directionSchema,
  observed: z.number(),
  expected: z.number(),
  lower: z.number(),
  upper: z.number(),
  surprise: z.number().describe('-log10 of the probability of a value at least as far out.'),
  resolved_at: instantSchema
    .nullable()
    .describe('End of the bucket that resolves it; null: it is open at the end.'),
  duration_seconds: z
    .number()
    .describe('From `since` to the end of the bucket that resolves it, or of the last one.'),
});

export const simulationSchema = z.object({
  definition: watchInputSchema,
  from: instantSchema,
  to: instantSchema.describe('End of the last bucket that is closed. Not included.'),
  timezone: z.string(),
  incidents: z
    .int()
    .nonnegative()
    .describe('Of all series together: so often it would have fired in these days, here.'),
  series: z.array(
    z.object({
      series: z.string(),
      kind: z.enum(['count', 'level']),
      detector: z.string(),
      learned_from: instantSchema.describe('Start of the history that it learned from.'),
      incidents: z.array(simulatedIncidentSchema),
      points: z.array(watchPointSchema).optional().describe('With `points`.'),
    }),
  ),
  complete_through: completeThroughSchema,
  statistics: statisticsSchema,
  sql: z.array(statementSchema).optional(),
});
export type Simulation = z.infer<typeof simulationSchema>;

const urlSchema = z
  .url({ protocol: /^https?$/ })
  .max(2_048)
  .describe('http or https. It is not shown again but for its host: it may hold a secret.');

const channelShape = {
  min_severity: severitySchema.default('warning').describe('This one and worse ones are told.'),
  delivery: z
    .enum(['each', 'daily'])
    .default('each')
    .describe("`each`: as it happens. `daily`: one digest a day of the project's zone."),
  enabled: z.boolean().default(true),
};

/** `PUT /v1/notification-channels/:name`. */
export const channelInputSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('webhook'),
    url: urlSchema,
    secret: z
      .string()
      .regex(
        /^whsec_(?:[A-Za-z0-9+/]{4}){8,20}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})?$/,
        'must be whsec_ and 24 to 64 bytes as base64',
      )
      .nullable()
      .optional()
      .describe('Signs what is sent. Left out: as it was. Null: none. It is never shown again.'),
    ...channelShape,
  }),
  z.strictObject({ kind: z.literal('slack'), url: urlSchema, ...channelShape }),
  z.strictObject({
    kind: z.literal('email'),
    addresses: z.array(z.email().max(320)).min(1).max(20),
    ...channelShape,
  }),
]);
export type ChannelInput = z.input<typeof channelInputSchema>;

export const notificationSchema = z.object({
  notification_id: z.int(),
  kind: z.enum(['opened', 'resolved', 'digest', 'test']),
  anomaly_id: z.int().nullable(),
  created_at: instantSchema,
  attempts: z.int().nonnegative(),
  delivered_at: instantSchema.nullable(),
  failed_at: instantSchema.nullable().describe('When it was given up.'),
  last_error: z.string().nullable(),
});
export type Notification = z.infer<typeof notificationSchema>;

export const channelSchema = z.object({
  name: nameSchema,
  kind: z.enum(CHANNEL_KINDS),
  host: z.string().nullable().describe('Of the address that webhook and slack post to.'),
  addresses: z.array(z.string()).nullable().describe('Of email.'),
  has_secret: z.boolean(),
  min_severity: severitySchema,
  delivery: z.enum(['each', 'daily']),
  enabled: z.boolean(),
  disabled_reason: z
    .string()
    .nullable()
    .describe('Why it was turned off by itself, such as that the receiver is gone.'),
  created_at: instantSchema,
});
export type Channel = z.infer<typeof channelSchema>;

export const channelListSchema = z.object({ channels: z.array(channelSchema) });
export type ChannelList = z.infer<typeof channelListSchema>;

export const channelDetailSchema = channelSchema.extend({
  notifications: z.array(notificationSchema).describe('Newest first; 50 at most.'),
});
export type ChannelDetail = z.infer<typeof channelDetailSchema>;
