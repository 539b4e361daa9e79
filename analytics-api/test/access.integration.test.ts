import type { EventPage, Problem, TrendsAnswer } from '@sluice/contracts';
import { createKey, revokeKey } from '@sluice/service-kit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openApiFixture, uuidV7, type ApiFixture, type Project } from './api-fixture.js';

let api: ApiFixture;
let mine: Project;
let theirs: Project;

const SECRET = { sessionId: '00000000-0000-7000-8000-000000000abc', messageId: 'their-message' };

beforeAll(async () => {
  api = await openApiFixture();
  await api.completeThrough('2030-01-01T00:00:00Z');
  mine = await api.createProject();
  theirs = await api.createProject();
  await api.land(mine.projectId, [{ at: '2024-01-01T00:00:00Z', event: 'mine', userId: 'me' }]);
  await api.land(theirs.projectId, [
    { at: '2024-01-01T00:00:00Z', event: 'theirs', userId: 'them', ...SECRET },
    { at: '2024-01-01T00:00:01Z', event: 'mine', userId: 'me' },
  ]);
  await api.pool.query(
    `insert into users (project_id, user_id, first_seen, last_seen, events) values ($1, 'them', now(), now(), 1)`,
    [theirs.projectId],
  );
  await api.pool.query(
    `insert into dead_letters (project_id, source, code, message, message_id, log_id, "partition", log_offset, record_index,
       headers, bytes)
     values ($1, 'gateway', 'unknown_type', 'x', 'their-letter', 'l', 0, 0, 0, '{}', '\\x00')`,
    [theirs.projectId],
  );
});
afterAll(async () => api.close());

describe('keys', () => {
  it('open the API as bearer token or as the user of Basic', async () => {
    expect((await api.get(mine.key, '/v1/status')).statusCode).toBe(200);
    const basic = `Basic ${Buffer.from(`${mine.key}:`).toString('base64')}`;
    const response = await api.app.inject({ url: '/v1/status', headers: { authorization: basic } });
    expect(response.statusCode).toBe(200);
  });

  it('are asked for, checked, and must be for reading', async () => {
    const codeOf = async (headers: Record<string, string>): Promise<[number, string]> => {
      const response = await api.app.inject({ url: '/v1/events', headers });
      expect(response.headers['content-type']).toContain('application/problem+json');
      return [response.statusCode, response.json<Problem>().code];
    };
    const { projectId } = mine;
    const write = await createKey(api.pool, { projectId, kind: 'write' });
    const admin = await createKey(api.pool, { projectId, kind: 'admin' });
    const revoked = await createKey(api.pool, { projectId, kind: 'read' });
    await revokeKey(api.pool, revoked.keyId);
    const bound = await createKey(api.pool, {
      projectId,
      kind: 'read',
      allowedOrigins: ['https://a.example'],
    });
    expect(await codeOf({})).toEqual([401, 'missing_api_key']);
    expect(await codeOf({ authorization: 'Bearer nonsense' })).toEqual([401, 'invalid_api_key']);
    expect(await codeOf({ authorization: `Bearer ${write.key}` })).toEqual([403, 'insufficient_scope']);
    expect(await codeOf({ authorization: `Bearer ${revoked.key}` })).toEqual([401, 'invalid_api_key']);
    expect(await codeOf({ authorization: `Bearer ${bound.key}`, origin: 'https://b.example' })).toEqual([
      403,
      'origin_not_allowed',
    ]);
    expect((await api.get(admin.key, '/v1/events')).statusCode).toBe(200);
  });

  it('answer preflights of browsers without being asked for', async () => {
    const response = await api.app.inject({
      method: 'OPTIONS',
      url: '/v1/query',
      headers: {
        origin: 'https://a.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });
    expect(response.statusCode).toBe(204);
    expect(response.headers['access-control-allow-origin']).toBe('https://a.example');
    expect(response.headers['access-control-allow-headers']).toContain('authorization');
  });
});

describe('a project', () => {
  it('sees nothing of another, whatever it asks for', async () => {
    const events = (await api.get(mine.key, '/v1/events')).json<EventPage>();
    expect(events.events.map(({ event }) => event)).toEqual(['mine']);
    for (const [url, status] of [
      ['/v1/users/them', 404],
      ['/v1/users/them/timeline', 404],
      [`/v1/receipts/${SECRET.messageId}`, 404],
      ['/v1/receipts/their-letter', 404],
      ['/v1/dead-letters/1', 404],
    ] as const) {
      expect((await api.get(mine.key, url)).statusCode, url).toBe(status);
    }
    for (const url of [
      '/v1/events?user_id=them',
      `/v1/events?session_id=${SECRET.sessionId}`,
      '/v1/events?event=theirs',
    ]) {
      expect((await api.get(mine.key, url)).json<EventPage>().events, url).toEqual([]);
    }
    const letters = await api.get(mine.key, '/v1/dead-letters');
    expect(letters.json<{ dead_letters: unknown[] }>().dead_letters).toEqual([]);
    const audit = await api.get(mine.key, '/v1/audit?from=2024-01-01T00:00:00Z&to=2024-01-02T00:00:00Z');
    expect(audit.json()).toMatchObject({ totals: { logged: 1 }, rollups: { events: 1 } });
  });

  it('stays apart whatever stands in any text of a question', async () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => !text.includes('\0')),
      fc.constantFrom(
        "' or 1=1 --",
        '`) or 1=1 --',
        '{project:UInt32}',
        '{db:Identifier}',
        "\\') or 1=1 --",
        '$1',
        '`',
        '\\`',
        '%2E',
        'a`.`b',
        '/* */',
        "'; drop table events; --",
      ),
    );
    const text = hostile.filter((value) => value.length > 0);
    await fc.assert(
      fc.asyncProperty(
        text,
        text,
        text,
        fc.array(text, { minLength: 1, maxLength: 3 }),
        async (a, b, c, path) => {
          const range = { from: '2024-01-01', to: '2024-01-01', timezone: 'UTC' };
          const response = await api.ask(mine.key, {
            kind: 'trends',
            ...range,
            series: [{ measure: 'count' }, { event: a, measure: 'unique_users' }],
            breakdown: { property: path, limit: 3 },
            filters: [
              { property: b, operator: 'is_not', values: [c, a] },
              { property: path, operator: 'not_contains', values: [c] },
              { column: 'country', operator: 'is_not', values: [b] },
            ],
          });
          expect(response.statusCode, response.body).toBe(200);
          const { series } = response.json<TrendsAnswer>();
          expect(series.map(({ total }) => total)).toEqual([1, a === 'mine' ? 1 : 0]);
          const url = `/v1/events?event=${encodeURIComponent(a)}&user_id=${encodeURIComponent(b)}`;
          const page = await api.get(mine.key, url);
          expect(page.statusCode, page.body).toBe(200);
          expect(page.json<EventPage>().events).toEqual([]);
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe('a request that is not right', () => {
  it.each([
    [{ kind: 'nonsense' }, 'invalid_request'],
    [{ kind: 'trends', series: [] }, 'invalid_request'],
    [{ kind: 'trends', series: [{ measure: 'sum' }] }, 'invalid_request'],
    [{ kind: 'trends', breakdown: { column: 'project_id' } }, 'invalid_request'],
    [{ kind: 'trends', filters: [{ column: 'actor_id', operator: 'is', values: ['x'] }] }, 'invalid_request'],
    [{ kind: 'trends', filters: [{ property: 'x', operator: 'or 1=1', values: ['x'] }] }, 'invalid_request'],
    [{ kind: 'trends', project_id: 2 }, 'invalid_request'],
    [{ kind: 'trends', timezone: 'Mars/Olympus' }, 'invalid_timezone'],
    [{ kind: 'trends', from: '2024-02-30' }, 'invalid_date_range'],
    [{ kind: 'trends', from: '2020-01-01', to: '2024-01-01', interval: '15m' }, 'too_many_buckets'],
    [{ kind: 'trends', wait_for: 'x' }, 'invalid_watermark'],
    [{ kind: 'trends', wait_for: '0:99' }, 'invalid_watermark'],
    [{ kind: 'trends', wait_for: '77:0' }, 'invalid_watermark'],
  ])('%j is refused as %s', async (body, code) => {
    const response = await api.ask(mine.key, body);
    expect(response.statusCode).toBe(400);
    expect(response.json<Problem>()).toMatchObject({ code, status: 400, retryable: false });
  });

  it.each([
    '/v1/events?limit=0',
    '/v1/events?limit=1000',
    '/v1/events?cursor=nonsense',
    '/v1/events?project_id=2',
    '/v1/events?from=yesterday',
    '/v1/events?event=%00',
    '/v1/audit?from=2024-01-02T00:00:00Z&to=2024-01-01T00:00:00Z',
    '/v1/dead-letters/abc',
    `/v1/receipts/${uuidV7(0)}?watermark=nonsense`,
  ])('%s is refused', async (url) => {
    const response = await api.get(mine.key, url);
    expect(response.statusCode, response.body).toBe(400);
    expect(response.headers['content-type']).toContain('application/problem+json');
  });

  it('gets a 404 or a 405 that says which methods there are', async () => {
    expect((await api.get(mine.key, '/v1/nothing')).json()).toMatchObject({ code: 'not_found' });
    const response = await api.get(mine.key, '/v1/query');
    expect(response.statusCode).toBe(405);
    expect(response.headers.allow).toContain('POST');
  });
});

describe('a question that fails', () => {
  it('is an error and never a number', async () => {
    const broken = await api.createProject();
    await api.pool.query(`update rollup_generations set generation = 99 where generation = 1`);
    try {
      const response = await api.ask(broken.key, { kind: 'trends' });
      expect(response.statusCode).toBe(500);
      expect(response.json<Problem>()).toMatchObject({ code: 'query_failed', retryable: true });
      expect(response.body).not.toContain('Exception');
    } finally {
      await api.pool.query(`update rollup_generations set generation = 1 where generation = 99`);
    }
    expect((await api.ask(broken.key, { kind: 'trends' })).statusCode).toBe(200);
  });
});

describe('the description of the API', () => {
  it('lists every address with its parameters and answers', async () => {
    const response = await api.app.inject({ url: '/openapi.json' });
    expect(response.statusCode).toBe(200);
    const { paths } = response.json<{ paths: Record<string, Record<string, { responses: object }>> }>();
    expect(Object.keys(paths).sort()).toEqual([
      '/v1/admin-actions',
      '/v1/annotations',
      '/v1/annotations/{id}',
      '/v1/anomalies',
      '/v1/anomalies/simulate',
      '/v1/anomalies/stream',
      '/v1/anomalies/{id}',
      '/v1/anomalies/{id}/acknowledge',
      '/v1/anomalies/{id}/feedback',
      '/v1/anomalies/{id}/snooze',
      '/v1/audit',
      '/v1/churn',
      '/v1/churn/definition',
      '/v1/churn/jobs/{job_id}',
      '/v1/churn/model',
      '/v1/churn/run',
      '/v1/churn/runs',
      '/v1/cohorts',
      '/v1/cohorts/{name}',
      '/v1/dead-letters',
      '/v1/dead-letters/{id}',
      '/v1/events',
      '/v1/events/names',
      '/v1/integrity',
      '/v1/live',
      '/v1/notification-channels',
      '/v1/notification-channels/{name}',
      '/v1/notification-channels/{name}/test',
      '/v1/people',
      '/v1/properties',
      '/v1/properties/values',
      '/v1/queries/{query_id}',
      '/v1/query',
      '/v1/receipts/{messageId}',
      '/v1/saved',
      '/v1/saved/{name}',
      '/v1/saved/{name}.csv',
      '/v1/saved/{name}.json',
      '/v1/saved/{name}.live',
      '/v1/saved/{name}.ndjson',
      '/v1/saved/{name}.parquet',
      '/v1/saved/{name}/versions',
      '/v1/status',
      '/v1/users',
      '/v1/users/{id}',
      '/v1/users/{id}/timeline',
      '/v1/watches',
      '/v1/watches/{name}',
    ]);
    expect(JSON.stringify(paths['/v1/query'])).toContain('unique_users');
  });
});
