import type { Transport, TransportAnswer } from '../core/transport.js';
import { traceHeaders, withoutTracing } from './open-telemetry.js';

/** For runtimes that have `fetch` and nothing else, and for applications that bring their own. */
export function createFetchTransport(url: URL, fetch: typeof globalThis.fetch): Transport {
  return async (body, { timeoutMs }): Promise<TransportAnswer> => {
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), timeoutMs);
    try {
      const answer = await withoutTracing(() =>
        fetch(url.href, {
          method: 'POST',
          headers: { 'content-type': 'text/plain', ...traceHeaders(body) },
          body,
          signal: timeout.signal,
        }),
      );
      return {
        kind: 'answered',
        status: answer.status,
        retryAfter: answer.headers.get('retry-after'),
        body: await answer.text(),
      };
    } catch (error) {
      return {
        kind: 'failed',
        reason: timeout.signal.aborted ? `no answer within ${timeoutMs} ms` : String(error),
      };
    } finally {
      clearTimeout(timer);
    }
  };
}
