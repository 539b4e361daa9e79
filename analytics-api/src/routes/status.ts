import { problemSchema, statusSchema } from '@sluice/contracts';
import { disconnectSignal, type ApiContext, type ApiScope } from '../api-context.js';
import { readInFlight } from '../audit/in-flight.js';
import { isoOf } from '../time/range.js';

/** `GET /v1/status`: how fresh answers are. */
export function registerStatus(app: ApiScope, context: ApiContext): void {
  app.get(
    '/v1/status',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Show how fresh answers are',
        response: { 200: statusSchema, '4xx': problemSchema, '5xx': problemSchema },
      },
    },
    async (request, reply) => {
      const signal = disconnectSignal(reply);
      const completeness = await context.readCompleteness(request.owner.project.projectId, { signal });
      const inFlight = await readInFlight(context, signal);
      const { completeThroughMs, landedThroughMs } = completeness;
      return {
        complete_through: completeThroughMs === undefined ? null : isoOf(completeThroughMs),
        lag_seconds:
          completeThroughMs === undefined ? null : Math.max(0, context.now() - completeThroughMs) / 1_000,
        landed_through: landedThroughMs === undefined ? null : isoOf(landedThroughMs),
        pending_batches: completeness.pendingBatches,
        pending_rows: completeness.pendingRows,
        spooled_messages: completeness.spooledMessages,
        in_flight_records: inFlight.reduce((sum, { records }) => sum + records, 0),
        generation: completeness.generation ?? null,
      };
    },
  );
}
