import { SluiceError } from '@sluice/contracts';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createHttpApp, type HttpApp } from './http-app.js';

describe('createHttpApp', () => {
  let app: HttpApp;

  beforeEach(async () => {
    app = await createHttpApp({
      log: pino({ level: 'silent' }),
      registry: new Registry(),
      title: 'Test',
      version: '0',
    });
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
