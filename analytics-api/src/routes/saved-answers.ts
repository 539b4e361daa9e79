import {
  nameSchema,
  problemSchema,
  queryAnswerSchema,
  SAVED_FORMATS,
  SluiceError,
  type Query,
  type SavedFormat,
} from '@sluice/contracts';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { askerOf, type ApiContext, type ApiScope } from '../api-context.js';
import { answerQuery } from '../ask/answer-query.js';
import { readDataView } from '../ask/run-request.js';
import { sendStream, streamSignal } from '../live/send-stream.js';
import { ANSWER_FORMS } from '../saved/answer-forms.js';
import { sayFreshness, sayVersion } from '../saved/answer-headers.js';
import { answerVersion, isKnownVersion } from '../saved/answer-version.js';
import { findSaved, versionParameter } from '../saved/find-saved.js';
import { encodeAnswers, followAnswer } from '../saved/follow-answer.js';
import { readParameters } from '../saved/read-parameters.js';
import { questionWith } from '../saved/saved-question.js';

const path = z.strictObject({ name: nameSchema });
const parameters = z
  .looseObject({ version: versionParameter.optional() })
  .catchall(z.union([z.string(), z.array(z.string())]))
  .describe('The parameters of the query; a list is given by repeating its name.');
const faults = { '4xx': problemSchema, '5xx': problemSchema };

const DESCRIPTIONS: Readonly<Record<SavedFormat, string>> = {
  json: 'As `POST /v1/query` answers.',
  csv: 'A flat table. Text that a spreadsheet would run as a formula has an apostrophe in front.',
  ndjson: 'A flat table, one JSON object a line.',
  parquet: 'A flat table.',
};

/** `GET /v1/saved/:name.FORMAT` answers a saved query, `GET /v1/saved/:name.live` goes on answering it. */
export function registerSavedAnswers(app: ApiScope, context: ApiContext): void {
  for (const format of SAVED_FORMATS) {
    const form = ANSWER_FORMS[format];
    app.get(
      `/v1/saved/:name.${format}`,
      {
        config: { scope: 'read' },
        schema: {
          summary: `Answer a saved query as ${format}`,
          description: `${DESCRIPTIONS[format]} With If-None-Match, an answer that is still the same is not asked for again.`,
          params: path,
          querystring: parameters,
          response: {
            200: format === 'json' ? queryAnswerSchema : z.unknown().describe(form.contentType),
            ...faults,
          },
        },
      },
      async (request, reply) => {
        const options = askerOf(request, reply);
        const { query, version } = await savedQuestion(request, context);
        // Read before the answer: should more arrive in between, the tag is too old, and the next request answers anew.
        const view = await readDataView(query, options, options.signal, context);
        const tag = answerVersion(query, format, view);
        sayVersion(reply, tag);
        if (isKnownVersion(request.headers['if-none-match'], tag)) return reply.status(304).send();
        const answer = await answerQuery(query, options, context);
        if (answer.kind === 'estimate') throw new SluiceError('internal_error');
        sayFreshness(reply, answer, version);
        if (format !== 'json') {
          void reply.header('content-disposition', `attachment; filename="${request.params.name}.${format}"`);
        }
        return reply.type(form.contentType).send(form.write(answer));
      },
    );
  }

  app.get(
    '/v1/saved/:name.live',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Go on answering a saved query (server-sent events)',
        description:
          'Events named `answer` carry an answer as JSON: the first at once, the next whenever the data has changed. `problem` says what keeps it from answering. Reconnecting with Last-Event-ID does not tell the same answer again.',
        params: path,
        headers: z.looseObject({ 'last-event-id': z.string().max(256).optional() }),
        querystring: parameters,
        response: { 200: z.unknown().describe('text/event-stream'), ...faults },
      },
    },
    async (request, reply) => {
      const { query } = await savedQuestion(request, context);
      context.streams.take(reply);
      const signal = streamSignal(reply, context);
      const options = { owner: request.owner, signal };
      const items = followAnswer(query, request.headers['last-event-id'], options, context);
      return sendStream(reply, encodeAnswers(items), { signal, logger: context.logger });
    },
  );
}

async function savedQuestion(
  { owner, params, query }: Pick<FastifyRequest, 'owner' | 'params' | 'query'>,
  context: ApiContext,
): Promise<{ query: Query; version: number }> {
  const { name } = params as z.infer<typeof path>;
  const { version, ...given } = query as z.infer<typeof parameters>;
  const saved = await findSaved(owner.project.projectId, name, version, context);
  const values = readParameters(saved.parameters, given);
  return { query: questionWith(saved, values), version: saved.version };
}
