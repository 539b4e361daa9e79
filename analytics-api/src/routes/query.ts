import { problemSchema, queryAnswerSchema, querySchema } from '@sluice/contracts';
import { disconnectSignal, type ApiContext, type ApiScope } from '../api-context.js';
import { databaseOf } from '../freshness/completeness.js';
import { readWatermark, waitFor } from '../freshness/wait-for.js';
import { answerTrends } from '../trends/answer-trends.js';

/** `POST /v1/query`: one question about numbers; its `kind` says which. */
export function registerQuery(app: ApiScope, context: ApiContext): void {
  app.post(
    '/v1/query',
    {
      schema: {
        summary: 'Ask for numbers over time',
        body: querySchema,
        response: { 200: queryAnswerSchema, '4xx': problemSchema, '5xx': problemSchema },
      },
    },
    async (request, reply) => {
      const query = request.body;
      const { project } = request.owner;
      const { log, runPostgres, runClickHouse, config } = context;
      const signal = disconnectSignal(reply);
      if (query.wait_for !== undefined) {
        const watermark = await readWatermark(query.wait_for, log, '/wait_for');
        await waitFor(watermark, {
          logId: log.id,
          runPostgres,
          timeoutMs: query.wait_timeout_ms,
          signal: AbortSignal.any([signal, context.stopping]),
        });
      }
      // Read before the numbers are: what it says is true of every later query.
      const completeness = await context.readCompleteness({ signal });
      return answerTrends(query, {
        projectId: project.projectId,
        projectTimezone: project.timezone,
        database: databaseOf(context, completeness),
        completeThroughMs: completeness.completeThroughMs,
        runClickHouse,
        timeoutMs: config.queryTimeoutMs,
        signal,
        nowMs: context.now(),
      });
    },
  );
}
