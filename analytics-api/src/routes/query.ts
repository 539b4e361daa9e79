import { problemSchema, queryAnswerSchema, querySchema, SluiceError } from '@sluice/contracts';
import { z } from 'zod';
import { askerOf, type ApiContext, type ApiScope } from '../api-context.js';
import { answerQuery } from '../ask/answer-query.js';
import { checkDepth } from '../ask/check-depth.js';

/** `POST /v1/query`: one question; its `kind` says which. `DELETE /v1/queries/:query_id` cancels it. */
export function registerQuery(app: ApiScope, context: ApiContext): void {
  app.post(
    '/v1/query',
    {
      config: { scope: 'read' },
      preValidation: (request, _reply, done) => done(checkDepth(request.body)),
      schema: {
        summary: 'Ask a question',
        body: querySchema,
        response: { 200: queryAnswerSchema, '4xx': problemSchema, '5xx': problemSchema },
      },
    },
    async (request, reply) => answerQuery(request.body, askerOf(request, reply), context),
  );

  app.delete(
    '/v1/queries/:query_id',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Cancel a question that runs',
        params: z.strictObject({ query_id: z.string().max(64) }),
        response: {
          200: z.object({ cancelled: z.int().describe('Requests with this name that ran.') }),
          '4xx': problemSchema,
          '5xx': problemSchema,
        },
      },
    },
    async (request) => {
      const cancelled = context.running.cancel(request.owner.project.projectId, request.params.query_id);
      if (cancelled > 0) return { cancelled };
      throw new SluiceError('not_found', { message: 'No question with this name runs.', field: '/query_id' });
    },
  );
}
