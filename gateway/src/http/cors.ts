import type { FastifyReply, FastifyRequest } from 'fastify';

/** A day: browsers cap it as they like. */
const PREFLIGHT_MAX_AGE_SECONDS = 86_400;
const EXPOSED_HEADERS = 'Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset';

/**
 * Lets browsers of every origin read the answer; which origins a key accepts is decided with the key, and a browser must
 * be able to read that verdict, too. Credentials are allowed because some clients send them; none are ever used.
 */
export function allowOrigin(request: FastifyRequest, reply: FastifyReply): void {
  const { origin } = request.headers;
  if (origin === undefined) return;
  void reply
    .header('access-control-allow-origin', origin)
    .header('access-control-allow-credentials', 'true')
    .header('access-control-expose-headers', EXPOSED_HEADERS)
    .header('vary', 'Origin');
}

/** Answers a preflight: whatever headers the page wants to send may be sent. */
export function answerPreflight(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const requested = request.headers['access-control-request-headers'];
  return reply
    .status(204)
    .header('access-control-allow-methods', 'POST, GET, OPTIONS')
    .header('access-control-allow-headers', requested ?? 'authorization, content-type, x-retry-count')
    .header('access-control-max-age', String(PREFLIGHT_MAX_AGE_SECONDS))
    .header('vary', 'Origin, Access-Control-Request-Headers')
    .send();
}
