import { z } from 'zod';
import { answerShape } from './answer.js';
import { funnelPointSchema, funnelQuerySchema } from './funnel.js';
import { lifecyclePointSchema, lifecycleQuerySchema } from './lifecycle.js';
import { livePointSchema, liveQuerySchema } from './live.js';
import { pathsPointSchema, pathsQuerySchema } from './paths.js';
import { retentionPointSchema, retentionQuerySchema } from './retention.js';
import { revenuePointSchema, revenueQuerySchema } from './revenue.js';
import { sessionsPointSchema, sessionsQuerySchema } from './sessions.js';
import { stickinessPointSchema, stickinessQuerySchema } from './stickiness.js';
import { trendsPointSchema, trendsQuerySchema } from './trends.js';

/** Which number of an answer is meant, for each kind of question. */
export const POINT_SCHEMAS = {
  trends: trendsPointSchema,
  funnel: funnelPointSchema,
  retention: retentionPointSchema,
  lifecycle: lifecyclePointSchema,
  stickiness: stickinessPointSchema,
  paths: pathsPointSchema,
  sessions: sessionsPointSchema,
  revenue: revenuePointSchema,
  live: livePointSchema,
} as const;
export type Point<K extends keyof typeof POINT_SCHEMAS> = z.infer<(typeof POINT_SCHEMAS)[K]>;

const pageShape = {
  cursor: z.string().max(512).optional().describe('From the page before.'),
  limit: z.int().min(1).max(1_000).default(100),
};

/** `POST /v1/people`: the people that one number of an answer counts. One schema for each kind of question. */
export const PEOPLE_SCHEMAS = {
  trends: z.strictObject({ query: trendsQuerySchema, point: trendsPointSchema, ...pageShape }),
  funnel: z.strictObject({ query: funnelQuerySchema, point: funnelPointSchema, ...pageShape }),
  retention: z.strictObject({ query: retentionQuerySchema, point: retentionPointSchema, ...pageShape }),
  lifecycle: z.strictObject({ query: lifecycleQuerySchema, point: lifecyclePointSchema, ...pageShape }),
  stickiness: z.strictObject({ query: stickinessQuerySchema, point: stickinessPointSchema, ...pageShape }),
  paths: z.strictObject({ query: pathsQuerySchema, point: pathsPointSchema, ...pageShape }),
  sessions: z.strictObject({ query: sessionsQuerySchema, point: sessionsPointSchema, ...pageShape }),
  revenue: z.strictObject({ query: revenueQuerySchema, point: revenuePointSchema, ...pageShape }),
  live: z.strictObject({ query: liveQuerySchema, point: livePointSchema, ...pageShape }),
} as const;
export type QueryKind = keyof typeof PEOPLE_SCHEMAS;
export type PeopleQuery = z.infer<(typeof PEOPLE_SCHEMAS)[QueryKind]>;
export type PeopleQueryInput = z.input<(typeof PEOPLE_SCHEMAS)[QueryKind]>;

export const peopleAnswerSchema = z.object({
  total: z.int().nonnegative().describe('As many as the number itself says.'),
  people: z.array(
    z.object({ user_id: z.string().describe('The id that all merged ids of the person stand for.') }),
  ),
  next_cursor: z.string().nullable(),
  complete_through: answerShape.complete_through,
  statistics: answerShape.statistics,
  sql: answerShape.sql,
});
export type PeopleAnswer = z.infer<typeof peopleAnswerSchema>;
