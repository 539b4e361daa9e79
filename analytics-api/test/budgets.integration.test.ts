import { createKey } from '@sluice/service-kit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { openApiFixture, type ApiFixture, type Project } from './api-fixture.js';

let api: ApiFixture;
let project: Project;

beforeAll(async () => {
  api = await openApiFixture({ rowsPerHour: 1 });
  await api.completeThrough('2024-06-01T00:00:00Z');
});
afterAll(async () => api.close());
beforeEach(async () => {
  project = await api.createProject();
  await api.land(project.projectId, [
    { userId: 'ann', at: '2024-05-01T01:00:00Z', event: 'buy' },
    { userId: 'bob', at: '2024-05-01T02:00:00Z', event: 'buy' },
  ]);
});

const question = (more: object = {}) => ({
  kind: 'trends',
  from: '2024-05-01',
  to: '2024-05-01',
  timezone: 'UTC',
  source: 'raw',
  ...more,
});

describe('a budget', () => {
  it('is what a key may have read in an hour: then it is told when to come back', async () => {
    const first = await api.ask(project.key, question());
    expect(first.statusCode, first.body).toBe(200);
    expect(first.headers).toMatchObject({ 'query-budget-limit': '1', 'query-budget-remaining': '0' });
    const refused = await api.ask(project.key, question({ interval: 'hour' }));
    expect(refused.json()).toMatchObject({ code: 'budget_exceeded', status: 429, retryable: true });
    const wait = Number(refused.headers['retry-after']);
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(3_600);
    expect(Math.abs(Number(refused.headers['query-budget-reset']) - wait)).toBeLessThanOrEqual(1);
    // What is no question is not refused.
    expect((await api.get(project.key, '/v1/status')).statusCode).toBe(200);
  });

  it('of its own a key has instead of that of the server', async () => {
    const { projectId } = project;
    const own = await createKey(api.pool, { projectId, kind: 'read', rowsPerHour: 1_000_000 });
    const first = await api.ask(own.key, question());
    const left = Number(first.headers['query-budget-remaining']);
    expect(left).toBeLessThan(1_000_000);
    expect(left).toBeGreaterThan(990_000);
    const second = await api.ask(own.key, question({ interval: 'hour' }));
    expect(Number(second.headers['query-budget-remaining'])).toBeLessThan(left);
  });

  it('is not spent by answers from memory, nor by estimates', async () => {
    const { projectId } = project;
    const own = await createKey(api.pool, { projectId, kind: 'read', rowsPerHour: 1_000_000 });
    const left = async (more: object): Promise<string> => {
      const response = await api.ask(own.key, question(more));
      expect(response.statusCode, response.body).toBe(200);
      return String(response.headers['query-budget-remaining']);
    };
    expect(await left({ dry_run: true })).toBe('1000000');
    const after = await left({});
    expect(await left({})).toBe(after);
    expect(await left({ cache: 'refresh' })).not.toBe(after);
  });
});

describe('a question with a name', () => {
  it('is cancelled by it, by its project alone', async () => {
    const { projectId } = project;
    const own = await createKey(api.pool, { projectId, kind: 'read', rowsPerHour: 1_000_000 });
    const [position] = await api.log.append([
      { partition: 0, key: 'k', headers: {}, value: new Uint8Array([1]) },
    ]);
    // It waits for an event that does not arrive.
    const waiting = api.ask(own.key, question({ query_id: 'slow', wait_for: `0:${position!.offset + 1}` }));
    const cancel = async (key: string) => api.send(key, 'DELETE', '/v1/queries/slow');
    const other = await api.createProject();
    let cancelled = await cancel(own.key);
    while (cancelled.statusCode === 404) {
      await api.pool.query('select 1');
      expect((await cancel(other.key)).statusCode).toBe(404);
      cancelled = await cancel(own.key);
    }
    expect(cancelled.json()).toEqual({ cancelled: 1 });
    expect((await waiting).json()).toMatchObject({ code: 'query_cancelled', status: 409, retryable: false });
    expect((await cancel(own.key)).json()).toMatchObject({ code: 'not_found', field: '/query_id' });
  });
});

describe('an answer', () => {
  it.each([
    ['br', brotliDecompressSync],
    ['gzip', gunzipSync],
  ] as const)('is compressed (%s) for who takes it, and small ones are not', async (encoding, inflate) => {
    const { projectId } = project;
    const own = await createKey(api.pool, { projectId, kind: 'read', rowsPerHour: 1_000_000 });
    const headers = { 'accept-encoding': encoding };
    const send = async (more: object, with_: Record<string, string>) =>
      api.send(own.key, 'POST', '/v1/query', question(more), with_);
    const plain = await send({ interval: 'hour' }, {});
    const packed = await send({ interval: 'hour' }, headers);
    expect(packed.headers['content-encoding']).toBe(encoding);
    expect(packed.headers.vary).toMatch(/accept-encoding/i);
    expect(packed.rawPayload.length).toBeLessThan(plain.rawPayload.length / 2);
    const answer = JSON.parse(inflate(packed.rawPayload).toString()) as { series: unknown };
    expect(answer.series).toEqual(plain.json<{ series: unknown }>().series);
    const small = await api.send(own.key, 'GET', '/v1/status', undefined, headers);
    expect(small.headers).not.toHaveProperty('content-encoding');
  });
});
