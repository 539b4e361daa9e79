import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Transform } from 'node:stream';
import zlib from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { basic, startGateway, until, type TestGateway } from './start-gateway.js';

const MEBIBYTE = 1024 * 1024;
const track = { type: 'track', event: 'Signed Up', userId: 'u1', messageId: 'm1' };
const batch = Buffer.from(JSON.stringify({ batch: [track, track] }));

interface Answer {
  status: number;
  head: string;
  json: { code?: string; accepted?: number };
}

/** Reads answers off a connection, one after the other. */
function answersOf(socket: Socket): () => Promise<Answer> {
  let text = '';
  let closed = false;
  let wake: () => void = () => undefined;
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    wake();
  });
  socket.on('close', () => {
    closed = true;
    wake();
  });
  socket.on('error', () => undefined);
  return async () => {
    for (;;) {
      const headEnd = text.indexOf('\r\n\r\n');
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? NaN);
      if (headEnd !== -1 && text.length >= headEnd + 4 + length) {
        const head = text.slice(0, headEnd);
        const body = text.slice(headEnd + 4, headEnd + 4 + length);
        text = text.slice(headEnd + 4 + length);
        return {
          status: Number(head.slice(9, 12)),
          head: head.toLowerCase(),
          json: JSON.parse(body) as Answer['json'],
        };
      }
      if (closed) throw new Error(`the connection closed before an answer: ${text}`);
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
}

describe('the bounds of the gateway', () => {
  let t: TestGateway;
  let port: number;
  const sockets: Socket[] = [];

  beforeAll(async () => {
    t = await startGateway({
      postgresUrl: inject('postgresUrl'),
      config: { bodyTimeoutMs: 300, maxBodyBytes: 4 * MEBIBYTE, maxInflatedBytes: 8 * MEBIBYTE },
    });
    port = await t.listen();
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });
  afterAll(() => t.close());

  async function holdsNothing(): Promise<boolean> {
    return (await t.registry.metrics()).includes('\nsluice_gateway_in_flight_bytes 0\n');
  }

  async function open(): Promise<{ socket: Socket; next: () => Promise<Answer> }> {
    const socket = connect({ port, host: '127.0.0.1' });
    sockets.push(socket);
    await once(socket, 'connect');
    return { socket, next: answersOf(socket) };
  }

  function head(fields: Record<string, string | number>): string {
    const lines = Object.entries({ host: 'x', authorization: basic(t.writeKey), ...fields }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    return `POST /v1/batch HTTP/1.1\r\n${lines.join('')}\r\n`;
  }

  async function send(body: Buffer, fields: Record<string, string> = {}): Promise<Answer> {
    const { socket, next } = await open();
    socket.write(head({ 'content-length': body.length, ...fields }));
    socket.write(body);
    return next();
  }

  it.each([
    ['gzip', zlib.gzipSync(batch)],
    ['x-gzip', zlib.gzipSync(batch)],
    ['GZIP', zlib.gzipSync(batch)],
    ['deflate', zlib.deflateSync(batch)],
    ['deflate', zlib.deflateRawSync(batch)],
    ['br', zlib.brotliCompressSync(batch)],
    ['identity', batch],
  ])('reads a body in %s', async (encoding, body) => {
    const answer = await send(body, { 'content-encoding': encoding });
    expect(answer).toMatchObject({ status: 200, json: { accepted: 2 } });
  });

  it('reads an encoded body that comes byte by byte', async () => {
    const { socket, next } = await open();
    const body = zlib.deflateSync(batch);
    socket.setNoDelay(true);
    socket.write(head({ 'content-encoding': 'deflate', 'transfer-encoding': 'chunked' }));
    for (const byte of body) {
      socket.write(Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.write('0\r\n\r\n');
    expect(await next()).toMatchObject({ status: 200, json: { accepted: 2 } });
  });

  it.each([
    ['invalid_encoding', 'gzip', Buffer.from('this is not gzip')],
    ['invalid_encoding', 'gzip', zlib.gzipSync(batch).subarray(0, -4)],
    ['invalid_encoding', 'br', Buffer.from([0xff, 0xff, 0xff])],
    ['invalid_encoding', 'deflate', Buffer.from([1])],
    ['invalid_json', 'gzip', zlib.gzipSync('{')],
    ['invalid_json', 'gzip', Buffer.alloc(0)],
  ])('answers %s to a broken body in %s', async (code, encoding, body) => {
    expect(await send(body, { 'content-encoding': encoding })).toMatchObject({ status: 400, json: { code } });
  });

  it('answers 415 to an encoding it cannot read, naming those that it can', async () => {
    const answer = await send(batch, { 'content-encoding': 'compress' });
    expect(answer).toMatchObject({ status: 415, json: { code: 'unsupported_encoding' } });
    expect(JSON.stringify(answer.json)).toContain('gzip, deflate, br');
    const canZstd = 'createZstdDecompress' in zlib;
    expect(JSON.stringify(answer.json).includes('zstd')).toBe(canZstd);
  });

  it.each(['gzip', 'br'])(
    'refuses a %s body that inflates to 64 MB, and keeps memory flat',
    async (encoding) => {
      const compressor: Transform =
        encoding === 'gzip'
          ? zlib.createGzip()
          : zlib.createBrotliCompress({ params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } });
      const piece = Buffer.alloc(MEBIBYTE, 0x20);
      const compressed: Buffer[] = [];
      compressor.on('data', (chunk: Buffer) => compressed.push(chunk));
      for (let i = 0; i < 64; i++) compressor.write(piece);
      compressor.end();
      await once(compressor, 'end');
      const bomb = Buffer.concat(compressed);
      await send(bomb, { 'content-encoding': encoding });
      const before = process.memoryUsage.rss();
      let highest = before;
      const watch = setInterval(() => (highest = Math.max(highest, process.memoryUsage.rss())), 2);
      for (let i = 0; i < 5; i++) {
        expect(await send(bomb, { 'content-encoding': encoding })).toMatchObject({
          status: 413,
          json: { code: 'inflated_body_too_large' },
        });
      }
      clearInterval(watch);
      expect(highest - before).toBeLessThan(48 * MEBIBYTE);
      await until(holdsNothing, 'all bytes are given back');
    },
  );

  it('refuses a body by its declared length, before it comes', async () => {
    const { socket, next } = await open();
    socket.write(head({ 'content-length': 4 * MEBIBYTE + 1 }));
    expect(await next()).toMatchObject({ status: 413, json: { code: 'body_too_large' } });
  });

  it('refuses a body without a length once it passes the bound, and takes the next request', async () => {
    const { socket, next } = await open();
    socket.write(head({ 'transfer-encoding': 'chunked' }));
    const piece = Buffer.concat([
      Buffer.from('80000\r\n'),
      Buffer.alloc(512 * 1024, 0x20),
      Buffer.from('\r\n'),
    ]);
    for (let i = 0; i < 9; i++) socket.write(piece);
    const answer = await next();
    expect(answer).toMatchObject({ status: 413, json: { code: 'body_too_large' } });
    expect((await send(batch)).status).toBe(200);
  });

  it('answers 408 to a body that does not arrive in time', async () => {
    const { socket, next } = await open();
    socket.write(head({ 'content-length': 100 }));
    socket.write('{"batch":');
    expect(await next()).toMatchObject({ status: 408, json: { code: 'request_timeout' } });
  });

  it('forgets a request whose client goes away', async () => {
    const { socket } = await open();
    socket.write(head({ 'content-length': 100 }));
    socket.write('{"batch":');
    socket.destroy();
    expect((await send(batch)).status).toBe(200);
    await until(holdsNothing, 'all bytes are given back');
  });
});

describe('the rate limits', () => {
  let t: TestGateway;
  afterEach(() => t.close());

  it('answer 429 with Retry-After once an address asks too often, before anything else is looked at', async () => {
    t = await startGateway({ postgresUrl: inject('postgresUrl'), config: { rateLimitPerIp: 3 } });
    for (let i = 0; i < 3; i++) expect((await t.post('/v1/t', track)).status).toBe(200);
    const refused = await t.post('/v1/t', '{', { origin: 'https://shop.example' });
    expect(refused).toMatchObject({ status: 429, json: { code: 'rate_limited', retryable: true } });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(refused.headers).toMatchObject({
      'x-ratelimit-limit': '3',
      'x-ratelimit-remaining': '0',
      'access-control-allow-origin': 'https://shop.example',
    });
    expect((await t.gateway.app.inject('/health/live')).statusCode).toBe(200);
    expect(await t.registry.metrics()).toContain('sluice_gateway_rate_limited_total 1');
  });

  it('count each key by itself and tell what is left', async () => {
    t = await startGateway({ postgresUrl: inject('postgresUrl'), config: { rateLimitPerKey: 2 } });
    expect((await t.post('/v1/t', track)).headers['x-ratelimit-remaining']).toBe('1');
    expect((await t.post('/v1/t', track)).status).toBe(200);
    expect((await t.post('/v1/t', track)).status).toBe(429);
    expect((await t.post('/v1/t', track, { authorization: basic('another') })).status).toBe(401);
  });

  it('believe a proxy only when they are told to', async () => {
    t = await startGateway({
      postgresUrl: inject('postgresUrl'),
      config: { rateLimitPerIp: 1, trustProxy: true },
    });
    const from = (ip: string) => t.post('/v1/t', track, { 'x-forwarded-for': ip });
    const before = await t.log.endOffsets();
    expect((await from('203.0.113.7')).status).toBe(200);
    expect((await from('203.0.113.8')).status).toBe(200);
    expect((await from('203.0.113.7')).status).toBe(429);
    const [first] = await t.readLog(before);
    expect(first!.meta.ip).toBe('203.0.113.7');
  });

  it('let everything pass when their Redis does not answer', async () => {
    t = await startGateway({
      postgresUrl: inject('postgresUrl'),
      config: { rateLimitPerIp: 1, rateLimitPerKey: 1, redisUrl: 'redis://127.0.0.1:1' },
    });
    for (let i = 0; i < 3; i++) expect((await t.post('/v1/t', track)).status).toBe(200);
  });
});

describe('load shedding', () => {
  it('answers 503 with Retry-After while too many bytes are in memory', async () => {
    const t = await startGateway({ postgresUrl: inject('postgresUrl'), config: { maxInFlightBytes: 0 } });
    const port = await t.listen();
    const slow = connect({ port, host: '127.0.0.1' });
    await once(slow, 'connect');
    slow.write('POST /v1/batch HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"batch":');
    const held = async () => /\nsluice_gateway_in_flight_bytes (\d+)/.exec(await t.registry.metrics())?.[1];
    await until(async () => (await held()) === '9', 'the slow body is in memory');
    const refused = await t.post('/v1/t', track);
    expect(refused).toMatchObject({ status: 503, json: { code: 'overloaded', retryable: true } });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    slow.destroy();
    await until(async () => (await t.post('/v1/t', track)).status === 200, 'its bytes are given back');
    await t.close();
  });
});
