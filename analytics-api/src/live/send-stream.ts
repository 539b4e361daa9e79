import type { FastifyReply } from 'fastify';
import { Readable } from 'node:stream';
import { disconnectSignal, type ApiContext } from '../api-context.js';

/** Aborts when the client goes away or the service stops: then a stream ends. */
export function streamSignal(reply: FastifyReply, { stopping }: Pick<ApiContext, 'stopping'>): AbortSignal {
  return AbortSignal.any([disconnectSignal(reply), stopping]);
}

/** Sends server-sent events. One piece is in the stream at a time: what makes them rests until the client has taken it. */
export function sendStream(
  reply: FastifyReply,
  pieces: AsyncIterable<string>,
  { signal, logger }: { signal: AbortSignal } & Pick<ApiContext, 'logger'>,
): FastifyReply {
  const stream = Readable.from(pieces, { highWaterMark: 1 });
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
}
