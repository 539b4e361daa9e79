import type { Problem, SavedList, SavedQuery, SavedVersions, TrendsAnswer } from '@sluice/contracts';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openApiFixture, type ApiFixture, type Project } from './api-fixture.js';

let api: ApiFixture;
let project: Project;
let admin: string;
let origin: string;

beforeAll(async () => {
  api = await openApiFixture({ liveAnswerMs: 20, liveHeartbeatMs: 60, maxLiveStreams: 2 });
  await api.app.listen({ host: '127.0.0.1', port: 0 });
  origin = `http://127.0.0.1:${(api.app.server.address() as AddressInfo).port}`;
});
afterAll(async () => api.close());
beforeEach(async () => {
  await api.completeThrough('2024-06-01T00:00:00Z');
  project = await api.createProject();
  admin = await api.createAdminKey(project.projectId);
  await api.land(project.projectId, [
    { userId: 'ann', at: '2024-05-01T01:00:00Z', event: 'buy', columns: { country: 'NO' } },
    { userId: 'bob', at: '2024-05-01T02:00:00Z', event: 'buy', columns: { country: '=SE,"1"' } },
    { userId: 'ann', at: '2024-05-02T02:00:00Z', event: 'buy', columns: { country: 'NO' } },
  ]);
});

const $ = (name: string) => ({ $param: name });
const buyers = {
  description: 'Buyers by country',
  query: {
    kind: 'trends',
    from: $('from'),
    to: '2024-05-02',
    timezone: 'UTC',
    series: [{ event: 'buy', name: 'buyers', measure: $('measure') }],
    breakdown: { column: 'country' },
    filters: [
      { column: 'country', operator: 'is', values: $('country') },
      { column: 'event', operator: 'is_set' },
    ],
  },
  parameters: {
    from: { type: 'date', default: '2024-05-01' },
    measure: { type: 'string', enum: ['count', 'unique_users'], default: 'unique_users' },
    country: { type: 'string[]', default: ['NO', '=SE,"1"'] },
  },
};

const save = async (body: unknown, key = admin, name = 'buyers') =>
  api.send(key, 'PUT', `/v1/saved/${name}`, body);
const run = async (suffix: string, headers: Record<string, string> = {}) =>
  api.send(project.key, 'GET', `/v1/saved/buyers.${suffix}`, undefined, headers);

async function saved(body: unknown): Promise<SavedQuery> {
  const response = await save(body);
  expect(response.statusCode, response.body).toBe(200);
  return response.json<SavedQuery>();
}

async function totalOf(suffix: string): Promise<number | null> {
  const response = await run(suffix);
  expect(response.statusCode, response.body).toBe(200);
  return response.json<TrendsAnswer>().series[0]!.total;
}

describe('a saved query', () => {
  it('keeps every version, and answers with the newest unless another is asked for', async () => {
    expect(await saved(buyers)).toMatchObject({ name: 'buyers', version: 1, query: buyers.query });
    const narrower = { ...buyers, query: { ...buyers.query, to: '2024-05-01' } };
    expect(await saved({ ...narrower, description: 'one day' })).toMatchObject({ version: 2 });
    expect(await totalOf('json?measure=count')).toBe(2);
    expect(await totalOf('json?measure=count&version=1')).toBe(3);
    const list = (await api.get(project.key, '/v1/saved')).json<SavedList>();
    expect(list.saved.map(({ version, description }) => [version, description])).toEqual([[2, 'one day']]);
    const first = await api.get(project.key, '/v1/saved/buyers?version=1');
    expect(first.json()).toMatchObject({ version: 1, description: 'Buyers by country' });
    const { versions } = (await api.get(project.key, '/v1/saved/buyers/versions')).json<SavedVersions>();
    expect(versions.map(({ version }) => version)).toEqual([2, 1]);
    expect((await run('json?version=3')).json()).toMatchObject({
      code: 'saved_query_not_found',
      field: '/version',
    });
  });

  it('gives each of many saves at once its own version', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, async () => saved(buyers)));
    expect(answers.map(({ version }) => version).sort()).toEqual([1, 2, 3, 4, 5]);
  });

  it('answers no more once it is deleted, and goes on counting versions when it comes back', async () => {
    await saved(buyers);
    expect((await api.send(admin, 'DELETE', '/v1/saved/buyers')).json()).toEqual({ deleted: 'buyers' });
    for (const response of [
      await run('json'),
      await run('json?version=1'),
      await api.get(project.key, '/v1/saved/buyers'),
      await api.send(admin, 'DELETE', '/v1/saved/buyers'),
    ]) {
      expect(response.json()).toMatchObject({ code: 'saved_query_not_found', status: 404 });
    }
    expect((await api.get(project.key, '/v1/saved')).json()).toEqual({ saved: [] });
    const { versions } = (await api.get(project.key, '/v1/saved/buyers/versions')).json<SavedVersions>();
    expect(versions).toMatchObject([{ version: 1, deleted: true }]);
    expect((await saved(buyers)).version).toBe(2);
  });

  it('is read with a read key, changed with an admin key, and seen by its project alone', async () => {
    expect((await save(buyers, project.key)).json()).toMatchObject({
      code: 'insufficient_scope',
      status: 403,
    });
    await saved(buyers);
    expect((await api.send(project.key, 'DELETE', '/v1/saved/buyers')).statusCode).toBe(403);
    const other = await api.createProject();
    expect((await api.get(other.key, '/v1/saved/buyers.json')).statusCode).toBe(404);
    expect((await api.get(other.key, '/v1/saved/buyers')).statusCode).toBe(404);
  });

  it('that makes no question is not saved', async () => {
    const wrong = { ...buyers, query: { ...buyers.query, interval: 'fortnight' } };
    expect((await save(wrong)).json()).toMatchObject({ code: 'invalid_query', field: '/query/interval' });
    expect((await save({ ...buyers, parameters: {} })).json()).toMatchObject({
      code: 'invalid_query',
      field: '/query/from',
    });
    expect((await api.get(project.key, '/v1/saved/buyers')).statusCode).toBe(404);
  });
});

describe('parameters', () => {
  beforeEach(async () => {
    await saved(buyers);
  });

  it('have defaults, and values from the address', async () => {
    expect(await totalOf('json')).toBe(2);
    expect(await totalOf('json?country=NO')).toBe(1);
    expect(await totalOf('json?country=NO&country=%3DSE%2C%221%22&measure=count')).toBe(3);
    expect(await totalOf('json?from=2024-05-02')).toBe(1);
  });

  it.each([
    ['from=yesterday', '/from'],
    ['measure=p90', '/measure'],
    ['colour=red', '/colour'],
    ['measure=count&measure=count', '/measure'],
  ])('%s is refused', async (query, field) => {
    const response = await run(`json?${query}`);
    expect(response.json()).toMatchObject({ code: 'invalid_parameter', status: 400, field });
  });

  it('are values, whatever they look like', async () => {
    for (const hostile of ["' or 1=1 --", '{"$param":"from"}', '{project:UInt32}', '`) or true --']) {
      expect(await totalOf(`json?country=${encodeURIComponent(hostile)}`)).toBe(0);
    }
  });

  it('that are required must be given', async () => {
    await saved({ ...buyers, parameters: { ...buyers.parameters, from: { type: 'date' } } });
    expect((await run('json')).json()).toMatchObject({ code: 'invalid_parameter', field: '/from' });
    expect(await totalOf('json?from=2024-05-01')).toBe(2);
  });
});

describe('a table', () => {
  beforeEach(async () => {
    await saved(buyers);
  });

  it('is CSV that runs nothing in a spreadsheet', async () => {
    const response = await run('csv');
    expect(response.headers['content-type']).toContain('text/csv');
    expect(response.headers['content-disposition']).toBe('attachment; filename="buyers.csv"');
    expect(response.headers['sluice-complete-through']).toBe('2024-06-01T00:00:00.000Z');
    expect(response.headers['sluice-complete']).toBe('true');
    const lines = response.body.split('\r\n');
    expect(lines[0]).toBe(
      'part,series,name,group_kind,group,start,end,label,complete,partial,value,previous_start,previous_value',
    );
    expect(lines[1]).toBe('total,A,buyers,all,,,,,,,2,,');
    expect(lines).toContain(`total,A,buyers,value,"'=SE,""1""",,,,,,1,,`);
    expect(lines).toHaveLength(11);
  });

  it('is NDJSON', async () => {
    const response = await run('ndjson?country=NO');
    const rows = response.body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(rows).toHaveLength(6);
    expect(rows[1]).toEqual({
      ...{ part: 'bucket', series: 'A', name: 'buyers', group_kind: 'all', group: null },
      ...{ start: '2024-05-01T00:00:00.000Z', end: '2024-05-02T00:00:00.000Z', label: '2024-05-01' },
      ...{ complete: true, partial: false, value: 1, previous_start: null, previous_value: null },
    });
  });

  it('is Parquet that ClickHouse reads, with types, nulls and the text as it was', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'sluice-parquet-'));
    try {
      const file = join(dir, 'buyers.parquet');
      await writeFile(file, (await run('parquet')).rawPayload);
      const read = async (sql: string): Promise<unknown[]> => {
        const result = await api.clickhouse.client.query({
          query: sql,
          query_params: { file },
          format: 'JSONEachRow',
        });
        return result.json();
      };
      const types = await read(`describe file({file:String}, 'Parquet')`);
      expect(
        types.map((column) => [(column as { name: string }).name, (column as { type: string }).type]),
      ).toEqual([
        ['part', 'Nullable(String)'],
        ['series', 'Nullable(String)'],
        ['name', 'Nullable(String)'],
        ['group_kind', 'Nullable(String)'],
        ['group', 'Nullable(String)'],
        ['start', expect.stringMatching(/^Nullable\(DateTime64\(3/) as string],
        ['end', expect.stringMatching(/^Nullable\(DateTime64\(3/) as string],
        ['label', 'Nullable(String)'],
        ['complete', 'Nullable(Bool)'],
        ['partial', 'Nullable(Bool)'],
        ['value', 'Nullable(Float64)'],
        ['previous_start', expect.stringMatching(/^Nullable\(DateTime64\(3/) as string],
        ['previous_value', 'Nullable(Float64)'],
      ]);
      expect(
        await read(`
          select "group", label, toUnixTimestamp(start) as at, complete, value, previous_value
          from file({file:String}, 'Parquet') where group_kind = 'value' and part = 'bucket' order by "group", start`),
      ).toEqual([
        {
          group: '=SE,"1"',
          label: '2024-05-01',
          at: 1714521600,
          complete: true,
          value: 1,
          previous_value: null,
        },
        {
          group: '=SE,"1"',
          label: '2024-05-02',
          at: 1714608000,
          complete: true,
          value: 0,
          previous_value: null,
        },
        { group: 'NO', label: '2024-05-01', at: 1714521600, complete: true, value: 1, previous_value: null },
        { group: 'NO', label: '2024-05-02', at: 1714608000, complete: true, value: 1, previous_value: null },
      ]);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});

describe('every kind of question', () => {
  it.each([
    {
      kind: 'funnel',
      steps: [{ event: 'buy' }, { event: 'buy' }],
      trend: 'day',
      breakdown: { column: 'country' },
    },
    { kind: 'retention', periods: 2, period: 'day' },
    { kind: 'lifecycle' },
    { kind: 'stickiness' },
    { kind: 'sessions', breakdown: { session: 'country' } },
  ])('is saved and has a table in each form: %j', async (query) => {
    const range = 'periods' in query ? { to: '2024-05-02' } : { from: '2024-05-01', to: '2024-05-02' };
    await saved({ query: { ...query, ...range, timezone: 'UTC' } });
    const rows = (await run('ndjson')).body.trimEnd().split('\n');
    expect(rows.length).toBeGreaterThan(0);
    const columns = Object.keys(JSON.parse(rows[0]!) as object);
    const lines = (await run('csv')).body.split('\r\n');
    expect(lines[0]).toBe(columns.join(','));
    expect(lines).toHaveLength(rows.length + 2);
    const file = (await run('parquet')).rawPayload;
    expect(file.subarray(0, 4).toString()).toBe('PAR1');
    expect(file.subarray(-4).toString()).toBe('PAR1');
  });
});

describe('the tag of an answer', () => {
  const tagOf = async (suffix: string): Promise<string> => String((await run(suffix)).headers.etag);

  it('spares an answer that is still the same, without asking anything', async () => {
    await saved(buyers);
    const tag = await tagOf('csv');
    const asked = async (): Promise<number> => {
      const metrics = await api.registry.getMetricsAsJSON();
      const values = metrics.find(({ name }) => name === 'sluice_query_seconds')!.values;
      return values
        .filter(({ labels, ...rest }) => labels['store'] === 'clickhouse' && 'metricName' in rest)
        .filter((value) => (value as { metricName?: string }).metricName === 'sluice_query_seconds_count')
        .reduce((sum, { value }) => sum + value, 0);
    };
    const before = await asked();
    expect(before).toBeGreaterThan(0);
    for (const header of [tag, `"other", ${tag.slice(2)}`, '*']) {
      const response = await run('csv', { 'if-none-match': header });
      expect([response.statusCode, response.body, response.headers.etag]).toEqual([304, '', tag]);
      expect(response.headers['cache-control']).toBe('private, no-cache');
      expect(response.headers.vary).toMatch(/authorization/i);
    }
    expect(await asked()).toBe(before);
    expect((await run('csv', { 'if-none-match': '"other"' })).statusCode).toBe(200);
  });

  it('changes with the form, the parameters, the version, the data, and how far it is complete', async () => {
    await saved(buyers);
    const tags = [await tagOf('csv')];
    const changes = async (suffix = 'csv'): Promise<void> => {
      const tag = await tagOf(suffix);
      expect(tags).not.toContain(tag);
      expect(await tagOf(suffix)).toBe(tag);
      tags.push(tag);
    };
    await changes('ndjson');
    await changes('csv?country=NO');
    await saved({ ...buyers, query: { ...buyers.query, to: '2024-05-03' } });
    await changes();
    await api.land(project.projectId, [{ userId: 'cid', at: '2024-05-01T03:00:00Z', event: 'buy' }]);
    await changes();
    await api.merge(project.projectId, 'bob', 'ann');
    await changes();
    await api.completeThrough('2024-06-02T00:00:00Z');
    await changes();
    // The same in other words.
    expect(await tagOf('csv?measure=unique_users')).toBe(tags.at(-1));
  });

  it('changes with the cohorts that the question names', async () => {
    const cohort = async (user_ids: string[]) => api.send(admin, 'PUT', '/v1/cohorts/some', { user_ids });
    await cohort(['ann']);
    await saved({ ...buyers, query: { ...buyers.query, breakdown: { cohorts: ['some'] } } });
    const before = await tagOf('json');
    expect(await tagOf('json')).toBe(before);
    await cohort(['ann', 'bob']);
    expect(await tagOf('json')).not.toBe(before);
  });
});

describe('a stream of answers', () => {
  interface Heard {
    event: string;
    id: string | undefined;
    data: TrendsAnswer & Problem;
  }

  /** Streams end with the test that opened them, also where it failed: there is room for two. */
  const open: AbortController[] = [];
  afterEach(() => {
    for (const stop of open.splice(0)) stop.abort();
  });
  function opened(): AbortController {
    const stop = new AbortController();
    open.push(stop);
    return stop;
  }

  /** Server-sent events as they come; comments are events of the name `:`. Waits while an earlier stream is being closed. */
  async function* listen(
    path: string,
    signal: AbortSignal,
    headers: Record<string, string> = {},
  ): AsyncGenerator<Heard> {
    const request = { headers: { authorization: `Bearer ${project.key}`, ...headers }, signal };
    let response = await fetch(`${origin}/v1/saved/${path}`, request);
    while (response.status === 503) {
      await response.text();
      response = await fetch(`${origin}/v1/saved/${path}`, request);
    }
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const block = text.slice(0, end);
        text = text.slice(end + 2);
        if (block.startsWith('retry')) continue;
        const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1];
        const data = field('data');
        yield {
          event: block.startsWith(':') ? ':' : (field('event') ?? ''),
          id: field('id'),
          data: (data === undefined ? {} : JSON.parse(data)) as Heard['data'],
        };
      }
    }
  }

  async function next(heard: AsyncGenerator<Heard>, event: string): Promise<Heard> {
    for (;;) {
      const result = await heard.next();
      if (result.done === true) throw new Error('the stream ended');
      if (result.value.event === event) return result.value;
    }
  }

  /** The first answer that says so: one may come before, because how far answers are complete has changed, too. */
  async function nextThat(
    heard: AsyncGenerator<Heard>,
    says: (answer: TrendsAnswer) => boolean,
  ): Promise<Heard> {
    for (;;) {
      const answer = await next(heard, 'answer');
      if (says(answer.data)) return answer;
    }
  }

  beforeEach(async () => {
    await saved(buyers);
  });

  it('answers at once, and again when the data has changed, with signs of life in between', async () => {
    const stop = opened();
    const heard = listen('buyers.live?measure=count&country=NO', stop.signal);
    expect((await next(heard, 'answer')).data.series[0]!.total).toBe(2);
    await next(heard, ':');
    await api.land(project.projectId, [
      { userId: 'cid', at: '2024-05-01T03:00:00Z', event: 'buy', columns: { country: 'NO' } },
    ]);
    const second = await nextThat(heard, ({ series }) => series[0]!.total === 3);
    await api.completeThrough('2024-06-03T00:00:00Z');
    await nextThat(heard, ({ complete_through }) => complete_through === '2024-06-03T00:00:00.000Z');
    stop.abort();

    const again = opened();
    const known = { 'last-event-id': second.id! };
    const rest = listen('buyers.live?measure=count&country=NO', again.signal, known);
    expect((await next(rest, 'answer')).id).not.toBe(second.id);
    again.abort();
  });

  it('does not repeat an answer to a client that reconnects', async () => {
    const stop = opened();
    const { id } = await next(listen('buyers.live', stop.signal), 'answer');
    stop.abort();
    const again = opened();
    const first = await listen('buyers.live', again.signal, { 'last-event-id': id! }).next();
    expect(first.value).toMatchObject({ event: ':' });
    again.abort();
  });

  it('says what keeps it from answering, and ends where nothing will change that', async () => {
    await saved({ ...buyers, query: { ...buyers.query, breakdown: { cohorts: ['missing'] } } });
    const stop = opened();
    const heard = listen('buyers.live', stop.signal);
    expect((await next(heard, 'problem')).data).toMatchObject({ code: 'cohort_not_found', retryable: false });
    expect((await heard.next()).done).toBe(true);
  });

  it('is refused when parameters are wrong or too many streams are open', async () => {
    expect((await run('live?colour=red')).json()).toMatchObject({
      code: 'invalid_parameter',
      field: '/colour',
    });
    const stop = opened();
    const both = [listen('buyers.live', stop.signal), listen('buyers.live', stop.signal)];
    for (const heard of both) await next(heard, 'answer');
    const refused = await run('live');
    expect(refused.json()).toMatchObject({ code: 'overloaded' });
    expect(refused.headers['retry-after']).toBe('5');
    stop.abort();
  });

  it('ends when the service stops, which then takes no more', async () => {
    const heard = listen('buyers.live', opened().signal);
    await next(heard, 'answer');
    const stopped = api.stop();
    let result = await heard.next();
    while (result.done !== true) result = await heard.next();
    await stopped;
    await expect(listen('buyers.live', opened().signal).next()).rejects.toThrow();
  });
});
