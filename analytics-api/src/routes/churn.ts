import {
  churnDefinitionAnswerSchema,
  churnDefinitionSchema,
  churnJobSchema,
  churnModelSchema,
  churnPageSchema,
  churnRunsSchema,
  CHURN_HORIZONS,
  DEFAULT_CHURN_DEFINITION,
  nameSchema,
  problemSchema,
  SluiceError,
} from '@sluice/contracts';
import { z } from 'zod';
import { notedBy } from '../access/noted-by.js';
import { askerOf, type ApiContext, type ApiScope } from '../api-context.js';
import { findChurnRun } from '../ask/find-churn-run.js';
import { listScores } from '../churn/list-scores.js';
import { modelAnswerOf } from '../churn/run-answer.js';
import {
  askChurnAttempt,
  askChurnDefinition,
  askChurnModel,
  askChurnRuns,
  askScoringJob,
  CHURN_ORDERS,
  requestScoring,
  saveChurnDefinition,
} from '../questions/churn.js';
import { pageParameters, textParameter } from './parameters.js';

const faults = { '4xx': problemSchema, '5xx': problemSchema };
const number = z.coerce.number();
const probability = number.min(0).max(1).optional();
const MAX_JOB = 2 ** 53 - 1;

/** `/v1/churn`: who is likely to go, what that means, and how well it is known. */
export function registerChurn(app: ApiScope, context: ApiContext): void {
  const { runPostgres, changePostgres } = context;

  app.get(
    '/v1/churn',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'List people by how likely they are to go, or by the value that is expected of them',
        description: 'The largest first. Pages that follow each other are of one scoring.',
        querystring: z.strictObject({
          horizon: number
            .pipe(z.union(CHURN_HORIZONS.map((days) => z.literal(days))))
            .default(30)
            .describe('7, 30 or 90 days after the last day that the scores know of.'),
          order: z.enum(CHURN_ORDERS).default('churn_probability'),
          min_probability: probability.describe('Included.'),
          max_probability: probability.describe('Included.'),
          min_expected_value: number.min(0).optional().describe('Included; in the currency of the run.'),
          search: textParameter
            .max(256)
            .optional()
            .describe('What their id, email or name begins with, whatever the case.'),
          cohort: nameSchema.optional().describe('Only people of this cohort, as of now.'),
          ...pageParameters,
        }),
        response: { 200: churnPageSchema, ...faults },
      },
    },
    async (request, reply) => listScores(request.query, askerOf(request, reply), context),
  );

  app.get(
    '/v1/churn/model',
    {
      config: { scope: 'read' },
      schema: {
        summary:
          'Show what the scores are made by, and how well it would have foretold what has happened since',
        response: { 200: churnModelSchema, ...faults },
      },
    },
    async (request) => {
      const { projectId } = request.owner.project;
      const run = await findChurnRun(projectId, { runPostgres, limits: {} });
      const { rows } = await runPostgres(askChurnModel(projectId, run.model_id));
      if (rows[0] === undefined) throw new SluiceError('internal_error');
      return modelAnswerOf(run, rows[0]);
    },
  );

  app.get(
    '/v1/churn/definition',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Show what counts as being active',
        response: { 200: churnDefinitionAnswerSchema, ...faults },
      },
    },
    async (request) => {
      const { rows } = await runPostgres(askChurnDefinition(request.owner.project.projectId));
      return {
        definition: rows[0]?.definition ?? DEFAULT_CHURN_DEFINITION,
        updated_at: rows[0]?.updated_at.toISOString() ?? null,
      };
    },
  );

  app.put(
    '/v1/churn/definition',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Say what counts as being active; people are scored by it from the next scoring on',
        body: churnDefinitionSchema,
        response: { 200: churnDefinitionAnswerSchema, ...faults },
      },
    },
    async (request) => {
      const { projectId } = request.owner.project;
      const { rows } = await changePostgres(
        saveChurnDefinition(projectId, request.body),
        notedBy(request, 'churn_definition.save', 'churn definition', askChurnDefinition(projectId)),
      );
      return { definition: rows[0]!.definition, updated_at: rows[0]!.updated_at.toISOString() };
    },
  );

  app.get(
    '/v1/churn/runs',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'List scorings that ran or run, and how the last attempt went',
        response: { 200: churnRunsSchema, ...faults },
      },
    },
    async (request) => {
      const { projectId } = request.owner.project;
      const [attempts, runs] = await Promise.all([
        runPostgres(askChurnAttempt(projectId)),
        runPostgres(askChurnRuns(projectId)),
      ]);
      const attempt = attempts.rows[0];
      return {
        last_attempt:
          attempt === undefined ? null : { ...attempt, attempted_at: attempt.attempted_at.toISOString() },
        runs: runs.rows.map(({ started_at, published_at, ...run }) => ({
          ...run,
          started_at: started_at.toISOString(),
          published_at: published_at?.toISOString() ?? null,
        })),
      };
    },
  );

  app.post(
    '/v1/churn/run',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Ask a pipeline to score everybody now',
        description: 'A job that was asked for before and is not done is the same one.',
        response: { 200: churnJobSchema, ...faults },
      },
    },
    async (request) => {
      const { rows } = await changePostgres(
        requestScoring(request.owner.project.projectId),
        notedBy(request, 'churn.run', (rows) => `job ${String(rows[0]?.['job_id'])}`),
      );
      return rows[0]!;
    },
  );

  app.get(
    '/v1/churn/jobs/:job_id',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Show how a scoring that was asked for goes on',
        params: z.strictObject({ job_id: number.int().min(1).max(MAX_JOB) }),
        response: { 200: churnJobSchema, ...faults },
      },
    },
    async (request) => {
      const { rows } = await runPostgres(
        askScoringJob(request.owner.project.projectId, request.params.job_id),
      );
      if (rows[0] !== undefined) return rows[0];
      throw new SluiceError('not_found', { message: 'There is no such job.', field: '/job_id' });
    },
  );
}
