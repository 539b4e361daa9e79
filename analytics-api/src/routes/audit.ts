import { auditSchema, problemSchema, SluiceError } from '@sluice/contracts';
import { z } from 'zod';
import { disconnectSignal, type ApiContext, type ApiScope } from '../api-context.js';
import { takeAudit } from '../audit/take-audit.js';
import { instantParameter } from './parameters.js';

const DAY_MS = 86_400_000;

/** `GET /v1/audit`: whether every accepted event is stored and counted exactly once. */
export function registerAudit(app: ApiScope, context: ApiContext): void {
  app.get(
    '/v1/audit',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Check that every accepted event is stored and counted exactly once',
        querystring: z.strictObject({
          from: instantParameter
            .optional()
            .describe('First minute of receipt. Default: a day before the end.'),
          to: instantParameter.optional().describe('End; not included. Default: now.'),
          minutes: z.enum(['true', 'false']).default('false').describe('List every minute.'),
        }),
        response: { 200: auditSchema, '4xx': problemSchema, '5xx': problemSchema },
      },
    },
    async (request, reply) => {
      const { from, to, minutes } = request.query;
      const toMs = to === undefined ? context.now() + 1 : Date.parse(to);
      const fromMs = from === undefined ? toMs - DAY_MS : Date.parse(from);
      if (fromMs >= toMs) throw new SluiceError('invalid_date_range', { field: '/to' });
      return takeAudit(
        {
          projectId: request.owner.project.projectId,
          fromMs,
          toMs,
          everyMinute: minutes === 'true',
          signal: disconnectSignal(reply),
        },
        context,
      );
    },
  );
}
