import { ingestAnswerSchema } from '@sluice/contracts';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Pool } from 'undici';
import { wait } from '../client/wait.js';
import { messageIdsOf, parseBody } from '../clients/observed-messages.js';

/**
 * What becomes of a request:
 * - `pass`: forwarded and answered.
 * - `unavailable`: answered 503, not forwarded.
 * - `reset`: its connection is reset, not forwarded.
 * - `limited`: answered 429 with `Retry-After: 8`, not forwarded.
 * - `answer-lost`: forwarded, then its connection is cut without an answer.
 * - `down`: nobody listens.
 */
export type Weather = 'pass' | 'unavailable' | 'reset' | 'limited' | 'answer-lost' | 'down';

export const RETRY_AFTER_SECONDS = 8;

/** One request that arrived, preflights among them. */
export interface SeenRequest {
  atMs: number;
  method: string;
  path: string;
  weather: Weather;
  body: Buffer;
  /** Of our gateway's messages; empty for other forms. */
  messageIds: (string | undefined)[];
  /** What the client was answered; null when its connection was cut, or it went away first. */
  status: number | null;
  /** Whether the server behind took the request in, whatever the client learned of it. */
  takenIn: boolean;
  /** Verdicts of our gateway on messages it refused. */
  refusals: string[];
  watermark: string;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface ForwardedRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** The server behind the network. */
export interface Upstream {
  exchange(request: ForwardedRequest): Promise<Answer>;
  close(): Promise<void>;
}

export interface FaultProxy {
  /** For clients, in place of the server's. */
  readonly url: string;
  readonly host: string;
  readonly requests: readonly SeenRequest[];
  /** From now on; `answer-lost` for so many requests with events, then `pass`. */
  setWeather(weather: Weather, requests?: number): Promise<void>;
  close(): Promise<void>;
}

export interface FaultProxyOptions {
  upstream: Upstream;
  /** How long an answer takes at least, milliseconds. */
  delayMs: number;
}

const HOP_BY_HOP = ['host', 'connection', 'content-length', 'transfer-encoding', 'keep-alive', 'expect'];

/** A network between clients and a server that can fail in every way, and sees everything. Listens on 127.0.0.1. */
export async function startFaultProxy({ upstream, delayMs }: FaultProxyOptions): Promise<FaultProxy> {
  const requests: SeenRequest[] = [];
  let weather: Weather = 'pass';
  let remaining = Infinity;
  let server = await listen(0);
  const { port } = server.address() as AddressInfo;

  /** The weather for a request. Cut answers are counted down by requests with a body: preflights carry no events. */
  function weatherFor(method: string): Weather {
    if (weather !== 'answer-lost' || method !== 'POST') return weather;
    if (remaining-- > 0) return weather;
    weather = 'pass';
    return weather;
  }

  async function handle(request: ForwardedRequest, socket: Socket, response: ServerResponse): Promise<void> {
    const { method, path, headers, body } = request;
    const encoding = body[0] === 0x1f && body[1] === 0x8b ? 'gzip' : headers['content-encoding'];
    const parsed = method === 'POST' ? parseBody(body, encoding) : undefined;
    const seen: SeenRequest = {
      atMs: Date.now(),
      method,
      path,
      weather: weatherFor(method),
      body,
      messageIds: parsed === undefined ? [] : messageIdsOf(parsed),
      status: null,
      takenIn: false,
      refusals: [],
      watermark: '',
    };
    requests.push(seen);
    const isPreflight = method === 'OPTIONS';
    switch (isPreflight && seen.weather !== 'reset' ? 'pass' : seen.weather) {
      case 'reset':
      case 'down':
        socket.resetAndDestroy();
        return;
      case 'unavailable':
        await wait(delayMs);
        refuse(response, seen, headers, 503);
        return;
      case 'limited':
        await wait(delayMs);
        refuse(response, seen, headers, 429);
        return;
      case 'answer-lost':
      case 'pass': {
        const startedMs = Date.now();
        const answer = await upstream.exchange(request);
        note(seen, answer);
        await wait(Math.max(0, startedMs + delayMs - Date.now()));
        if (seen.weather === 'answer-lost' && !isPreflight) socket.destroy();
        else if (!response.destroyed) {
          seen.status = answer.status;
          response.writeHead(answer.status, without(answer.headers, HOP_BY_HOP)).end(answer.body);
        }
      }
    }
  }

  async function listen(atPort: number): Promise<Server> {
    const created = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method = 'GET', url: path = '/', headers, socket } = request;
        handle({ method, path, headers, body: Buffer.concat(chunks) }, socket, response).catch(() =>
          socket.destroy(),
        );
      });
      request.on('error', () => response.destroy());
    });
    // A browser keeps connections; the lab does not want to see when this server tires of them.
    created.keepAliveTimeout = 600_000;
    await new Promise<void>((resolve, reject) => {
      created.once('error', reject);
      created.listen(atPort, '127.0.0.1', resolve);
    });
    return created;
  }

  async function stopListening(): Promise<void> {
    if (!server.listening) return;
    const stopped = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await stopped;
  }

  const host = `127.0.0.1:${port}`;
  return {
    url: `http://${host}`,
    host,
    requests,
    async setWeather(next, count = Infinity) {
      weather = next;
      remaining = count;
      if (next === 'down') await stopListening();
      else if (!server.listening) server = await listen(port);
    },
    async close() {
      await stopListening();
      await upstream.close();
    },
  };
}

/** The server behind is one that listens at an address. */
export function forwardTo(url: string): Upstream {
  const pool = new Pool(url, { connections: 16 });
  return {
    async exchange({ method, path, headers, body }) {
      const answer = await pool.request({
        method,
        path,
        headers: without(headers, HOP_BY_HOP),
        body: body.length === 0 ? null : body,
      });
      return {
        status: answer.statusCode,
        headers: answer.headers,
        body: Buffer.from(await answer.body.arrayBuffer()),
      };
    },
    close: () => pool.close(),
  };
}

function note(seen: SeenRequest, answer: Answer): void {
  seen.takenIn = answer.status >= 200 && answer.status < 300;
  const verdicts = ingestAnswerSchema.safeParse(parseBody(answer.body, undefined));
  if (!verdicts.success) return;
  seen.watermark = verdicts.data.watermark ?? '';
  seen.refusals = verdicts.data.rejected.map(({ code, message }) => `${code}: ${message}`);
}

/** As a server in trouble answers: with everything a page may read, so that the SDK can do right. */
function refuse(
  response: ServerResponse,
  seen: SeenRequest,
  headers: IncomingHttpHeaders,
  status: 429 | 503,
): void {
  if (response.destroyed) return;
  seen.status = status;
  const code = status === 429 ? 'rate_limited' : 'overloaded';
  response
    .writeHead(status, {
      ...corsHeaders(headers),
      'content-type': 'application/json',
      ...(status === 429 ? { 'retry-after': String(RETRY_AFTER_SECONDS) } : {}),
    })
    .end(JSON.stringify({ code, message: code, error: code }));
}

export function corsHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  return {
    'access-control-allow-origin': headers.origin ?? '*',
    'access-control-allow-credentials': 'true',
    'access-control-allow-headers':
      headers['access-control-request-headers'] ?? 'content-type, authorization',
    'access-control-allow-methods': 'GET, POST, OPTIONS',
    'access-control-expose-headers': 'Retry-After',
    'access-control-max-age': '600',
  };
}

function without(headers: IncomingHttpHeaders, names: readonly string[]): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}
