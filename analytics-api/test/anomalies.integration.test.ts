import type {
  Anomaly,
  AnomalyDetail,
  AnomalyPage,
  ChannelDetail,
  Notification,
  Problem,
  WatchDetail,
  WatchList,
} from '@sluice/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openApiFixture, type ApiFixture, type Project } from './api-fixture.js';

let api: ApiFixture;
let project: Project;
let admin: string;

beforeAll(async () => {
  api = await openApiFixture();
});
afterAll(async () => api.close());
beforeEach(async () => {
  project = await api.createProject();
  admin = await api.createAdminKey(project.projectId);
});

const metric = { kind: 'events', event: 'buy', type: null, bots: 'include' };
const at = (hour: number): string => new Date(Date.UTC(2024, 4, 1, hour)).toISOString();

/** A series as a watcher leaves it. */
async function watchSeries(
  name = 'sales',
  { series = '', retired = false, of = project }: { series?: string; retired?: boolean; of?: Project } = {},
): Promise<number> {
  const { rows } = await api.pool.query<{ series_id: number }>(
    `with watch as (
       insert into watches (project_id, name, metric, interval) values ($1, $2, $3, 'hour')
       on conflict (project_id, name) do update set updated_at = now() returning watch_id
     )
     insert into watch_series (watch_id, project_id, series, kind, measured, detector, detector_version, state, next_bucket,
       watched_since, retired_at)
     select watch_id, $1, $4, 'count', '{}', 'seasonal-count', 1, '', '2024-05-02', '2024-04-20', $5 from watch
     returning series_id`,
    [of.projectId, name, metric, series, retired ? new Date() : null],
  );
  return rows[0]!.series_id;
}

async function addAnomaly(
  seriesId: number,
  hour: number,
  has: {
    state?: string;
    severity?: string;
    direction?: string;
    backfilled?: boolean;
    evidence?: object[] | null;
  } = {},
): Promise<number> {
  const { state = 'open', severity = 'warning', direction = 'down', backfilled = false } = has;
  const { rows } = await api.pool.query<{ anomaly_id: number }>(
    `insert into anomalies (project_id, watch_id, series_id, watch, metric, series, interval, bucket, since, observed,
       expected, lower, upper, score, surprise, direction, severity, detector, detector_version, state, backfilled,
       opened_at, last_seen_at, resolved_at, peak_bucket, peak_observed, peak_expected, peak_surprise, buckets,
       observed_sum, expected_sum, surprise_sum, evidence, change_id)
     select s.project_id, s.watch_id, s.series_id, w.name, w.metric, s.series, w.interval, $2::timestamptz,
       $2::timestamptz - interval '1 hour', 3, 41, 25, 60, 0.99999, 5, $4, $5, s.detector, s.detector_version, $3, $6,
       $2::timestamptz + interval '1 hour', $2::timestamptz + interval '2 hours',
       case when $3 = 'resolved' then $2::timestamptz + interval '3 hours' end, $2, 1, 40, 7, 2, 4, 81, 10, $7,
       nextval('anomaly_changes')
     from watch_series s join watches w using (watch_id) where s.series_id = $1
     returning anomaly_id`,
    [
      seriesId,
      at(hour),
      state,
      direction,
      severity,
      backfilled,
      has.evidence === undefined ? '[]' : JSON.stringify(has.evidence),
    ],
  );
  return rows[0]!.anomaly_id;
}

async function list(query = '', key = project.key): Promise<AnomalyPage> {
  const response = await api.get(key, `/v1/anomalies${query}`);
  expect(response.statusCode, response.body).toBe(200);
  return response.json<AnomalyPage>();
}

const idsOf = ({ anomalies }: AnomalyPage): number[] => anomalies.map(({ anomaly_id }) => anomaly_id);

async function act(id: number, what: string, body?: unknown, key = admin) {
  const response = await api.send(key, 'POST', `/v1/anomalies/${id}/${what}`, body);
  return { status: response.statusCode, body: response.json<Anomaly & Problem>() };
}

describe('anomalies', () => {
  it('are listed newest first, page by page, each once', async () => {
    const series = await watchSeries();
    const ids: number[] = [];
    // Found in another order than they opened in.
    for (const hour of [5, 3, 9, 7, 1]) ids.push(await addAnomaly(series, hour, { state: 'resolved' }));
    const wanted = [ids[2], ids[3], ids[0], ids[1], ids[4]];
    expect(idsOf(await list())).toEqual(wanted);
    const seen: number[] = [];
    let cursor: string | null = null;
    do {
      const page: AnomalyPage = await list(`?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`);
      seen.push(...idsOf(page));
      cursor = page.next_cursor;
    } while (cursor !== null);
    expect(seen).toEqual(wanted);
    const { anomalies } = await list('?limit=1');
    expect(anomalies[0]).toMatchObject({
      watch: 'sales',
      metric,
      series: '',
      interval: 'hour',
      bucket: at(9),
      since: at(8),
      opened_at: at(10),
      peak: { bucket: at(9), observed: 1, expected: 40, surprise: 7 },
      evidence: [],
      snoozed_until: null,
    });
    const bad = await api.get(project.key, '/v1/anomalies?cursor=x');
    expect(bad.json<Problem>()).toMatchObject({ code: 'invalid_request', field: '/cursor' });
  });

  it('are chosen by what they are, and by when they opened', async () => {
    const [sales, other] = [await watchSeries(), await watchSeries('other', { series: 'view' })];
    const a = await addAnomaly(sales, 1, { state: 'resolved', severity: 'critical', direction: 'up' });
    const b = await addAnomaly(sales, 2, { severity: 'info' });
    const c = await addAnomaly(other, 3, { severity: 'warning', state: 'acknowledged' });
    const d = await addAnomaly(other, 4, { state: 'resolved', backfilled: true });
    expect(idsOf(await list())).toEqual([c, b, a]);
    expect(idsOf(await list('?include_backfilled=true'))).toEqual([d, c, b, a]);
    expect(idsOf(await list('?severity=warning'))).toEqual([c, a]);
    expect(idsOf(await list('?state=resolved'))).toEqual([a]);
    expect(idsOf(await list('?direction=up'))).toEqual([a]);
    expect(idsOf(await list('?watch=other'))).toEqual([c]);
    expect(idsOf(await list('?series=view'))).toEqual([c]);
    expect(idsOf(await list('?series='))).toEqual([b, a]);
    expect(idsOf(await list(`?from=${at(3)}&to=${at(4)}`))).toEqual([b]);
    expect((await api.get(project.key, '/v1/anomalies?severity=bad')).statusCode).toBe(400);
  });

  it('are those of the own project alone', async () => {
    const other = await api.createProject();
    const id = await addAnomaly(await watchSeries('sales', { of: other }), 1);
    expect(idsOf(await list())).toEqual([]);
    const found = await api.get(project.key, `/v1/anomalies/${id}`);
    expect(found.json<Problem>()).toMatchObject({ code: 'anomaly_not_found', status: 404 });
    for (const [what, body] of [
      ['acknowledge', undefined],
      ['snooze', { for_seconds: 60 }],
      ['feedback', { feedback: 'false_alarm' }],
    ] as const) {
      expect((await act(id, what, body)).body.code, what).toBe('anomaly_not_found');
    }
    expect(idsOf(await list('', other.key))).toEqual([id]);
    const { anomalies } = await list('', other.key);
    expect(anomalies[0]).toMatchObject({ state: 'open', feedback: null, snoozed_until: null });
  });

  it('need not be sent again while none has changed', async () => {
    const id = await addAnomaly(await watchSeries(), 1);
    const first = await api.get(project.key, '/v1/anomalies');
    const tag = first.headers.etag as string;
    const again = async () =>
      api.send(project.key, 'GET', '/v1/anomalies', undefined, { 'if-none-match': tag });
    expect((await again()).statusCode).toBe(304);
    await act(id, 'acknowledge');
    expect((await again()).statusCode).toBe(200);
    const other = await api.get(project.key, '/v1/anomalies?state=open');
    expect(other.headers.etag).not.toBe(tag);
  });

  it('show their evidence and the points around them', async () => {
    const series = await watchSeries();
    const evidence = [{ field: 'country', value: 'NO', observed: 1, expected: 30, share: 0.76 }];
    const id = await addAnomaly(series, 60, { evidence });
    await api.pool.query(
      `insert into watch_points (series_id, bucket, observed, expected, lower, upper, tail_probability, anomalous)
       select $1, at, case when extract(hour from at at time zone 'UTC') = 5 then null else 40 end, 41, 25, 60, 0.5,
         at = $2 from generate_series($2::timestamptz - interval '100 hours', $2::timestamptz + interval '100 hours',
         interval '1 hour') as at`,
      [series, at(60)],
    );
    const detail = (await api.get(project.key, `/v1/anomalies/${id}`)).json<AnomalyDetail>();
    expect(detail.evidence).toEqual(evidence);
    expect(detail.points).toHaveLength(48 + 3 + 24);
    expect(detail.points[0]!.bucket).toBe(at(59 - 48));
    expect(detail.points.filter(({ anomalous }) => anomalous).map(({ bucket }) => bucket)).toEqual([at(60)]);
    expect(detail.points.some(({ observed }) => observed === null)).toBe(true);
  });

  it('are acknowledged once, while they are open', async () => {
    const series = await watchSeries();
    const id = await addAnomaly(series, 1);
    const done = await addAnomaly(series, 0, { state: 'resolved' });
    expect((await act(id, 'acknowledge', undefined, project.key)).body.code).toBe('insufficient_scope');
    const first = await act(id, 'acknowledge');
    expect(first.body).toMatchObject({ state: 'acknowledged' });
    expect(first.body.acknowledged_at).not.toBeNull();
    expect((await act(id, 'acknowledge')).body).toEqual(first.body);
    expect((await act(done, 'acknowledge')).body).toMatchObject({ code: 'anomaly_not_open', status: 409 });
    expect((await act(999_999, 'acknowledge')).body).toMatchObject({ code: 'anomaly_not_found' });
  });

  it('take feedback, the last word counts, and a word said twice changes nothing', async () => {
    const id = await addAnomaly(await watchSeries(), 1, { state: 'resolved' });
    const first = await act(id, 'feedback', { feedback: 'false_alarm' });
    expect(first.body).toMatchObject({ feedback: 'false_alarm', state: 'resolved' });
    expect((await act(id, 'feedback', { feedback: 'false_alarm' })).body).toEqual(first.body);
    const second = await act(id, 'feedback', { feedback: 'true_alarm' });
    expect(second.body.feedback).toBe('true_alarm');
    expect(second.body.change_id).toBeGreaterThan(first.body.change_id);
    expect((await act(id, 'feedback', { feedback: 'maybe' })).body.code).toBe('invalid_request');
  });

  it('are suppressed while their series is snoozed', async () => {
    const series = await watchSeries();
    const before = await addAnomaly(series, 0, { state: 'resolved' });
    const id = await addAnomaly(series, 1);
    const until = new Date(Date.now() + 3_600_000).toISOString();
    // The series is snoozed by any of its anomalies; what is open in it is suppressed.
    expect((await act(before, 'snooze', { until })).body).toMatchObject({
      state: 'resolved',
      snoozed_until: until,
    });
    const shown = (await api.get(project.key, `/v1/anomalies/${id}`)).json<Anomaly>();
    expect(shown).toMatchObject({ state: 'suppressed', suppressed_by: 'snoozed', snoozed_until: until });
    expect((await act(id, 'acknowledge')).body.code).toBe('anomaly_not_open');
    const longer = await act(id, 'snooze', { for_seconds: 7_200 });
    expect(Date.parse(longer.body.snoozed_until!)).toBeGreaterThan(Date.parse(until));
    expect((await act(id, 'snooze', { until: null })).body.snoozed_until).toBeNull();
    for (const bad of [{ until: '2020-01-01T00:00:00Z' }, { until: '2999-01-01T00:00:00Z' }, {}])
      expect((await act(id, 'snooze', bad)).body.code).toBe('invalid_request');
    const gone = await addAnomaly(await watchSeries('old', { retired: true }), 1, { state: 'resolved' });
    expect((await act(gone, 'snooze', { until })).body).toMatchObject({
      code: 'series_retired',
      status: 409,
    });
  });
});

describe('the stream of anomalies', () => {
  /** Reads a stream until it has said so many anomalies. */
  async function read(path: string, count: number, headers: Record<string, string> = {}): Promise<Anomaly[]> {
    const address = await listening();
    const stop = new AbortController();
    const response = await fetch(`${address}${path}`, {
      headers: { authorization: `Bearer ${project.key}`, ...headers },
      signal: stop.signal,
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    let text = '';
    const anomalies = (): Anomaly[] =>
      [...text.matchAll(/^event: anomaly\nid: (\d+)\ndata: (.*)\n\n/gm)].map(([, id, data]) => {
        const anomaly = JSON.parse(data!) as Anomaly;
        expect(anomaly.change_id).toBe(Number(id));
        return anomaly;
      });
    for await (const chunk of response.body!) {
      text += new TextDecoder().decode(chunk as Uint8Array);
      if (anomalies().length >= count) break;
    }
    stop.abort();
    return anomalies();
  }

  let listens: Promise<string> | undefined;
  const listening = async (): Promise<string> => (listens ??= api.app.listen({ host: '127.0.0.1', port: 0 }));

  it('goes on from the change that was seen last, and says each change as it is now', async () => {
    const series = await watchSeries();
    const first = await addAnomaly(series, 1, { state: 'resolved' });
    const second = await addAnomaly(series, 2);
    const all = await read('/v1/anomalies/stream', 2, { 'last-event-id': '0' });
    expect(all.map(({ anomaly_id }) => anomaly_id)).toEqual([first, second]);
    const last = { 'last-event-id': String(all[1]!.change_id) };
    await act(second, 'acknowledge');
    await act(first, 'feedback', { feedback: 'true_alarm' });
    const later = await read('/v1/anomalies/stream', 2, last);
    expect(later.map(({ anomaly_id, state, feedback }) => [anomaly_id, state, feedback])).toEqual([
      [second, 'acknowledged', null],
      [first, 'resolved', 'true_alarm'],
    ]);
    const chosen = await read('/v1/anomalies?state=acknowledged', 1, {
      ...last,
      accept: 'text/event-stream',
    });
    expect(chosen.map(({ anomaly_id }) => anomaly_id)).toEqual([second]);
  });

  it('begins with what happens from now on', async () => {
    const series = await watchSeries();
    await addAnomaly(series, 1, { state: 'resolved' });
    let heard: Anomaly[] | undefined;
    const reading = read('/v1/anomalies/stream', 1).then((anomalies) => {
      heard = anomalies;
    });
    const made: number[] = [];
    for (let hour = 2; heard === undefined; hour += 1) {
      made.push(await addAnomaly(series, hour, { state: 'resolved' }));
      await api.pool.query('select pg_sleep(0.05)');
    }
    await reading;
    expect(made).toContain(heard[0]!.anomaly_id);
  });

  it('refuses an id that is none', async () => {
    const response = await api.send(project.key, 'GET', '/v1/anomalies/stream', undefined, {
      'last-event-id': 'x',
    });
    expect(response.json<Problem>().code).toBe('invalid_request');
  });
});

describe('a watch', () => {
  const put = async (name: string, body: unknown, key = admin) =>
    api.send(key, 'PUT', `/v1/watches/${name}`, body);

  it('is made, made anew, shown with its series, listed and deleted', async () => {
    const made = await put('sales', { metric: { kind: 'events', event: 'buy' } });
    expect(made.json()).toMatchObject({
      name: 'sales',
      metric,
      interval: 'hour',
      directions: ['up', 'down'],
      false_alerts_per_month: 1,
      holidays: [],
      lateness_seconds: null,
      backfill_days: 35,
      enabled: true,
    });
    const series = await watchSeries();
    await addAnomaly(series, 1);
    await api.pool.query(
      `update watch_series set last_error = 'query_timeout', failed_since = now() where series_id = $1`,
      [series],
    );
    const again = await put('sales', {
      metric: { kind: 'events', event: 'buy' },
      interval: 'day',
      directions: ['down'],
      holidays: ['2024-12-25', '2024-12-26'],
      lateness_seconds: 60,
      enabled: false,
    });
    expect(again.json()).toMatchObject({
      interval: 'day',
      directions: ['down'],
      holidays: ['2024-12-25', '2024-12-26'],
      lateness_seconds: 60,
      enabled: false,
    });
    const detail = (await api.get(project.key, '/v1/watches/sales')).json<WatchDetail>();
    expect(detail.series).toMatchObject([
      { series: '', kind: 'count', last_error: 'query_timeout', next_bucket: '2024-05-02T00:00:00.000Z' },
    ]);
    const { watches } = (await api.get(project.key, '/v1/watches')).json<WatchList>();
    expect(watches.map(({ name, series: count, failing }) => [name, count, failing])).toEqual([
      ['sales', 1, 1],
    ]);
    expect((await api.send(admin, 'DELETE', '/v1/watches/sales')).json()).toEqual({ deleted: 'sales' });
    expect((await api.get(project.key, '/v1/watches/sales')).json<Problem>().code).toBe('watch_not_found');
    expect((await api.send(admin, 'DELETE', '/v1/watches/sales')).statusCode).toBe(404);
    expect(idsOf(await list())).toEqual([]);
  });

  it('is refused when it is malformed, names a saved query there is not, or comes with a read key', async () => {
    for (const body of [
      {},
      { metric: { kind: 'nothing' } },
      { metric: { kind: 'events' }, interval: 'week' },
      { metric: { kind: 'events' }, false_alerts_per_month: 0 },
      { metric: { kind: 'events' }, holidays: ['2024-02-30'] },
      { metric: { kind: 'events' }, directions: [] },
    ]) {
      expect((await put('bad', body)).json<Problem>().code, JSON.stringify(body)).toBe('invalid_request');
    }
    const saved = await put('saved', { metric: { kind: 'saved', name: 'nothing' } });
    expect(saved.json<Problem>().code).toBe('saved_query_not_found');
    const read = await put('sales', { metric: { kind: 'events' } }, project.key);
    expect(read.json<Problem>().code).toBe('insufficient_scope');
  });
});

describe('a notification channel', () => {
  const path = '/v1/notification-channels';
  const put = async (name: string, body: unknown) => api.send(admin, 'PUT', `${path}/${name}`, body);
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

  it('never shows its secret or its address, and keeps the secret until another is said', async () => {
    const url = 'https://hooks.example.com/s3cret/path?token=hidden';
    const made = await put('hook', { kind: 'webhook', url, secret });
    expect(made.statusCode, made.body).toBe(200);
    expect(made.json()).toMatchObject({
      name: 'hook',
      kind: 'webhook',
      host: 'hooks.example.com',
      addresses: null,
      has_secret: true,
      min_severity: 'warning',
      delivery: 'each',
      enabled: true,
    });
    await put('team', { kind: 'slack', url: 'https://hooks.slack.com/services/s3cret/path' });
    await put('mail', { kind: 'email', addresses: ['a@example.com'], delivery: 'daily' });
    for (const address of [path, `${path}/hook`, `${path}/team`]) {
      const { body } = await api.get(admin, address);
      expect(body).not.toMatch(/whsec_|hidden|s3cret/);
    }
    expect((await put('hook', { kind: 'webhook', url })).json()).toMatchObject({ has_secret: true });
    const stored = await api.pool.query<{ secret: string }>(
      `select secret from notification_channels where project_id = $1 and name = 'hook'`,
      [project.projectId],
    );
    expect(stored.rows[0]!.secret).toBe(secret);
    expect((await put('hook', { kind: 'webhook', url, secret: null })).json()).toMatchObject({
      has_secret: false,
    });
    expect((await api.get(project.key, path)).json<Problem>().code).toBe('insufficient_scope');
  });

  it('is tested through the outbox, once at a time, and not while it is turned off', async () => {
    await put('hook', { kind: 'webhook', url: 'https://example.com/' });
    const test = async () => api.send(admin, 'POST', `${path}/hook/test`);
    const first = await test();
    expect(first.statusCode, first.body).toBe(202);
    const { notification_id: id } = first.json<Notification>();
    expect(first.json()).toMatchObject({ kind: 'test', attempts: 0, delivered_at: null, failed_at: null });
    expect((await test()).json<Notification>().notification_id).toBe(id);
    await api.pool.query('update notifications set delivered_at = now() where notification_id = $1', [id]);
    expect((await test()).json<Notification>().notification_id).not.toBe(id);
    const detail = (await api.get(admin, `${path}/hook`)).json<ChannelDetail>();
    expect(detail.notifications).toHaveLength(2);
    await api.pool.query(
      `update notification_channels set enabled = false, disabled_reason = 'gone' where project_id = $1`,
      [project.projectId],
    );
    expect((await test()).json<Problem>()).toMatchObject({ code: 'channel_disabled', status: 409 });
    const on = await put('hook', { kind: 'webhook', url: 'https://example.com/' });
    expect(on.json()).toMatchObject({ enabled: true, disabled_reason: null });
    expect((await api.send(admin, 'DELETE', `${path}/hook`)).json()).toEqual({ deleted: 'hook' });
    expect((await test()).json<Problem>().code).toBe('channel_not_found');
  });

  it('is refused when it is malformed', async () => {
    for (const body of [
      { kind: 'webhook' },
      { kind: 'webhook', url: 'ftp://example.com/' },
      { kind: 'webhook', url: 'https://example.com/', secret: 'short' },
      { kind: 'slack', url: 'https://example.com/', secret },
      { kind: 'email', addresses: [] },
      { kind: 'email', addresses: ['nobody'] },
    ]) {
      expect((await put('bad', body)).json<Problem>().code, JSON.stringify(body)).toBe('invalid_request');
    }
  });
});
