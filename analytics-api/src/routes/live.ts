import {
  eventTypeSchema,
  parseWatermark,
  problemSchema,
  SluiceError,
  type Watermark,
} from '@sluice/contracts';
import { z } from 'zod';
import type { ApiContext, ApiScope } from '../api-context.js';
import { sendStream, streamSignal } from '../live/send-stream.js';
import { encodeServerSentEvents } from '../live/server-sent-events.js';
import { tailEvents } from '../live/tail-events.js';
import { askLandedOffsets } from '../questions/landed-offsets.js';
import { textParameter } from './parameters.js';

/** `GET /v1/live`: the events of a project as they land, as server-sent events. */
export function registerLive(app: ApiScope, context: ApiContext): void {
  const { log, runPostgres, config, logger } = context;

  app.get(
    '/v1/live',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Follow events as they land (server-sent events)',
        description:
          'Events named `event` carry an event as JSON, `skipped` says that the reader fell too far behind. Reconnecting with Last-Event-ID goes on where the stream ended.',
        headers: z.looseObject({ 'last-event-id': z.string().max(8_192).optional() }),
        querystring: z.strictObject({
          event: textParameter.optional(),
          type: eventTypeSchema.optional(),
        }),
        response: {
          200: z.unknown().describe('text/event-stream'),
          '4xx': problemSchema,
          '5xx': problemSchema,
        },
      },
    },
    async (request, reply) => {
      const from = await startPosition(request.headers['last-event-id']);
      context.streams.take(reply);
      const signal = streamSignal(reply, context);
      const items = tailEvents({
        logId: log.id,
        projectId: request.owner.project.projectId,
        from,
        event: request.query.event,
        type: request.query.type,
        pollMs: config.livePollMs,
        heartbeatMs: config.liveHeartbeatMs,
        runPostgres,
        signal,
      });
      return sendStream(reply, encodeServerSentEvents(items), { signal, logger });
    },
  );

  /** Every partition has a place in a position, so that none that comes to life later is missed. */
  async function startPosition(lastEventId: string | undefined): Promise<Watermark> {
    const position = new Map<number, number>();
    for (let partition = 0; partition < log.partitionCount; partition++) position.set(partition, 0);
    if (lastEventId !== undefined && lastEventId !== '') {
      const watermark = parseWatermark(lastEventId);
      if (watermark === undefined) {
        throw new SluiceError('invalid_watermark', { field: 'last-event-id' });
      }
      for (const [partition, offset] of watermark) {
        if (position.has(partition)) position.set(partition, offset);
      }
      return position;
    }
    const { rows } = await runPostgres(askLandedOffsets(log.id));
    for (const { partition, next_offset } of rows) position.set(partition, next_offset);
    return position;
  }
}
