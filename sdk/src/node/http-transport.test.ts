import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { Transport } from '../core/transport.js';
import { createFetchTransport } from './fetch-transport.js';
import { createHttpTransport } from './http-transport.js';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function serve(
  answer: (request: IncomingMessage, body: Buffer, response: ServerResponse) => void,
): Promise<{ url: URL; server: Server; connections: () => number }> {
  let connections = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => answer(request, Buffer.concat(chunks), response));
  });
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { url: new URL(`http://127.0.0.1:${port}/base/v1/b`), server, connections: () => connections };
}

const transports: [string, (url: URL) => Transport][] = [
  [
    'createHttpTransport',
    (url) => {
      const transport = createHttpTransport({ url, gzipFromBytes: 1_000 });
      closers.push(() => transport.close());
      return transport.send;
    },
  ],
  ['createFetchTransport', (url) => createFetchTransport(url, fetch)],
];

describe.each(transports)('%s', (_, create) => {
  it('posts the body as text to the address, and gives back what is answered', async () => {
    const seen: unknown[] = [];
    const { url } = await serve((request, body, response) => {
      seen.push([request.method, request.url, request.headers['content-type'], body.toString()]);
      response.writeHead(429, { 'retry-after': '8' }).end('{"ü":1}');
    });
    expect(await create(url)('{"batch":["ü"]}', { timeoutMs: 5_000 })).toEqual({
      kind: 'answered',
      status: 429,
      retryAfter: '8',
      body: '{"ü":1}',
    });
    expect(seen).toEqual([['POST', '/base/v1/b', 'text/plain', '{"batch":["ü"]}']]);
  });

  it('says that it failed when nobody listens, the connection is cut, or no answer comes in time', async () => {
    const { url, server } = await serve((request, body, response) => {
      if (body.toString() === 'cut') request.socket.destroy();
      else if (body.toString() === 'half') response.writeHead(200, { 'content-length': 100 }).write('half');
      if (body.toString() === 'half') setImmediate(() => request.socket.destroy());
    });
    const send = create(url);
    expect(await send('cut', { timeoutMs: 5_000 })).toMatchObject({ kind: 'failed' });
    expect(await send('half', { timeoutMs: 5_000 })).toMatchObject({ kind: 'failed' });
    expect(await send('silence', { timeoutMs: 50 })).toEqual({
      kind: 'failed',
      reason: 'no answer within 50 ms',
    });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect(await send('nobody', { timeoutMs: 5_000 })).toMatchObject({ kind: 'failed' });
  });

  it('keeps its connection', async () => {
    const { url, connections } = await serve((_request, _body, response) => response.end('{}'));
    const send = create(url);
    for (let i = 0; i < 5; i++) await send('x', { timeoutMs: 5_000 });
    // undici takes a second one when the first is not back in its pool within the same turn.
    expect(connections()).toBeLessThan(3);
  });
});

describe('createHttpTransport', () => {
  it('compresses large bodies and no small ones', async () => {
    const seen: [string | undefined, Buffer][] = [];
    const { url } = await serve((request, body, response) => {
      seen.push([request.headers['content-encoding'], body]);
      response.end('{}');
    });
    const transport = createHttpTransport({ url, gzipFromBytes: 1_000 });
    closers.push(() => transport.close());
    await transport.send('ü'.repeat(499), { timeoutMs: 5_000 });
    await transport.send('ü'.repeat(500), { timeoutMs: 5_000 });
    expect(seen.map(([encoding]) => encoding)).toEqual([undefined, 'gzip']);
    expect(gunzipSync(seen[1]![1]).toString()).toBe('ü'.repeat(500));
  });

  it('reads no endless answer', async () => {
    const { url } = await serve((_request, _body, response) => {
      const more = (): void => {
        while (response.write(Buffer.alloc(1024 * 1024)));
        response.once('drain', more);
      };
      more();
    });
    const transport = createHttpTransport({ url, gzipFromBytes: 1_000 });
    closers.push(() => transport.close());
    expect(await transport.send('x', { timeoutMs: 20_000 })).toMatchObject({
      kind: 'failed',
      reason: expect.stringContaining('too long') as string,
    });
  });
});
