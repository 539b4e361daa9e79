import type { QueryAnswer } from '@sluice/contracts';
import type { FastifyReply } from 'fastify';

/** How fresh an answer is, for forms that have no place to say it. */
export const FRESHNESS_HEADERS = {
  completeThrough: 'sluice-complete-through',
  complete: 'sluice-complete',
  version: 'sluice-query-version',
} as const;

/** An answer may be kept by whoever asked, and must be asked for again before it is used: then it may cost nothing. */
export function sayVersion(reply: FastifyReply, version: string): void {
  const varies = [reply.getHeader('vary'), 'authorization'].flat().filter((name) => name !== undefined);
  void reply
    .header('etag', version)
    .header('cache-control', 'private, no-cache')
    .header('vary', varies.join(', '));
}

export function sayFreshness(
  reply: FastifyReply,
  answer: Exclude<QueryAnswer, { kind: 'estimate' }>,
  version: number,
): void {
  void reply
    .header(FRESHNESS_HEADERS.completeThrough, answer.complete_through ?? 'unknown')
    .header(FRESHNESS_HEADERS.complete, String(answer.complete))
    .header(FRESHNESS_HEADERS.version, String(version));
}
