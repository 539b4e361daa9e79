import { querySchema, type EventItem } from '@sluice/contracts';
import { transform } from 'esbuild';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openApiFixture, type ApiFixture, type Project } from '../../analytics-api/test/api-fixture.js';
import { createQueryClient, QueryError, type QueryClient } from '../src/index.js';

let api: ApiFixture;
let project: Project;
let client: QueryClient;
let admin: QueryClient;

beforeAll(async () => {
  api = await openApiFixture({ liveAnswerMs: 20 });
  await api.completeThrough('2024-06-01T00:00:00Z');
  project = await api.createProject();
  await api.app.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${(api.app.server.address() as AddressInfo).port}`;
  client = createQueryClient({ url, key: project.key });
  admin = createQueryClient({ url, key: await api.createAdminKey(project.projectId) });
  await api.land(
    project.projectId,
    Array.from({ length: 5 }, (_, n) => ({
      userId: n < 3 ? 'ann' : 'bob',
      at: `2024-05-0${n + 1}T10:00:00Z`,
      event: 'purchase',
      properties: { price: n },
      columns: { country: 'NO' },
    })),
  );
});
afterAll(async () => api.close());

const days = { from: '2024-05-01', to: '2024-05-07', timezone: 'UTC' };

describe('the client', () => {
  it('asks, estimates, and lists the people behind a number', async () => {
    const question = { kind: 'trends', series: [{ measure: 'unique_users' }], ...days } as const;
    const answer = await client.query(question);
    expect(answer.series[0]!.total).toBe(2);
    const estimate = await client.query({ ...question, dry_run: true });
    expect(estimate.rows).toBeGreaterThan(0);
    const { total, people } = await client.people({ query: question, point: { series: 0 } });
    expect([total, people.map(({ user_id }) => user_id).sort()]).toEqual([2, ['ann', 'bob']]);
  });

  it('says what is wrong with the code and field of the API', async () => {
    const wrong = client.query({ kind: 'trends', timezone: 'Mars/Olympus' });
    await expect(wrong).rejects.toMatchObject({
      ...{ name: 'QueryError', code: 'invalid_timezone', field: '/timezone', status: 400, retryable: false },
    });
    await expect(client.cohorts.save('c', { user_ids: ['ann'] })).rejects.toMatchObject({
      code: 'insufficient_scope',
    });
    await expect(client.saved.answer('nothing')).rejects.toMatchObject({ code: 'saved_query_not_found' });
  });

  it('saves queries and cohorts, and reads them in every form', async () => {
    await admin.cohorts.save('some', { user_ids: ['ann'] });
    expect(await client.cohorts.get('some')).toMatchObject({ people: 1 });
    const saved = await admin.saved.save('by-cohort', {
      query: { kind: 'trends', ...days, filters: [{ cohort: { $param: 'cohort' } }], interval: 'total' },
      parameters: { cohort: { type: 'string', enum: ['some'] } },
    });
    expect(saved.version).toBe(1);
    const answer = await client.saved.answer('by-cohort', { cohort: 'some' });
    expect(answer).toMatchObject({ kind: 'trends', series: [{ total: 3 }] });
    const rows = await client.saved.rows('by-cohort', { cohort: 'some' });
    expect(rows[0]).toMatchObject({ part: 'total', value: 3 });
    expect(await client.saved.csv('by-cohort', { cohort: 'some' })).toContain('\r\ntotal,A,');
    const file = await client.saved.parquet('by-cohort', { cohort: 'some' });
    expect(new TextDecoder().decode(file.slice(0, 4))).toBe('PAR1');
    expect((await client.saved.list()).saved.map(({ name }) => name)).toContain('by-cohort');
    expect((await client.saved.versions('by-cohort')).versions).toHaveLength(1);
    await admin.saved.delete('by-cohort');
    await admin.cohorts.delete('some');
  });

  it('walks through all pages of events', async () => {
    const seen: EventItem[] = [];
    for await (const event of client.events({ event: 'purchase' }, { pageSize: 2 })) seen.push(event);
    expect(seen.map(({ timestamp }) => timestamp.slice(8, 10))).toEqual(['05', '04', '03', '02', '01']);
  });

  it('follows events as they land', async () => {
    const stop = new AbortController();
    const live = client.live({ event: 'now' }, { signal: stop.signal });
    const first = live.next();
    // The stream begins with what lands after it is open: events are landed until one is heard.
    let heard: EventItem | undefined;
    const listening = first.then(({ value }) => {
      heard = value as EventItem;
    });
    for (let n = 1; heard === undefined; n += 1) {
      const { pool } = api;
      await api.land(project.projectId, [{ userId: 'u', at: Date.UTC(2024, 4, 20) + n, event: 'now' }], {
        toOffset: n,
      });
      await pool.query('select pg_sleep(0.05)');
    }
    await listening;
    expect(heard.event).toBe('now');
    stop.abort();
    expect((await live.next()).done).toBe(true);
  });
});

describe('the guide', () => {
  const blocks = async (language: string): Promise<string[]> => {
    const text = await readFile(new URL('../../docs/query.md', import.meta.url), 'utf8');
    return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
      .filter(([, found]) => found === language)
      .map(([, , code]) => code!);
  };

  it('holds questions that are questions', async () => {
    const questions = await blocks('json');
    expect(questions.length).toBeGreaterThan(2);
    for (const question of questions) querySchema.parse(JSON.parse(question));
  });

  it('holds examples that run, one after the other', async () => {
    await api.pool.query(
      `insert into users (project_id, user_id, first_seen, last_seen, events) values ($1, 'ann', now(), now(), 3)`,
      [project.projectId],
    );
    const examples = await blocks('ts');
    expect(examples.length).toBeGreaterThan(6);
    const logged: unknown[][] = [];
    for (const example of examples) {
      const { code } = await transform(example, { loader: 'ts' });
      // eslint-disable-next-line @typescript-eslint/no-implied-eval
      const run = new Function(
        'client',
        'admin',
        'log',
        'QueryError',
        `return (async () => { ${code} })()`,
      ) as (...given: unknown[]) => Promise<void>;
      const said: unknown[] = [];
      await run(client, admin, (...values: unknown[]) => said.push(...values), QueryError);
      logged.push(said);
    }
    expect(logged[0]).toEqual(['NO', 2, '2024-06-01T00:00:00.000Z']);
    expect(logged.at(-1)).toEqual(['invalid_timezone', '/timezone', false]);
    for (const said of logged) expect(said.length).toBeGreaterThan(0);
  });
});
