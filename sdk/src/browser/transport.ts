import { utf8Bytes } from '../core/stored-json.js';
import type { Transport } from '../core/transport.js';

/** What browsers let one page have in the air of requests that outlive it, bytes; all of them count together. */
const KEEPALIVE_BYTES = 65_536;
/** What surrounds the messages of a body, and some air. */
const MARGIN_BYTES = 512;
/** Below it compression saves less than it costs. */
const GZIP_FROM_BYTES = 4_096;

export interface BrowserTransport {
  send: Transport;
  /** Bytes of messages that a request may still hold that is to outlive the page. */
  room(): number;
}

/**
 * Requests are simple ones in the sense of CORS (a text, no headers), so none needs a preflight: that would be another
 * round trip on every cold page, and a page that ends has no time for it. Content-Encoding is no simple header; so bodies
 * are compressed only on their way to the page's own origin, where nobody asks.
 */
export function createTransport(
  host: string,
  /** Undefined as long as it cannot compress. */
  findGzip: () => ((text: string) => Promise<Blob>) | undefined,
): BrowserTransport {
  let inTheAir = 0;

  return {
    room: () => KEEPALIVE_BYTES - MARGIN_BYTES - inTheAir,

    async send(text, { timeoutMs, keepalive }) {
      let body: string | Blob = text;
      let held = utf8Bytes(text);
      const headers: Record<string, string> = {};
      // A page that ends cannot wait for the compressor.
      const gzip = findGzip();
      if (gzip && !keepalive && held > GZIP_FROM_BYTES && host.startsWith(location.origin)) {
        body = await gzip(text);
        held = body.size;
        headers['content-encoding'] = 'gzip';
      }
      // What fits outlives the page, though the page may stay: nobody tells before a navigation.
      const outlives = inTheAir + held <= KEEPALIVE_BYTES;
      if (!outlives) held = 0;
      inTheAir += held;
      try {
        const answer = await fetch(`${host}/v1/b`, {
          method: 'POST',
          body,
          headers,
          keepalive: outlives,
          credentials: 'omit',
          signal: AbortSignal.timeout(timeoutMs),
        });
        return {
          kind: 'answered',
          status: answer.status,
          retryAfter: answer.headers.get('retry-after'),
          body: await answer.text(),
        };
      } catch (error) {
        return { kind: 'failed', reason: String(error) };
      } finally {
        inTheAir -= held;
      }
    },
  };
}
