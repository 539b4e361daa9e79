import {
  eventTypeSchema,
  parseWatermark,
  problemSchema,
  SluiceError,
  type Watermark,
} from '@sluice/contracts';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { disconnectSignal, type ApiContext, type ApiScope } from '../api-context.js';
import { encodeServerSentEvents } from '../live/server-sent-events.js';
import { tailEvents } from '../live/tail-events.js';
import { askLandedOffsets } from '../questions/landed-offsets.js';
import { textParameter } from './parameters.js';

/** `GET /v1/live`: the events of a project as they land, as server-sent events. */
export function registerLive(app: ApiScope, context: ApiContext): void {
  const { log, runPostgres, config, stopping, logger } = context;
  let open = 0;

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
      if (stopping.aborted) throw new SluiceError('shutting_down', { retryAfterSeconds: 2 });
      if (open >= config.maxLiveStreams) {
        throw new SluiceError('overloaded', {
          message: `${config.maxLiveStreams} live streams are open.`,
          retryAfterSeconds: 5,
        });
      }
      const from = await startPosition(request.headers['last-event-id']);
      const signal = AbortSignal.any([disconnectSignal(reply), stopping]);
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
      open++;
      reply.raw.once('close', () => {
        open--;
      });
      // One piece in the stream at a time: the tail rests until the client has taken it.
      const stream = Readable.from(encodeServerSentEvents(items), { highWaterMark: 1 });
      stream.on('error', (error) => {
        if (!signal.aborted) logger.error({ err: error }, 'live stream failed');
      });
      return (
        reply
          .header('content-type', 'text/event-stream; charset=utf-8')
          .header('cache-control', 'no-store')
          .header('x-accel-buffering', 'no')
          // Kept alive, the connection would hold a shutdown up after the stream has ended.
          .header('connection', 'close')
          .send(stream)
      );
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
