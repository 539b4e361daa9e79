import { eventPageSchema, eventTypeSchema, problemSchema, SluiceError } from '@sluice/contracts';
import { z } from 'zod';
import { disconnectSignal, type ApiContext, type ApiScope } from '../api-context.js';
import { parseEventCursor } from '../events/event-cursor.js';
import { readEventPage } from '../events/read-event-page.js';
import { instantParameter, pageParameters, textParameter } from './parameters.js';

const parameters = z.strictObject({
  event: textParameter.optional(),
  type: eventTypeSchema.optional(),
  user_id: textParameter.optional(),
  anonymous_id: textParameter.optional(),
  session_id: z.guid().optional(),
  from: instantParameter.optional().describe('First instant, by the time events happened.'),
  to: instantParameter.optional().describe('End; not included.'),
  ...pageParameters,
});

/** `GET /v1/events`: the newest events, filtered and paged. */
export function registerEvents(app: ApiScope, context: ApiContext): void {
  app.get(
    '/v1/events',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'List events, newest first',
        querystring: parameters,
        response: { 200: eventPageSchema, '4xx': problemSchema, '5xx': problemSchema },
      },
    },
    async (request, reply) => {
      const asked = request.query;
      const fromMs = asked.from === undefined ? undefined : Date.parse(asked.from);
      const toMs = asked.to === undefined ? undefined : Date.parse(asked.to);
      if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs) {
        throw new SluiceError('invalid_date_range', { field: '/to' });
      }
      return readEventPage(
        {
          projectId: request.owner.project.projectId,
          filter: {
            event: asked.event,
            type: asked.type,
            userId: asked.user_id,
            anonymousId: asked.anonymous_id,
            sessionId: asked.session_id,
          },
          fromMs,
          toMs,
          before: asked.cursor === undefined ? undefined : parseEventCursor(asked.cursor),
          limit: asked.limit,
          signal: disconnectSignal(reply),
        },
        context,
      );
    },
  );
}
