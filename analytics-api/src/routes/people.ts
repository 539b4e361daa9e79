import {
  estimateAnswerSchema,
  PEOPLE_SCHEMAS,
  peopleAnswerSchema,
  problemSchema,
  SluiceError,
  type PeopleQuery,
} from '@sluice/contracts';
import { z } from 'zod';
import { askerOf, type ApiContext, type ApiScope } from '../api-context.js';
import { answerPeople } from '../ask/answer-query.js';
import { checkDepth } from '../ask/check-depth.js';

const bodySchema = z.union(Object.values(PEOPLE_SCHEMAS) as [(typeof PEOPLE_SCHEMAS)['trends']]);

/** `POST /v1/people`: who is behind one number of an answer. */
export function registerPeople(app: ApiScope, context: ApiContext): void {
  app.post(
    '/v1/people',
    {
      config: { scope: 'read' },
      preValidation: (request, _reply, done) => done(checkDepth(request.body)),
      schema: {
        summary: 'List the people behind a number',
        description:
          'The question that gave the number, and which of its numbers; as many people as it says.',
        body: bodySchema,
        response: {
          200: z.union([peopleAnswerSchema, estimateAnswerSchema]),
          '4xx': problemSchema,
          '5xx': problemSchema,
        },
      },
      // The kind of the question says which schema holds, so that a fault is named in terms of that kind.
      validatorCompiler: () => (body: unknown) => readPeopleQuery(body),
    },
    async (request, reply) => answerPeople(request.body as PeopleQuery, askerOf(request, reply), context),
  );
}

function readPeopleQuery(body: unknown): { value: PeopleQuery } | { error: Error } {
  const kind = (body as { query?: { kind?: unknown } } | null)?.query?.kind;
  if (typeof kind !== 'string' || !Object.hasOwn(PEOPLE_SCHEMAS, kind)) {
    return {
      error: new SluiceError('invalid_request', {
        message: `must be one of ${Object.keys(PEOPLE_SCHEMAS).join(', ')}`,
        field: '/query/kind',
      }),
    };
  }
  const result = PEOPLE_SCHEMAS[kind as keyof typeof PEOPLE_SCHEMAS].safeParse(body);
  if (result.success) return { value: result.data };
  const issue = result.error.issues[0]!;
  return {
    error: new SluiceError('invalid_request', {
      message: issue.message,
      field: `/${issue.path.join('/')}`,
    }),
  };
}
