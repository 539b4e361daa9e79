import fastifyRateLimit, { normalizeIP } from '@fastify/rate-limit';
import { SluiceError } from '@sluice/contracts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Redis } from 'ioredis';
import type { GatewayTelemetry } from '../telemetry.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** The write key that the request came with; 0 until it is known. */
    keyId: number;
  }
}

const WINDOW_MS = 60_000;
/** Addresses and keys remembered at once, when they are counted in this process. */
const MAX_COUNTED = 50_000;

export interface RateLimits {
  /** @throws SluiceError rate_limited */
  checkAddress(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /** @throws SluiceError rate_limited */
  checkKey(request: FastifyRequest, reply: FastifyReply, keyId: number): Promise<void>;
}

export interface RateLimitOptions {
  /** Requests a minute; 0: no limit. */
  perIp: number;
  perKey: number;
  redis: Redis | undefined;
  telemetry: GatewayTelemetry;
}

/**
 * Limits by address, before anything is known of a request, and by key, once it is known whose it is. A store that does
 * not answer limits nothing: events are worth more than the limit.
 */
export async function createRateLimits(app: FastifyInstance, options: RateLimitOptions): Promise<RateLimits> {
  const { perIp, perKey, redis, telemetry } = options;
  app.decorateRequest('keyId', 0);
  await app.register(fastifyRateLimit, {
    global: false,
    cache: MAX_COUNTED,
    timeWindow: WINDOW_MS,
    nameSpace: 'sluice-gateway-',
    ...(redis === undefined ? {} : { redis }),
  });
  const countAddress = app.createRateLimit({
    max: perIp,
    keyGenerator: (request) => `ip:${normalizeIP(request.ip)}`,
  });
  const countKey = app.createRateLimit({
    max: perKey,
    keyGenerator: (request) => `key:${request.keyId}`,
  });
  type Count = ReturnType<typeof countAddress>;

  async function check(counting: Count, reply: FastifyReply, tellAlways: boolean): Promise<void> {
    let result: Awaited<Count>;
    try {
      result = await counting;
    } catch (error) {
      telemetry.rateLimitFailed(error);
      return;
    }
    if (result.isAllowed || !(result.isExceeded || tellAlways)) return;
    void reply
      .header('x-ratelimit-limit', result.max)
      .header('x-ratelimit-remaining', result.remaining)
      .header('x-ratelimit-reset', result.ttlInSeconds);
    if (result.isExceeded) {
      throw new SluiceError('rate_limited', {
        message: `More than ${result.max} requests a minute.`,
        retryAfterSeconds: result.ttlInSeconds,
      });
    }
  }

  return {
    async checkAddress(request, reply) {
      if (perIp > 0) await check(countAddress(request), reply, false);
    },
    async checkKey(request, reply, keyId) {
      if (perKey === 0) return;
      request.keyId = keyId;
      await check(countKey(request), reply, true);
    },
  };
}
