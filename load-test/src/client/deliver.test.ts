import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { deliver } from './deliver.js';
import { createGatewayClient, type GatewayClient } from './gateway-client.js';

const ANSWER = { success: true, accepted: 1, rejected: [], durability: 'log', watermark: '0:1' };

describe('deliver', () => {
  let server: Server | undefined;
  let client: GatewayClient | undefined;

  afterEach(async () => {
    await client?.close();
    await new Promise((resolve) => server?.close(resolve));
  });

  /** A gateway that answers its requests with these, one after the other. */
  async function connect(
    answers: ((request: IncomingMessage, response: ServerResponse) => void)[],
  ): Promise<{ client: GatewayClient; bodies: string[] }> {
    const bodies: string[] = [];
    server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        bodies.push(body);
        answers[bodies.length - 1]?.(request, response);
      });
    });
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    client = createGatewayClient({ url: `http://127.0.0.1:${port}`, writeKey: 'k' });
    return { client, bodies };
  }

  const json = (status: number, body: object, headers: Record<string, string> = {}) => {
    return (_: IncomingMessage, response: ServerResponse): void => {
      response
        .writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(JSON.stringify(body));
    };
  };

  it('sends the same bytes again after a lost answer, a 503 and a 429, until there is a verdict', async () => {
    const { client, bodies } = await connect([
      (request) => request.socket.destroy(),
      json(503, { code: 'overloaded' }, { 'retry-after': '0' }),
      json(429, { code: 'rate_limited' }, { 'retry-after': '0' }),
      json(200, ANSWER),
    ]);
    const reasons: string[] = [];
    const delivery = await deliver(client, '{"batch":[]}', {
      random: () => 0,
      onRetry: (reason) => reasons.push(reason),
    });
    expect(delivery).toEqual({ kind: 'delivered', answer: ANSWER, attempts: 4 });
    expect(bodies).toEqual(Array(4).fill('{"batch":[]}'));
    expect(reasons.slice(1)).toEqual(['overloaded', 'rate_limited']);
  });

  it('takes a 400 for final', async () => {
    const { client, bodies } = await connect([json(400, { code: 'invalid_json' })]);
    expect(await deliver(client, '{')).toEqual({
      kind: 'refused',
      status: 400,
      reason: 'invalid_json',
      attempts: 1,
    });
    expect(bodies).toHaveLength(1);
  });

  it('gives up when its time is over', async () => {
    const { client } = await connect([json(503, { code: 'overloaded' }, { 'retry-after': '60' })]);
    expect(await deliver(client, '{}', { giveUpAfterMs: 1_000 })).toMatchObject({
      kind: 'gave-up',
      reason: 'overloaded',
    });
  });
});
