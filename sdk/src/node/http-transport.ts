import { Agent as HttpAgent, request as requestHttp, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Transport, TransportAnswer } from '../core/transport.js';
import { traceHeaders, withoutTracing } from './open-telemetry.js';

export interface HttpTransportOptions {
  /** Where batches go, `/v1/b` included. */
  url: URL;
  /** Bodies of so many bytes and more are compressed. */
  gzipFromBytes: number;
}

export interface HttpTransport {
  send: Transport;
  close(): void;
}

/**
 * Idle connections are closed before servers and balancers tire of them (Node's own servers after 5 s): a request on a
 * connection that is being closed would fail for nothing.
 */
const IDLE_MS = 4_000;
/** No answer of the gateway is as long; what goes on beyond it is not the gateway's. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const compress = promisify(gzip);

/**
 * Sends over connections that are kept. A request keeps the process alive until it is over; idle connections do not.
 */
export function createHttpTransport({ url, gzipFromBytes }: HttpTransportOptions): HttpTransport {
  const isHttps = url.protocol === 'https:';
  const request = isHttps ? requestHttps : requestHttp;
  const agent = new (isHttps ? HttpsAgent : HttpAgent)({ keepAlive: true, timeout: IDLE_MS });

  async function encode(text: string): Promise<{ body: Buffer; headers: Record<string, string | number> }> {
    const plain = Buffer.from(text);
    const isSmall = plain.length < gzipFromBytes;
    const body = isSmall ? plain : await compress(plain, { level: 1 });
    return {
      body,
      headers: {
        'content-type': 'text/plain',
        'content-length': body.length,
        ...(isSmall ? {} : { 'content-encoding': 'gzip' }),
        ...traceHeaders(text),
      },
    };
  }

  function exchange(
    { body, headers }: Awaited<ReturnType<typeof encode>>,
    timeoutMs: number,
  ): Promise<TransportAnswer> {
    return new Promise((resolve) => {
      const failed = (reason: string): void => resolve({ kind: 'failed', reason });
      const sent = withoutTracing(() => request(url, { method: 'POST', agent, headers }));
      const timer = setTimeout(() => {
        failed(`no answer within ${timeoutMs} ms`);
        sent.destroy();
      }, timeoutMs);
      sent.on('close', () => clearTimeout(timer));
      sent.on('error', (error) => failed(error.message));
      sent.on('response', (response) => {
        readText(response).then(
          (text) =>
            resolve({
              kind: 'answered',
              status: response.statusCode ?? 0,
              retryAfter: response.headers['retry-after'] ?? null,
              body: text,
            }),
          (error: unknown) => {
            failed(String(error));
            sent.destroy();
          },
        );
      });
      sent.end(body);
    });
  }

  return {
    async send(text, { timeoutMs }) {
      try {
        return await exchange(await encode(text), timeoutMs);
      } catch (error) {
        return { kind: 'failed', reason: String(error) };
      }
    },
    close: () => agent.destroy(),
  };
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
