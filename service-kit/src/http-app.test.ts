import { SluiceError } from '@sluice/contracts';
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createHttpApp, type HttpApp, type HttpAppOptions } from './http-app.js';

describe('createHttpApp', () => {
  let app: HttpApp;

  beforeEach(async () => {
    app = await makeApp();
    app.get('/things/:id', { schema: { params: z.object({ id: z.coerce.number() }) } }, (request) => ({
      id: request.params.id,
    }));
    app.get('/busy', () => {
      throw new SluiceError('overloaded', { retryAfterSeconds: 1.2 });
    });
    app.get('/broken', () => {
      throw new Error('the password is hunter2');
    });
  });

  afterEach(() => app.close());

  it('answers a coded error with its status, Retry-After and problem details', async () => {
    const answer = await app.inject('/busy');
    expect(answer.statusCode).toBe(503);
    expect(answer.headers['retry-after']).toBe('2');
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.json()).toMatchObject({ code: 'overloaded', retryable: true, status: 503 });
  });

  it('lets browsers run nothing of an answer, frame it nowhere and guess no type', async () => {
    for (const url of ['/things/1', '/busy', '/nowhere', '/health/live']) {
      const { headers } = await app.inject(url);
      expect(headers['content-security-policy']).toBe(
        "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
      );
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'cross-origin',
      });
      expect(headers['strict-transport-security']).toMatch(/max-age=\d{7,}/);
      expect(headers['x-powered-by']).toBeUndefined();
    }
  });

  it('shows metrics to everybody, or to who carries the token alone', async () => {
    expect((await app.inject('/metrics')).statusCode).toBe(200);
    const closed = await makeApp({ metricsToken: 'a token of some length' });
    const ask = async (authorization?: string): Promise<number> =>
      (
        await closed.inject({
          url: '/metrics',
          headers: authorization === undefined ? {} : { authorization },
        })
      ).statusCode;
    expect(await ask()).toBe(401);
    expect(await ask('Bearer a')).toBe(401);
    expect(await ask(`Bearer ${'a token of some length'.replaceAll(' ', '_')}`)).toBe(401);
    await closed.close();
    const opened = await makeApp({ metricsToken: 'a-token-of-some-length' });
    const answer = await opened.inject({
      url: '/metrics',
      headers: { authorization: 'Bearer a-token-of-some-length' },
    });
    expect(answer.statusCode).toBe(200);
    await opened.close();
  });

  it('ends connections that send their request too slowly, and refuses headers that are too long', async () => {
    const impatient = await makeApp({ requestTimeoutMs: 100 });
    await impatient.listen({ host: '127.0.0.1', port: 0 });
    const { port } = impatient.server.address() as AddressInfo;
    const answerTo = async (text: string): Promise<string> => {
      const socket = connect(port, '127.0.0.1');
      socket.write(text);
      let answer = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
      await once(socket, 'close');
      return answer;
    };
    expect(await answerTo('GET /health/live HTTP/1.1\r\nHost: a\r\nX-Slow: ')).toContain('408');
    expect(
      await answerTo(`GET /health/live HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`),
    ).toContain('431');
    await impatient.close();
  });

  it('hides the text of an unexpected error', async () => {
    const answer = await app.inject('/broken');
    expect(answer.statusCode).toBe(500);
    expect(answer.json()).toMatchObject({ code: 'internal_error' });
    expect(answer.body).not.toContain('hunter2');
  });

  it('names the field and the reason when a parameter is not valid', async () => {
    const answer = await app.inject('/things/seven');
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ code: 'invalid_request', field: '/id' });
  });

  it('tells a wrong address from a wrong method', async () => {
    expect((await app.inject('/nowhere')).json()).toMatchObject({ status: 404, code: 'not_found' });
    const wrongMethod = await app.inject({ method: 'DELETE', url: '/things/7' });
    expect(wrongMethod.statusCode).toBe(405);
    expect(wrongMethod.headers.allow).toContain('GET');
  });

  it('is ready only when every check passes, and names the one that fails', async () => {
    expect((await app.inject('/health/ready')).statusCode).toBe(200);
    app.readiness.add('postgres', () => Promise.reject(new Error('connection refused')));
    const answer = await app.inject('/health/ready');
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toMatchObject({
      checks: { postgres: { ok: false, reason: 'connection refused' } },
    });
    expect((await app.inject('/health/live')).statusCode).toBe(200);
  });
});

function makeApp(options: Partial<HttpAppOptions> = {}): Promise<HttpApp> {
  return createHttpApp({
    log: pino({ level: 'silent' }),
    registry: new Registry(),
    title: 'Test',
    version: '0',
    ...options,
  });
}
