import { querySchema, type EventItem } from '@sluice/contracts';
import { transform } from 'esbuild';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openApiFixture, type ApiFixture, type Project } from '../../analytics-api/test/api-fixture.js';
import { publishScores } from '../../analytics-api/test/churn-fixture.js';
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

/** An open anomaly of a watch, as the watcher stores it. */
async function addAnomaly(watch: string): Promise<number> {
  const { rows } = await api.pool.query<{ anomaly_id: number }>(
    `with watched as (
       insert into watch_series (watch_id, project_id, series, kind, measured, detector, detector_version, state,
         next_bucket, watched_since)
       select watch_id, project_id, '', 'count', '{}', 'count', 1, '', '2024-05-10', '2024-05-10'
       from watches where project_id = $1 and name = $2
       on conflict (watch_id, series) do update set updated_at = now()
       returning *
     )
     insert into anomalies (project_id, watch_id, series_id, watch, metric, series, interval, bucket, since, observed,
       expected, lower, upper, score, surprise, direction, severity, detector, detector_version, state, opened_at,
       last_seen_at, peak_bucket, peak_observed, peak_expected, peak_surprise, buckets, observed_sum, expected_sum,
       surprise_sum, evidence, change_id)
     select s.project_id, s.watch_id, s.series_id, w.name, w.metric, s.series, w.interval, at, at, 0, 9, 2, 20, 1, 6, 'down',
       'critical', s.detector, 1, 'open', at, at, at, 0, 9, 6, 1, 0, 9, 6, '[]', nextval('anomaly_changes')
     from watched s join watches w using (watch_id), (select timestamptz '2024-05-09T10:00:00Z' as at) as t
     returning anomaly_id`,
    [project.projectId, watch],
  );
  return rows[0]!.anomaly_id;
}

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

  it('lists who is likely to go, page after page, and asks for a scoring', async () => {
    await expect(client.churn.model()).rejects.toMatchObject({ code: 'churn_not_scored', status: 409 });
    await publishScores(api, project.projectId, [
      { id: 'ann', churn: 0.9 },
      { id: 'bob', churn: 0.4 },
    ]);
    const seen: [string, number][] = [];
    for await (const person of client.churn.list({ horizon: 30 }, { pageSize: 1 })) {
      seen.push([person.user_id, Math.round(person.churn_probability * 10)]);
    }
    expect(seen).toEqual([
      ['ann', 9],
      ['bob', 4],
    ]);
    expect(await client.churn.first({ min_probability: 0.5 })).toMatchObject({ total: 1 });
    expect((await client.churn.model()).horizons).toHaveLength(3);
    expect((await client.churn.runs()).runs).toMatchObject([{ state: 'published', people: 2 }]);
    expect(await admin.churn.define({ bots: 'include' })).toMatchObject({ definition: { bots: 'include' } });
    const job = await admin.churn.run();
    expect(await client.churn.job(job.job_id)).toEqual(job);
  });

  it('keeps watches and channels, simulates, and knows anomalies', async () => {
    const definition = { metric: { kind: 'events', event: 'purchase' } } as const;
    expect((await admin.watches.save('all-sales', definition)).interval).toBe('hour');
    expect((await client.watches.list()).watches.map(({ name }) => name)).toContain('all-sales');
    expect((await client.watches.get('all-sales')).series).toEqual([]);
    const simulated = await client.anomalies.simulate({ watch: 'all-sales', days: 31 });
    expect(simulated.series.map(({ incidents }) => incidents)).toEqual([[]]);
    const id = await addAnomaly('all-sales');
    const found = [];
    for await (const anomaly of client.anomalies.list({ include_backfilled: true }, { pageSize: 1 })) {
      found.push(anomaly.anomaly_id);
    }
    expect(found).toEqual([id]);
    expect(await client.anomalies.get(id)).toMatchObject({ state: 'open', points: [] });
    expect(await admin.anomalies.acknowledge(id)).toMatchObject({ state: 'acknowledged' });
    expect((await admin.anomalies.snooze(id, { for_seconds: 60 })).snoozed_until).not.toBeNull();
    expect(await admin.anomalies.feedback(id, 'true_alarm')).toMatchObject({ feedback: 'true_alarm' });
    await expect(client.anomalies.acknowledge(id)).rejects.toMatchObject({ code: 'insufficient_scope' });
    const stop = new AbortController();
    const live = client.anomalies.live({}, { signal: stop.signal, lastEventId: '0' });
    expect((await live.next()).value).toMatchObject({ anomaly_id: id, feedback: 'true_alarm' });
    stop.abort();
    await admin.notificationChannels.save('mail', { kind: 'email', addresses: ['a@example.com'] });
    expect(await admin.notificationChannels.test('mail')).toMatchObject({ kind: 'test' });
    expect((await admin.notificationChannels.get('mail')).notifications).toHaveLength(1);
    expect((await admin.notificationChannels.list()).channels).toHaveLength(1);
    await admin.notificationChannels.delete('mail');
    await admin.watches.delete('all-sales');
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
    await admin.watches.save('shown', { metric: { kind: 'events', event: 'purchase' } });
    await addAnomaly('shown');
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
