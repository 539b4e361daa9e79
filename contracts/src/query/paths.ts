import { z } from 'zod';
import { answerShape } from './answer.js';
import { textSchema } from './fields.js';
import { filtersSchema } from './filters.js';
import { botsSchema, rangeShape, requestShape } from './range.js';

/** What is asked, and echoed. */
const question = {
  kind: z.literal('paths'),
  step: z
    .enum(['page_path', 'event', 'page_or_event'])
    .default('page_path')
    .describe('What a step is called by: the path of pages and screens, the name of track events, or both.'),
  scope: z
    .enum(['session', 'user'])
    .default('session')
    .describe('Where a path ends: with the session, or after 30 minutes without a step.'),
  from_step: textSchema.min(1).optional().describe('Paths from the first such step on.'),
  to_step: textSchema.min(1).optional().describe('Paths up to the last such step.'),
  collapse_loops: z.boolean().default(true).describe('Repeats of a step right after itself are one step.'),
  max_steps: z.int().min(2).max(20).default(5),
  min_paths: z.int().min(1).default(1).describe('Edges of fewer paths are left out.'),
  limit: z.int().min(1).max(500).default(50).describe('Edges at most, the largest first.'),
  ...rangeShape,
  filters: filtersSchema,
  bots: botsSchema,
};

export const pathsQuerySchema = z.strictObject({ ...question, ...requestShape });
export type PathsQuery = z.infer<typeof pathsQuerySchema>;

const node = z.object({ step: z.int().min(0).describe('Position in the path, from 0.'), name: z.string() });

export const pathsAnswerSchema = z.object({
  kind: z.literal('paths'),
  query: z.object(question).describe('The question as it was understood, defaults filled in.'),
  ...answerShape,
  paths: z.int().nonnegative().describe('Paths that the edges are made of.'),
  edges: z.array(
    z.object({
      source: node,
      target: node,
      paths: z.int().nonnegative(),
      users: z.int().nonnegative().describe('Different people; 0 when the paths belong to nobody.'),
      median_seconds: z.number().nonnegative(),
    }),
  ),
  edges_left_out: z.int().nonnegative().describe('Edges beyond `limit` or below `min_paths`.'),
});
export type PathsAnswer = z.infer<typeof pathsAnswerSchema>;

export const pathsPointSchema = z.strictObject({
  source: z.strictObject({ step: z.int().min(0), name: textSchema }),
  target: z.strictObject({ step: z.int().min(1), name: textSchema }),
});
