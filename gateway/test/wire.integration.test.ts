import { ingestAnswerSchema, problemSchema } from '@sluice/contracts';
import { createKey, revokeKey } from '@sluice/service-kit';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { basic, startGateway, type TestGateway } from './start-gateway.js';

const track = {
  type: 'track',
  event: 'Signed Up',
  userId: 'u1',
  messageId: 'm1',
  properties: { plan: 'pro' },
};

describe('the tracking API', () => {
  let t: TestGateway;

  beforeAll(async () => {
    t = await startGateway({ postgresUrl: inject('postgresUrl'), config: { keyTtlMs: 1 } });
  });
  afterAll(() => t.close());

  it.each([
    ['/v1/track', track],
    ['/v1/t', { ...track, type: undefined }],
    ['/v1/identify', { userId: 'u1', traits: { name: 'A' } }],
    ['/v1/i', { userId: 'u1' }],
    ['/v1/page', { anonymousId: 'a', name: 'Home' }],
    ['/v1/p', { anonymousId: 'a' }],
    ['/v1/screen', { anonymousId: 'a', name: 'Main' }],
    ['/v1/s', { anonymousId: 'a' }],
    ['/v1/group', { groupId: 'g', userId: 'u1' }],
    ['/v1/g', { groupId: 'g' }],
    ['/v1/alias', { previousId: 'a', userId: 'u1' }],
    ['/v1/a', { previousId: 'a', userId: 'u1' }],
    ['/v1/batch', { batch: [track] }],
    ['/v1/b', { batch: [track] }],
    ['/v1/import', { batch: [track] }],
  ])(
    'takes %s with and without a slash at its end, and answers 200 once the log has it',
    async (url, body) => {
      for (const address of [url, `${url}/`]) {
        const before = await t.log.endOffsets();
        const answer = await t.post(address, body);
        expect(answer.status).toBe(200);
        expect(answer.headers['content-type']).toContain('application/json');
        expect(ingestAnswerSchema.parse(answer.json)).toMatchObject({
          success: true,
          accepted: 1,
          rejected: [],
          durability: 'log',
        });
        const [logged, ...rest] = await t.readLog(before);
        expect(rest).toEqual([]);
        expect(logged).toMatchObject({
          text: JSON.stringify(body),
          meta: { kind: 'messages', count: 1, projectId: t.projectId, ip: '127.0.0.1' },
        });
        expect(answer.json.watermark).toBe(`${logged!.partition}:${logged!.record.offset + 1}`);
      }
    },
  );

  it('says with the record which type the address named', async () => {
    const before = await t.log.endOffsets();
    await t.post('/v1/p', { anonymousId: 'a', messageId: 'x' });
    const [logged] = await t.readLog(before);
    expect(logged!.meta).toMatchObject({ shape: 'single', type: 'page' });
    expect(logged!.meta).not.toHaveProperty('generatedIds');
  });

  it('gives an id to messages that have none', async () => {
    const before = await t.log.endOffsets();
    await t.post('/v1/batch', { batch: [track, { ...track, messageId: null }, { ...track, messageId: '' }] });
    const [logged] = await t.readLog(before);
    expect(logged!.meta).toMatchObject({
      generatedIds: {
        '1': expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/) as string,
        '2': expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/) as string,
      },
    });
  });

  it('passes the messages of each partition on in the client’s own bytes', async () => {
    const before = await t.log.endOffsets();
    const messages = Array.from(
      { length: 40 },
      (_, i) => `{"type":"track", "event":"é ${i}","anonymousId":"d${i}","messageId":"m${i}","n":1.50}`,
    );
    const body = `{"context":{"a":"\\u00e9"},"sentAt":"2026-11-22T12:00:00.000Z","batch":[ ${messages.join(' , ')} ],"writeKey":"x"}`;
    const answer = await t.post('/v1/batch', body);
    expect(answer.json).toMatchObject({ accepted: 40, success: true });
    const logged = await t.readLog(before);
    expect(logged).toHaveLength(before.length);
    const seen: string[] = [];
    for (const { text, meta } of logged) {
      expect(
        text.startsWith('{"sentAt":"2026-11-22T12:00:00.000Z","context":{"a":"\\u00e9"},"batch":['),
      ).toBe(true);
      const parsed = JSON.parse(text) as { batch: { event: string }[] };
      expect(meta).toMatchObject({ shape: 'batch', count: parsed.batch.length });
      seen.push(...messages.filter((message) => text.includes(message)));
    }
    expect(seen.sort()).toEqual([...messages].sort());
    expect(answer.json.watermark!.split(',')).toHaveLength(before.length);
  });

  it('judges the messages of a batch one by one and keeps the rejected ones with their bytes', async () => {
    const before = await t.log.endOffsets();
    const bad = '{"type" : "track","userId":"u1","messageId":"bad-1"}';
    const answer = await t.post('/v1/batch', `{"batch":[${JSON.stringify(track)},${bad},17]}`);
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({
      success: false,
      accepted: 1,
      rejected: [
        { index: 1, messageId: 'bad-1', code: 'event_not_defined', field: '/event' },
        { index: 2, messageId: null, code: 'message_not_object', field: null },
      ],
    });
    const logged = await t.readLog(before);
    const rejected = logged.filter(({ meta }) => meta.kind === 'rejected');
    expect(rejected.map(({ text }) => text).sort()).toEqual(['17', bad]);
    expect(rejected.find(({ text }) => text === bad)!.meta).toMatchObject({
      code: 'event_not_defined',
      field: '/event',
      messageId: 'bad-1',
      index: 1,
    });
    expect(logged.find(({ meta }) => meta.kind === 'messages')!.meta).toMatchObject({
      count: 1,
      skip: [1, 2],
    });
  });

  it('answers 400 to a single message that is rejected, and keeps it as a dead letter', async () => {
    const before = await t.log.endOffsets();
    const answer = await t.post('/v1/track', { userId: 'u1' });
    expect(answer.status).toBe(400);
    expect(problemSchema.parse(answer.json)).toMatchObject({
      code: 'event_not_defined',
      error: 'event_not_defined',
      field: '/event',
      retryable: false,
    });
    const logged = await t.readLog(before);
    expect(logged.map(({ meta }) => meta.kind)).toEqual(['rejected']);
  });

  it.each([
    ['invalid_json', '{"batch":[', undefined],
    ['invalid_json', '', undefined],
    ['invalid_utf8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), undefined],
    ['invalid_body', '[]', undefined],
    ['invalid_body', 'null', undefined],
    ['batch_not_array', '{}', '/batch'],
    ['batch_not_array', '{"batch":{}}', '/batch'],
    ['empty_batch', '{"batch":[]}', '/batch'],
    ['invalid_timestamp', '{"batch":[{}],"sentAt":"soon"}', '/sentAt'],
    ['context_not_object', '{"batch":[{}],"context":[]}', '/context'],
    ['forbidden_key', '{"batch":[{}],"context":{"__proto__":1}}', '/context/__proto__'],
    ['too_many_messages', `{"batch":[${'0,'.repeat(10_000)}0]}`, '/batch'],
    [
      'inflated_body_too_large',
      `{"batch":[${'0,'.repeat(2_000)}0],"context":{"a":"${'x'.repeat(20_000)}"}}`,
      '/context',
    ],
  ])('refuses a request as a whole with %s, and logs nothing of it', async (code, body, field) => {
    const before = await t.log.endOffsets();
    const answer = await t.post('/v1/batch', body);
    expect(answer.json).toMatchObject({ code, ...(field === undefined ? {} : { field }) });
    expect(answer.status).toBe(code === 'inflated_body_too_large' ? 413 : 400);
    expect(await t.log.endOffsets()).toEqual(before);
  });

  it('rejects the messages beyond 2,500 one by one', async () => {
    const answer = await t.post('/v1/batch', {
      batch: Array.from({ length: 2_503 }, (_, i) => ({ ...track, messageId: `m${i}` })),
    });
    expect(answer.status).toBe(200);
    expect(answer.json.accepted).toBe(2_500);
    expect(answer.json.rejected.map(({ index, code }) => [index, code])).toEqual([
      [2_500, 'too_many_messages'],
      [2_501, 'too_many_messages'],
      [2_502, 'too_many_messages'],
    ]);
  });

  it('rejects a message of more than 32 KB, by its bytes as sent, and no other', async () => {
    const large = { ...track, properties: { pad: 'é'.repeat(17_000) } };
    const spaced = `{${' '.repeat(33_000)}"type":"track","event":"e","userId":"u"}`;
    const fits = { ...track, properties: { pad: 'x'.repeat(32_000) } };
    const body = `{"batch":[${[fits, large, track, fits].map((m) => JSON.stringify(m)).join(',')},${spaced}]}`;
    const answer = await t.post('/v1/batch', body);
    expect(answer.json.rejected.map(({ index, code }) => [index, code])).toEqual([
      [1, 'message_too_large'],
      [4, 'message_too_large'],
    ]);
    expect((await t.post('/v1/track', large)).json).toMatchObject({ status: 400, code: 'message_too_large' });
  });

  it('ignores the metrics that SDKs keep of themselves', async () => {
    const answer = await t.gateway.app.inject({
      method: 'POST',
      url: '/v1/m',
      headers: { 'content-type': 'text/plain' },
      payload: '{"series":[{"type":"Counter"}]}',
    });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({ success: true });
  });

  it('serves the settings that SDKs start with', async () => {
    const answer = await t.gateway.app.inject({
      url: `/v1/projects/${t.writeKey}/settings`,
      headers: { host: 'events.example.com:8443' },
    });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({
      integrations: { 'Segment.io': { apiKey: t.writeKey, apiHost: 'events.example.com:8443/v1' } },
      metrics: { sampleRate: 0 },
    });
    const unknown = await t.gateway.app.inject('/v1/projects/nobody/settings');
    expect(unknown.json()).toMatchObject({ status: 401, code: 'project_not_found' });
  });

  it('tells a wrong method and a wrong address apart, and never redirects', async () => {
    expect((await t.gateway.app.inject('/v1/batch')).statusCode).toBe(405);
    expect((await t.gateway.app.inject({ method: 'POST', url: '/v1/nowhere' })).statusCode).toBe(404);
    expect((await t.gateway.app.inject({ method: 'POST', url: '//v1/batch' })).statusCode).toBe(404);
  });

  it('documents every address in OpenAPI', async () => {
    const { paths } = (await t.gateway.app.inject('/openapi.json')).json<{
      paths: Record<string, unknown>;
    }>();
    expect(Object.keys(paths).filter((path) => path.startsWith('/v1/'))).toHaveLength(17);
    expect(JSON.stringify(paths['/v1/batch'])).toContain('messageId');
  });

  it('is ready, and counts what it does', async () => {
    expect((await t.gateway.app.inject('/health/ready')).json()).toMatchObject({ status: 'ready' });
    const { body } = await t.gateway.app.inject('/metrics');
    expect(body).toMatch(/sluice_gateway_requests_total\{endpoint="batch",code="ok"\} [1-9]/);
    expect(body).toMatch(/sluice_gateway_events_total\{verdict="rejected"\} [1-9]/);
    expect(body).toContain('sluice_gateway_ack_seconds_bucket');
  });

  describe('keys', () => {
    const send = async (headers: Record<string, string>, body: unknown, url = '/v1/batch') => {
      const answer = await t.gateway.app.inject({
        method: 'POST',
        url,
        headers,
        payload: JSON.stringify(body),
      });
      return { status: answer.statusCode, code: answer.json<{ code?: string }>().code };
    };
    const batch = { batch: [track] };

    it('are taken from Basic, the body, Bearer and the message', async () => {
      const { writeKey } = t;
      const ok = { status: 200, code: undefined };
      expect(await send({ authorization: basic(writeKey) }, batch)).toEqual(ok);
      const bare = Buffer.from(writeKey).toString('base64');
      expect(await send({ authorization: `basic ${bare}` }, batch)).toEqual(ok);
      expect(await send({}, { ...batch, writeKey })).toEqual(ok);
      expect(await send({ authorization: `Bearer ${writeKey}` }, batch)).toEqual(ok);
      expect(await send({ authorization: 'Bearer some.oauth.token' }, { ...batch, writeKey })).toEqual(ok);
      expect(
        await send({ authorization: 'Bearer some.oauth.token' }, { batch: [{ ...track, writeKey }] }),
      ).toEqual(ok);
      expect(await send({}, { batch: [{ ...track, writeKey }] })).toEqual(ok);
      expect(await send({}, { ...track, writeKey }, '/v1/t')).toEqual(ok);
      expect(await send({ authorization: basic('') }, { ...batch, writeKey })).toEqual(ok);
    });

    it('count in that order', async () => {
      const { writeKey } = t;
      const unknown = { status: 401, code: 'project_not_found' };
      expect(await send({ authorization: basic('unknown') }, { ...batch, writeKey })).toEqual(unknown);
      expect(await send({}, { writeKey: 'unknown', batch: [{ ...track, writeKey }] })).toEqual(unknown);
      expect(await send({ authorization: 'Bearer unknown' }, batch)).toEqual(unknown);
      expect(await send({}, { writeKey: 'k'.repeat(10_000), ...batch })).toEqual(unknown);
      expect(await send({}, batch)).toEqual({ status: 401, code: 'missing_write_key' });
    });

    it('in messages must agree within a batch', async () => {
      const answer = await t.gateway.app.inject({
        method: 'POST',
        url: '/v1/b',
        payload: JSON.stringify({
          batch: [{ ...track, writeKey: t.writeKey }, { ...track, writeKey: 'another' }, track],
        }),
      });
      expect(answer.json()).toMatchObject({
        accepted: 2,
        rejected: [{ index: 1, code: 'project_not_found', field: '/writeKey' }],
      });
    });

    it('that only read do not write', async () => {
      const { key } = await createKey(t.database.pool, { projectId: t.projectId, kind: 'read' });
      expect(await send({ authorization: basic(key) }, batch)).toEqual({
        status: 401,
        code: 'project_not_found',
      });
    });

    it('stop working when they are revoked', async () => {
      const { key, keyId } = await createKey(t.database.pool, { projectId: t.projectId, kind: 'write' });
      expect((await send({ authorization: basic(key) }, batch)).status).toBe(200);
      await revokeKey(t.database.pool, keyId);
      await expect
        .poll(() => send({ authorization: basic(key) }, batch))
        .toEqual({ status: 401, code: 'source_disabled' });
    });

    it('accept browsers only from their origins, where they name any', async () => {
      const { key } = await createKey(t.database.pool, {
        projectId: t.projectId,
        kind: 'write',
        allowedOrigins: ['https://shop.example'],
      });
      const from = (origin: string) => send({ authorization: basic(key), origin }, batch);
      expect((await from('https://shop.example')).status).toBe(200);
      expect(await from('https://evil.example')).toEqual({ status: 403, code: 'origin_not_allowed' });
      expect((await send({ authorization: basic(key) }, batch)).status).toBe(200);
    });
  });

  it('reads every body as JSON, whatever its Content-Type', async () => {
    for (const type of [
      'text/plain',
      'text/plain;charset=UTF-8',
      'application/json; charset=utf-8',
      'x/y',
      ';;',
      'application/x-www-form-urlencoded',
    ]) {
      expect((await t.post('/v1/t', track, { 'content-type': type })).status).toBe(200);
    }
    const none = await t.gateway.app.inject({
      method: 'POST',
      url: '/v1/t',
      headers: { authorization: basic(t.writeKey) },
      payload: Buffer.from(JSON.stringify(track)),
    });
    expect(none.statusCode).toBe(200);
  });

  describe('for browsers', () => {
    it('answers preflights for any origin and any header', async () => {
      const answer = await t.gateway.app.inject({
        method: 'OPTIONS',
        url: '/v1/t',
        headers: {
          origin: 'https://shop.example',
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,x-mine',
        },
      });
      expect(answer.statusCode).toBe(204);
      expect(answer.headers).toMatchObject({
        'access-control-allow-origin': 'https://shop.example',
        'access-control-allow-methods': 'POST, GET, OPTIONS',
        'access-control-allow-headers': 'authorization,x-mine',
        'access-control-allow-credentials': 'true',
      });
      expect(Number(answer.headers['access-control-max-age'])).toBeGreaterThan(3_600);
    });

    it('lets pages read answers, refusals and Retry-After', async () => {
      for (const body of [track, {}, '{']) {
        const answer = await t.post('/v1/t', body, { origin: 'https://shop.example' });
        expect(answer.headers['access-control-allow-origin']).toBe('https://shop.example');
        expect(answer.headers['access-control-expose-headers']).toContain('Retry-After');
      }
    });
  });

  describe('the tracking plan', () => {
    const off = { ...track, event: 'Purchase', properties: { amount: 'free' } };
    const setMode = (mode: string) =>
      t.database.pool.query('update projects set plan_mode = $1 where project_id = $2', [mode, t.projectId]);

    it('is noted in the answer where the project warns', async () => {
      await setMode('warn');
      await expect
        .poll(async () => (await t.post('/v1/batch', { batch: [track, off] })).json)
        .toMatchObject({
          success: true,
          accepted: 2,
          warnings: [{ index: 1, code: 'plan_violation', field: '/properties/amount' }],
        });
    });

    it('rejects where the project blocks, naming the property', async () => {
      await setMode('block');
      await expect
        .poll(async () => (await t.post('/v1/batch', { batch: [off, track] })).json)
        .toMatchObject({
          accepted: 1,
          rejected: [{ index: 0, code: 'plan_violation', field: '/properties/amount' }],
        });
      expect((await t.post('/v1/t', off)).json).toMatchObject({ status: 400, code: 'plan_violation' });
    });

    it('is not looked at where it is off', async () => {
      await setMode('off');
      await expect
        .poll(async () => (await t.post('/v1/batch', { batch: [off] })).json)
        .toEqual(expect.objectContaining({ success: true, accepted: 1, rejected: [] }));
      await setMode('warn');
    });
  });
});
