import rateLimit from '@fastify/rate-limit';
import { SluiceError } from '@sluice/contracts';
import type { FastifyInstance } from 'fastify';

/** Limits the requests of each key, and says so in the standard headers. */
export async function limitRates(
  app: Pick<FastifyInstance, 'register'>,
  requestsPerMinute: number,
): Promise<void> {
  await app.register(rateLimit, {
    max: requestsPerMinute,
    timeWindow: 60_000,
    enableDraftSpec: true,
    keyGenerator: (request) => String(request.owner.keyId),
    errorResponseBuilder: (_request, { max, ttl }) =>
      new SluiceError('rate_limited', {
        message: `This key may make ${max} requests a minute.`,
        retryAfterSeconds: ttl / 1_000,
      }),
  });
}
