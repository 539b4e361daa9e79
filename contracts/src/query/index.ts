import { z } from 'zod';
import { estimateAnswerSchema } from './answer.js';
import { funnelAnswerSchema, funnelQuerySchema } from './funnel.js';
import { lifecycleAnswerSchema, lifecycleQuerySchema } from './lifecycle.js';
import { liveAnswerSchema, liveQuerySchema } from './live.js';
import { pathsAnswerSchema, pathsQuerySchema } from './paths.js';
import { retentionAnswerSchema, retentionQuerySchema } from './retention.js';
import { revenueAnswerSchema, revenueQuerySchema } from './revenue.js';
import { sessionsAnswerSchema, sessionsQuerySchema } from './sessions.js';
import { stickinessAnswerSchema, stickinessQuerySchema } from './stickiness.js';
import { trendsAnswerSchema, trendsQuerySchema } from './trends.js';

export * from './answer.js';
export * from './breakdown.js';
export * from './churn.js';
export * from './event-selector.js';
export * from './fields.js';
export * from './filters.js';
export * from './funnel.js';
export * from './lifecycle.js';
export * from './live.js';
export * from './paths.js';
export * from './people.js';
export * from './range.js';
export * from './retention.js';
export * from './revenue.js';
export * from './sessions.js';
export * from './stickiness.js';
export * from './trends.js';

/** What can be asked of `POST /v1/query`: one member for each kind of question. */
export const querySchema = z.discriminatedUnion('kind', [
  trendsQuerySchema,
  funnelQuerySchema,
  retentionQuerySchema,
  lifecycleQuerySchema,
  stickinessQuerySchema,
  pathsQuerySchema,
  sessionsQuerySchema,
  revenueQuerySchema,
  liveQuerySchema,
]);
export type Query = z.infer<typeof querySchema>;
/** A query as a client writes it: what has a default may be left out. */
export type QueryInput = z.input<typeof querySchema>;

export const queryAnswerSchema = z.discriminatedUnion('kind', [
  trendsAnswerSchema,
  funnelAnswerSchema,
  retentionAnswerSchema,
  lifecycleAnswerSchema,
  stickinessAnswerSchema,
  pathsAnswerSchema,
  sessionsAnswerSchema,
  revenueAnswerSchema,
  liveAnswerSchema,
  estimateAnswerSchema,
]);
export type QueryAnswer = z.infer<typeof queryAnswerSchema>;
