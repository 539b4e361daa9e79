import type { AdminAction, ChannelDetail, Problem } from '@sluice/contracts';
import { createKey } from '@sluice/service-kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ASKING_ROUTES, guardRoutes } from '../src/access/guard-routes.js';
import { openApiFixture, type ApiFixture, type Project } from './api-fixture.js';

let api: ApiFixture;
let project: Project;
let admin: string;

beforeAll(async () => {
  api = await openApiFixture({ admin: { host: '127.0.0.1', port: 0 }, origins: ['https://d.example'] });
  await api.completeThrough('2030-01-01T00:00:00Z');
  project = await api.createProject();
  admin = await api.createAdminKey(project.projectId);
  await api.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => api.close());

type Where = 'public' | 'admin';

async function call(
  where: Where,
  key: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const port = where === 'admin' ? api.adminPort() : (api.app.server.address() as { port: number }).port;
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** Every operation of the description that could change something. */
async function changingOperations(): Promise<{ method: string; path: string }[]> {
  const { paths } = (await api.app.inject({ url: '/openapi.json' })).json<{
    paths: Record<string, Record<string, unknown>>;
  }>();
  const asking = new Set([...ASKING_ROUTES].map((route) => route.replace(/:(\w+)/g, '{$1}')));
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations)
      .map((method) => ({ method: method.toUpperCase(), path }))
      .filter(({ method }) => method !== 'GET' && !asking.has(`${method} ${path}`)),
  );
}

describe('routes of administrators', () => {
  it('are all that change something: a read key is refused at each of them with 403', async () => {
    const operations = await changingOperations();
    expect(operations.length).toBeGreaterThan(12);
    for (const { method, path } of operations) {
      const url = path.replace(/\{\w+\}/g, '1');
      const { status, body } = await call('admin', project.key, method, url, {});
      expect([status, body['code']], `${method} ${path}`).toEqual([403, 'insufficient_scope']);
    }
  });

  it('cannot be forgotten: a route without a scope, or that reads by a changing method, keeps the API from starting', () => {
    const hooks: ((route: object) => void)[] = [];
    const app = {
      decorateRequest: () => undefined,
      addHook: (name: string, hook: (route: object) => void) => name === 'onRoute' && hooks.push(hook),
    };
    guardRoutes(app as never, { keys: undefined as never });
    const add = (method: string | string[], url: string, config?: object) => () =>
      hooks.forEach((hook) => hook({ method, url, config }));
    expect(add('GET', '/v1/new')).toThrow(/does not say its scope/);
    expect(add(['GET', 'PUT'], '/v1/new', { scope: 'read' })).toThrow(/PUT \/v1\/new is open to read keys/);
    expect(add('DELETE', '/v1/new', { scope: 'read' })).toThrow(/only ask/);
    expect(add('PUT', '/v1/new', { scope: 'admin' })).not.toThrow();
    expect(add('POST', '/v1/query', { scope: 'read' })).not.toThrow();
  });

  it('are at their own address only, where there is one; everything else is at both', async () => {
    const note = { at: '2024-01-01T00:00:00Z', text: 'a release' };
    expect(await call('public', admin, 'POST', '/v1/annotations', note)).toMatchObject({
      status: 404,
      body: { code: 'not_found' },
    });
    // No header makes a request one of administrators.
    const forged = await api.app.inject({
      method: 'GET',
      url: '/v1/admin-actions',
      headers: { authorization: `Bearer ${admin}`, host: `127.0.0.1:${api.adminPort()}` },
    });
    expect(forged.statusCode).toBe(404);
    expect((await call('admin', admin, 'POST', '/v1/annotations', note)).status).toBe(201);
    for (const where of ['public', 'admin'] as const) {
      expect((await call(where, project.key, 'GET', '/v1/status')).status).toBe(200);
    }
  });
});

describe('the list of admin actions', () => {
  async function actions(query = ''): Promise<AdminAction[]> {
    const { status, body } = await call('admin', admin, 'GET', `/v1/admin-actions${query}`);
    expect(status).toBe(200);
    return body['actions'] as AdminAction[];
  }

  it('needs an admin key and shows the own project only', async () => {
    const { status, body } = await call('admin', project.key, 'GET', '/v1/admin-actions');
    expect([status, (body as unknown as Problem).code]).toEqual([403, 'insufficient_scope']);
    const other = await api.createProject();
    const theirs = await api.createAdminKey(other.projectId);
    const seen = await call('admin', theirs, 'GET', '/v1/admin-actions');
    expect((seen.body['actions'] as AdminAction[]).map(({ action }) => action)).toEqual([
      'key.create',
      'key.create',
      'project.create',
    ]);
  });

  it('tells each change once, from what to what, and nothing that changed nothing', async () => {
    const path = '/v1/notification-channels/ops';
    const channel = {
      kind: 'webhook',
      url: 'https://hooks.example/marker-url',
      secret: `whsec_${'A'.repeat(32)}`,
    };
    const put = (body: object) => call('admin', admin, 'PUT', path, body);
    expect((await put(channel)).status).toBe(200);
    expect((await put(channel)).status).toBe(200);
    expect((await put({ ...channel, secret: `whsec_${'B'.repeat(32)}` })).status).toBe(200);
    expect((await call('admin', admin, 'DELETE', path)).status).toBe(200);
    expect((await call('admin', admin, 'DELETE', path)).status).toBe(404);
    const [deleted, rekeyed, same, made] = await actions('?target=ops');
    expect(await actions('?target=ops')).toHaveLength(4);
    expect(made).toMatchObject({ action: 'channel.save', before_digest: null, address: '127.0.0.1' });
    expect(made?.actor.kind).toBe('key');
    expect(same?.before_digest).toBe(made?.after_digest);
    expect(same?.after_digest).toBe(same?.before_digest);
    expect(rekeyed?.after_digest).not.toBe(rekeyed?.before_digest);
    expect(deleted).toMatchObject({
      action: 'channel.delete',
      before_digest: rekeyed?.after_digest,
      after_digest: null,
    });
  });

  it('is read page by page', async () => {
    const all = await actions('?limit=200');
    const paged: AdminAction[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const more: { body: Record<string, unknown> } = await call(
        'admin',
        admin,
        'GET',
        `/v1/admin-actions?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      paged.push(...(more.body['actions'] as AdminAction[]));
      cursor = more.body['next_cursor'] as string | null;
    }
    expect(paged).toEqual(all);
  });
});

describe('the secrets of a channel', () => {
  it('are never read back, by an admin key either, nor its address', async () => {
    const path = '/v1/notification-channels/secretive';
    const secret = `whsec_${'Q'.repeat(32)}`;
    const body = { kind: 'webhook', url: 'https://user:marker-pass@hooks.example/marker-path', secret };
    const answers = [await call('admin', admin, 'PUT', path, body)];
    if (answers[0]?.status !== 200) {
      answers[0] = await call('admin', admin, 'PUT', path, {
        ...body,
        url: 'https://hooks.example/marker-path',
      });
    }
    answers.push(
      await call('admin', admin, 'GET', path),
      await call('admin', admin, 'GET', '/v1/admin-actions'),
    );
    expect((answers[1]?.body as unknown as ChannelDetail).host).toBe('hooks.example');
    for (const answer of answers) {
      expect(answer.status).toBe(200);
      expect(JSON.stringify(answer.body)).not.toMatch(/whsec_|marker-/);
    }
  });
});

describe('pages of other origins', () => {
  it('may ask from the origins of the settings only, and a key may narrow them', async () => {
    const allowed = async (origin: string): Promise<unknown> =>
      (
        await api.app.inject({
          url: '/v1/status',
          headers: { origin, authorization: `Bearer ${project.key}` },
        })
      ).headers['access-control-allow-origin'];
    expect(await allowed('https://d.example')).toBe('https://d.example');
    expect(await allowed('https://evil.example')).toBeUndefined();
    const { projectId } = project;
    const bound = await createKey(api.pool, {
      projectId,
      kind: 'read',
      allowedOrigins: ['https://e.example'],
    });
    const refused = await api.app.inject({
      url: '/v1/status',
      headers: { origin: 'https://d.example', authorization: `Bearer ${bound.key}` },
    });
    expect(refused.json()).toMatchObject({ code: 'origin_not_allowed' });
  });
});
