import { SluiceError } from '@sluice/contracts';
import type { FastifyReply } from 'fastify';

/** How many streams may be open at once, of all kinds together. */
export interface StreamSlots {
  /**
   * Takes a place for a reply until its connection closes.
   * @throws SluiceError shutting_down, or overloaded when every place is taken.
   */
  take(reply: FastifyReply): void;
}

export function createStreamSlots(maxStreams: number, stopping: AbortSignal): StreamSlots {
  let open = 0;
  return {
    take(reply) {
      if (stopping.aborted) throw new SluiceError('shutting_down', { retryAfterSeconds: 2 });
      if (open >= maxStreams) {
        throw new SluiceError('overloaded', {
          message: `${maxStreams} live streams are open.`,
          retryAfterSeconds: 5,
        });
      }
      open++;
      reply.raw.once('close', () => {
        open--;
      });
    },
  };
}
