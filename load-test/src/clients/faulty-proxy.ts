import { formatWatermark, ingestAnswerSchema, parseWatermark } from '@sluice/contracts';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';
import { messageIdsOf, parseBody } from './observed-messages.js';

/**
 * What the network does to a request with messages:
 * - `pass`: nothing.
 * - `drop-answer`: the gateway gets it and answers, the client gets a closed connection.
 * - `unavailable`: the client gets a 503, the gateway nothing.
 * - `repeat`: the gateway gets the same bytes twice.
 * - `repeat-later`: the gateway gets it twice, the second time as sent five seconds later (another `sentAt`).
 */
export type Fault = 'pass' | 'drop-answer' | 'unavailable' | 'repeat' | 'repeat-later';

export interface FaultyProxy {
  /** For clients, in place of the gateway's. */
  readonly url: string;
  readonly host: string;
  /** What went over the wire to the gateway. */
  readonly observed: Observed;
  /** After everything the gateway accepted. */
  watermark(): string;
  close(): Promise<void>;
}

export interface Observed {
  /** Messages posted to the gateway, each time counted. */
  sent: number;
  /** Ids of the messages the gateway accepted. */
  readonly accepted: Set<string>;
  /** Ids of the messages clients sent, accepted or not. */
  readonly seen: Set<string>;
  /** Reasons of messages that were not accepted. */
  readonly refusals: string[];
  readonly faults: Record<Fault, number>;
}

/** Faults in turn for the first request of a message; clients' own retries pass. */
const CYCLE: readonly Fault[] = ['drop-answer', 'pass', 'unavailable', 'repeat', 'repeat-later'];

const HOP_BY_HOP = ['host', 'connection', 'content-length', 'transfer-encoding', 'keep-alive', 'expect'];

/** An unreliable network between clients and a gateway, that sees everything. Listens on 127.0.0.1. */
export async function startFaultyProxy(gatewayUrl: string): Promise<FaultyProxy> {
  const gateway = new Pool(gatewayUrl, { connections: 16 });
  const reached = new Map<number, number>();
  const known = new Set<string>();
  const observed: Observed = {
    sent: 0,
    accepted: new Set(),
    seen: new Set(),
    refusals: [],
    faults: { pass: 0, 'drop-answer': 0, unavailable: 0, repeat: 0, 'repeat-later': 0 },
  };
  let turn = 0;

  function faultFor(ids: readonly (string | undefined)[]): Fault {
    const first = ids[0] ?? '';
    if (known.has(first)) return 'pass';
    known.add(first);
    return CYCLE[turn++ % CYCLE.length] ?? 'pass';
  }

  async function forward(
    method: string,
    path: string,
    headers: IncomingHttpHeaders,
    body: Buffer,
  ): Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }> {
    const kept = without(headers, ...HOP_BY_HOP);
    const answer = await gateway.request({
      method,
      path,
      headers: kept,
      body: body.length === 0 ? null : body,
    });
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: Buffer.from(await answer.body.arrayBuffer()),
    };
  }

  function note(ids: readonly (string | undefined)[], status: number, body: Buffer): void {
    observed.sent += ids.length;
    const answer = ingestAnswerSchema.safeParse(parseBody(body, undefined));
    if (status !== 200 || !answer.success) {
      observed.refusals.push(`HTTP ${status}: ${body.toString('utf8').slice(0, 300)}`);
      return;
    }
    const rejected = new Map(answer.data.rejected.map((rejection) => [rejection.index, rejection]));
    ids.forEach((id, index) => {
      const rejection = rejected.get(index);
      if (rejection !== undefined) observed.refusals.push(`${rejection.code}: ${rejection.message}`);
      else if (id !== undefined) observed.accepted.add(id);
    });
    for (const [partition, offset] of parseWatermark(answer.data.watermark ?? '') ?? []) {
      reached.set(partition, Math.max(offset, reached.get(partition) ?? 0));
    }
  }

  async function handle(
    request: { method: string; path: string; headers: IncomingHttpHeaders; body: Buffer },
    response: ServerResponse,
  ): Promise<void> {
    const { method, path, headers, body } = request;
    const parsed = method === 'POST' ? parseBody(body, headers['content-encoding']) : undefined;
    if (parsed === undefined || 'series' in parsed) {
      const answer = await forward(method, path, headers, body);
      reply(response, answer);
      return;
    }
    const ids = messageIdsOf(parsed);
    for (const id of ids) if (id !== undefined) observed.seen.add(id);
    const fault = faultFor(ids);
    observed.faults[fault]++;
    if (fault === 'unavailable') {
      response
        .writeHead(503, {
          'content-type': 'application/json',
          'retry-after': '1',
          'access-control-allow-origin': headers.origin ?? '*',
        })
        .end('{"code":"overloaded","message":"The server is busy.","error":"The server is busy."}');
      return;
    }
    const answer = await forward(method, path, headers, body);
    note(ids, answer.status, answer.body);
    if (fault === 'repeat') {
      const again = await forward(method, path, headers, body);
      note(ids, again.status, again.body);
    }
    if (fault === 'repeat-later') {
      // Plain JSON this time, whatever the encoding was.
      const again = await forward(method, path, without(headers, 'content-encoding'), sentLater(parsed));
      note(ids, again.status, again.body);
    }
    if (fault === 'drop-answer') response.destroy();
    else reply(response, answer);
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = 'GET', url: path = '/', headers } = request;
      handle({ method, path, headers, body: Buffer.concat(chunks) }, response).catch((error: unknown) => {
        observed.refusals.push(`the gateway could not be reached: ${String(error)}`);
        response.destroy();
      });
    });
    request.on('error', () => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${host}`,
    host,
    observed,
    watermark: () => formatWatermark(reached),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await gateway.close();
    },
  };
}

function reply(
  response: ServerResponse,
  answer: { status: number; headers: IncomingHttpHeaders; body: Buffer },
): void {
  const headers = without(answer.headers, ...HOP_BY_HOP);
  response.writeHead(answer.status, headers).end(answer.body);
}

function without(headers: IncomingHttpHeaders, ...names: readonly string[]): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}

/** The body as a client would send it five seconds later: the messages are the same, `sentAt` is not. */
function sentLater(body: Record<string, unknown>): Buffer {
  const sentAt = typeof body['sentAt'] === 'string' ? Date.parse(body['sentAt']) : Date.now();
  return Buffer.from(JSON.stringify({ ...body, sentAt: new Date(sentAt + 5_000).toISOString() }));
}
