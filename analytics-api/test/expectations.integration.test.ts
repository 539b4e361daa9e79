import type { BandAnswer, ForecastAnswer, Problem, Simulation, TrendsAnswer } from '@sluice/contracts';
import { createRandom } from '@sluice/models/random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openApiFixture, uuidV7, type ApiFixture, type Project } from './api-fixture.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const FROM_MS = Date.UTC(2024, 3, 1);
const TO_MS = Date.UTC(2024, 5, 1);
/** Nothing is bought in these six hours, although it is the middle of a working day. */
const OUTAGE = { fromMs: Date.UTC(2024, 4, 22, 9), toMs: Date.UTC(2024, 4, 22, 15) };

let api: ApiFixture;
let project: Project;
let admin: string;

function poisson(mean: number, random: () => number): number {
  const limit = Math.exp(-mean);
  let count = -1;
  for (let product = 1; product > limit; product *= random()) count += 1;
  return Math.max(0, count);
}

/** Two months of two events by the hour, straight into ClickHouse. */
async function fill(of: Project): Promise<void> {
  const random = createRandom(11);
  const values: object[] = [];
  const clickhouseTime = (ms: number): string =>
    new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
  for (let hourMs = FROM_MS; hourMs < TO_MS; hourMs += HOUR_MS) {
    const isOut = hourMs >= OUTAGE.fromMs && hourMs < OUTAGE.toMs;
    const day = 1 - 0.6 * Math.cos((2 * Math.PI * (new Date(hourMs).getUTCHours() - 3)) / 24);
    for (const [event, mean] of [
      ['buy', isOut ? 0 : 20 * day],
      ['view', 6 * day],
    ] as const) {
      const count = mean === 0 ? 0 : poisson(mean, random);
      for (let n = 0; n < count; n += 1) {
        const ms = hourMs + Math.floor(random() * HOUR_MS);
        values.push({
          project_id: of.projectId,
          event_id: uuidV7(ms),
          batch_id: 1,
          received_at: clickhouseTime(ms),
          timestamp: clickhouseTime(ms),
          type: 'track',
          event,
          message_id: String(values.length),
          user_id: `u${n}`,
          actor_id: `u${n}`,
        });
      }
    }
  }
  await api.clickhouse.client.insert({
    table: `${api.database}.events`,
    format: 'JSONEachRow',
    clickhouse_settings: api.clickhouse.insertSettings,
    values,
  });
  await api.pool.query('insert into rolled_up (project_id, events) values ($1, $2)', [
    of.projectId,
    values.length,
  ]);
}

beforeAll(async () => {
  api = await openApiFixture();
  await api.completeThrough(TO_MS + HOUR_MS / 2);
  project = await api.createProject();
  admin = await api.createAdminKey(project.projectId);
  await fill(project);
});
afterAll(async () => api.close());

async function trends(query: object, key = project.key): Promise<TrendsAnswer> {
  const response = await api.ask(key, {
    ...{ kind: 'trends', series: [{ event: 'buy' }], interval: 'hour', timezone: 'UTC' },
    ...query,
  });
  expect(response.statusCode, response.body).toBe(200);
  return response.json<TrendsAnswer>();
}

const MAY_20 = { from: '2024-05-20', to: '2024-05-26' };

describe('a forecast', () => {
  const foreseen = (answer: TrendsAnswer, index = 0): Extract<ForecastAnswer, { kind: 'forecast' }> => {
    const { forecast } = answer.series[index]!;
    if (forecast?.kind !== 'forecast') throw new Error(JSON.stringify(forecast));
    return forecast;
  };
  const question = { from: '2024-05-30', to: '2024-06-01', forecast: { buckets: 24 } };

  it('follows the last complete bucket of the range, in bands that were tested', async () => {
    const forecast = foreseen(await trends(question));
    expect(forecast.buckets.map(({ start }) => Date.parse(start))).toEqual(
      Array.from({ length: 24 }, (_, hour) => TO_MS + hour * HOUR_MS),
    );
    expect(forecast.history.to).toBe('2024-06-01T00:00:00.000Z');
    // The hour that the half past lies in is not whole, and so neither is the first.
    expect(forecast.history.buckets).toBe(112 * 24 - 1);
    for (const { expected, lower80, upper80, lower95, upper95 } of forecast.buckets) {
      const around = [0, lower95, lower80, expected, upper80, upper95];
      expect([...around].sort((a, b) => a - b)).toEqual(around);
    }
    const expectedAt = (hour: number) => forecast.buckets[hour]!.expected;
    expect(expectedAt(3)).toBeLessThan(14);
    expect(expectedAt(15)).toBeGreaterThan(24);
    expect(forecast.backtest.scaled_error).toBeLessThan(1);
    expect(forecast.backtest.coverage80).toBeGreaterThan(0.7);
    expect(forecast.backtest.coverage95).toBeGreaterThan(0.9);
    expect(forecast.seasonality.hours![15]!).toBeGreaterThan(forecast.seasonality.hours![3]!);
    expect(forecast.seasonality.weekdays).toHaveLength(7);
  });

  it('is the same each time, and its rows are remembered', async () => {
    const first = await trends(question);
    const second = await trends(question);
    expect(second.series).toEqual(first.series);
    expect(second.statistics.cache).toBe('hit');
  });

  it('may look ahead of a range of the past, knows nothing of what came later, and has a step by local days', async () => {
    const past = foreseen(await trends({ ...MAY_20, to: '2024-05-21', forecast: { buckets: 48 } }));
    expect(past.buckets[0]!.start).toBe('2024-05-22T00:00:00.000Z');
    // The outage lay ahead.
    expect(past.buckets[12]!.expected).toBeGreaterThan(15);
    const local = await trends({
      ...{ interval: 'day', timezone: 'Europe/Oslo', from: '2024-05-01', to: '2024-05-31' },
      forecast: { buckets: 3 },
    });
    expect(foreseen(local).buckets.map(({ start, label }) => [start, label])).toEqual([
      ['2024-05-31T22:00:00.000Z', '2024-06-01'],
      ['2024-06-01T22:00:00.000Z', '2024-06-02'],
      ['2024-06-02T22:00:00.000Z', '2024-06-03'],
    ]);
  });

  it('is made of people and for each series by itself', async () => {
    const answer = await trends({
      ...{ interval: 'day', from: '2024-05-25', to: '2024-05-31', forecast: { buckets: 2 } },
      series: [{ event: 'buy', measure: 'unique_users' }, { event: 'view' }],
    });
    expect(foreseen(answer, 0).buckets).toHaveLength(2);
    expect(foreseen(answer, 1).buckets[0]!.expected).toBeGreaterThan(100);
  });

  it('has a reason in place of numbers where there are none', async () => {
    const reasonOf = async (query: object) => (await trends(query)).series[0]!.forecast;
    const ahead = { forecast: { buckets: 7 } };
    expect(await reasonOf({ ...ahead, interval: 'total' })).toEqual({
      kind: 'none',
      reason: 'interval_not_supported',
    });
    expect(await reasonOf({ ...ahead, series: [{ event: 'never' }], ...MAY_20 })).toEqual({
      kind: 'none',
      reason: 'no_values',
    });
    expect(await reasonOf({ ...ahead, interval: 'day', from: '2024-04-05', to: '2024-04-10' })).toEqual({
      kind: 'none',
      reason: 'history_too_short',
      needed: 47,
      found: 10,
    });
    const bad = await api.ask(project.key, { kind: 'trends', forecast: { buckets: 0 } });
    expect(bad.json<Problem>()).toMatchObject({ field: '/forecast/buckets' });
  });
});

type Band = Exclude<BandAnswer, { source: 'none' }>;

function bandOf(answer: TrendsAnswer): Band {
  const { band } = answer.series[0]!;
  if (band === undefined || band.source === 'none') throw new Error(JSON.stringify(band));
  return band;
}

/** Others may open by chance, about as often as configured. */
function inOutage<One extends { since: string }>(incidents: readonly One[]): One[] {
  const sinceMs = (one: One): number => Date.parse(one.since);
  return incidents.filter((one) => sinceMs(one) >= OUTAGE.fromMs && sinceMs(one) < OUTAGE.toMs);
}

describe('a band', () => {
  it('is computed from the history before where nothing is watched, and shows the outage', async () => {
    const answer = await trends({ ...MAY_20, bands: true });
    const band = bandOf(answer);
    expect(band).toMatchObject({ source: 'computed', watch: null });
    expect(band.buckets).toHaveLength(7 * 24);
    const values = answer.series[0]!.values;
    band.buckets.forEach(({ expected, lower, upper, anomalous }, index) => {
      expect(lower).toBeLessThanOrEqual(expected!);
      expect(upper).toBeGreaterThanOrEqual(expected!);
      if (!anomalous) return;
      expect(values[index]! < lower! || values[index]! > upper!).toBe(true);
    });
    const incidents = inOutage(band.incidents);
    expect(incidents).toHaveLength(1);
    const [incident] = incidents;
    expect(incident).toMatchObject({ anomaly_id: null, direction: 'down', severity: null });
    expect(Date.parse(incident!.until!)).toBeGreaterThan(OUTAGE.toMs);
  });

  it('is there for people and for levels, too', async () => {
    const series = [{ event: 'buy', measure: 'unique_users' }];
    const band = bandOf(await trends({ ...MAY_20, series, bands: true }));
    expect(band.source).toBe('computed');
    expect(band.buckets[60]!.expected).toBeGreaterThan(0);
    expect(inOutage(band.incidents)).toHaveLength(1);
    const level = bandOf(await trends({ ...MAY_20, series: [{ measure: 'count_per_user' }], bands: true }));
    expect(level.buckets[60]!.expected).toBeGreaterThan(0);
  });

  it('of what is not complete yet is what is expected there', async () => {
    const answer = await trends({ from: '2024-05-31', to: '2024-06-01', bands: true });
    const band = bandOf(answer);
    expect(answer.series[0]!.values.slice(24).every((value) => value === null)).toBe(true);
    expect(band.buckets.slice(24).every(({ expected, anomalous }) => expected! > 0 && !anomalous)).toBe(true);
  });

  it('has a reason in place of numbers where there is none', async () => {
    const reasonOf = async (query: object) => (await trends({ bands: true, ...query })).series[0]!.band;
    expect(await reasonOf({ interval: 'week', ...MAY_20 })).toEqual({
      source: 'none',
      reason: 'interval_not_supported',
    });
    expect(await reasonOf({ from: '2024-04-01', to: '2024-04-01' })).toEqual({
      source: 'none',
      reason: 'no_values',
    });
    expect(await reasonOf({ interval: 'minute', from: '2024-05-01', to: '2024-05-03' })).toEqual({
      source: 'none',
      reason: 'interval_not_supported',
    });
  });

  it('is what the watch said at the time where there is one, and makes a new version of the answer', async () => {
    const other = await api.createProject();
    await fill(other);
    const otherAdmin = await api.createAdminKey(other.projectId);
    await api.send(otherAdmin, 'PUT', '/v1/saved/band', {
      query: { ...{ kind: 'trends', series: [{ event: 'buy' }] }, interval: 'hour', ...MAY_20, bands: true },
      parameters: {},
    });
    const saved = async () => api.get(other.key, '/v1/saved/band.json');
    const before = await saved();
    expect(bandOf(before.json<TrendsAnswer>()).source).toBe('computed');

    const at = new Date(OUTAGE.fromMs);
    const series = await api.pool.query<{ series_id: number }>(
      `with watch as (
         insert into watches (project_id, name, metric, interval) values ($1, 'sales', '{"kind":"every_event"}', 'hour')
         returning watch_id
       )
       insert into watch_series (watch_id, project_id, series, kind, measured, detector, detector_version, state,
         next_bucket, watched_since)
       select watch_id, $1, 'buy', 'count', $2, 'count', 1, '', '2024-05-23', '2024-05-01' from watch returning series_id`,
      [other.projectId, { kind: 'events', event: 'buy', type: null, bots: 'include', interval: 'hour' }],
    );
    const seriesId = series.rows[0]!.series_id;
    await api.pool.query(
      `insert into watch_points
       select $1, at, 30, 31, 12, 55, 0.5, at = $2
       from generate_series($2::timestamptz - interval '9 hours', '2024-05-22T23:00:00Z', interval '1 hour') as at`,
      [seriesId, at],
    );
    await api.pool.query(
      `insert into anomalies (project_id, watch_id, series_id, watch, metric, series, interval, bucket, since, observed,
         expected, lower, upper, score, surprise, direction, severity, detector, detector_version, state, opened_at,
         last_seen_at, peak_bucket, peak_observed, peak_expected, peak_surprise, buckets, observed_sum, expected_sum,
         surprise_sum, change_id)
       select project_id, watch_id, series_id, 'sales', '{"kind":"every_event"}', 'buy', 'hour', $2, $2, 0, 31, 12, 55, 1, 9,
         'down', 'critical', detector, 1, 'open', $2, $2, $2, 0, 31, 9, 1, 0, 31, 9, nextval('anomaly_changes')
       from watch_series where series_id = $1`,
      [seriesId, at],
    );
    const after = await saved();
    expect(after.headers.etag).not.toBe(before.headers.etag);
    const band = bandOf(after.json<TrendsAnswer>());
    expect(band).toMatchObject({ source: 'watched', watch: 'sales', series: 'buy' });
    const first = 2 * 24;
    expect(band.buckets.slice(0, first).every(({ expected }) => expected === null)).toBe(true);
    expect(band.buckets[first]).toEqual({ expected: 31, lower: 12, upper: 55, anomalous: false });
    expect(band.buckets.flatMap(({ anomalous }, index) => (anomalous ? [index] : []))).toEqual([first + 9]);
    expect(band.incidents).toMatchObject([
      { direction: 'down', severity: 'critical', since: at.toISOString(), until: null },
    ]);
    // Something else is not what is watched.
    for (const query of [
      { filters: [{ column: 'type', operator: 'is', values: ['track'] }] },
      { bots: 'exclude' },
      { timezone: 'Asia/Kathmandu' },
      { series: [{ event: 'view' }] },
    ]) {
      const computed = bandOf(await trends({ ...MAY_20, bands: true, ...query }, other.key));
      expect(computed.source, JSON.stringify(query)).toBe('computed');
    }
  });
});

describe('a simulation', () => {
  const definition = { metric: { kind: 'events', event: 'buy' } };
  const send = async (body: object, key = project.key) =>
    api.send(key, 'POST', '/v1/anomalies/simulate', body);

  async function simulation(body: object, key = project.key): Promise<Simulation> {
    const response = await send(body, key);
    expect(response.statusCode, response.body).toBe(200);
    return response.json<Simulation>();
  }

  it('says how often a watch would have fired, from the numbers that trends show', async () => {
    const found = await simulation({ definition, days: 30, points: true });
    expect(found).toMatchObject({
      definition: { ...definition, interval: 'hour', backfill_days: 35 },
      from: new Date(TO_MS - 30 * DAY_MS).toISOString(),
      to: '2024-06-01T00:00:00.000Z',
      timezone: 'UTC',
    });
    const [series] = found.series;
    expect(found.incidents).toBe(series!.incidents.length);
    expect(found.incidents).toBeLessThanOrEqual(4);
    expect(series).toMatchObject({ series: '', kind: 'count' });
    const outages = inOutage(series!.incidents);
    expect(outages).toHaveLength(1);
    const [incident] = outages;
    expect(incident).toMatchObject({ direction: 'down', observed: 0 });
    expect(incident!.expected).toBeGreaterThan(15);
    expect(Date.parse(incident!.bucket)).toBeLessThan(OUTAGE.toMs);
    expect(Date.parse(incident!.resolved_at!)).toBeGreaterThan(OUTAGE.toMs);
    expect(incident!.duration_seconds).toBe(
      (Date.parse(incident!.resolved_at!) - Date.parse(incident!.since)) / 1_000,
    );
    const { series: counted, buckets } = await trends({ from: found.from, to: found.to });
    expect(series!.points!.map(({ bucket, observed }) => [bucket, observed])).toEqual(
      buckets.map(({ start }, index) => [start, counted[0]!.values[index]]),
    );
  });

  it('is the same of a saved watch, and stores nothing', async () => {
    await api.send(admin, 'PUT', '/v1/watches/buys', definition);
    const [saved, unsaved] = [await simulation({ watch: 'buys' }), await simulation({ definition })];
    expect(saved.series).toEqual(unsaved.series);
    const { rows } = await api.pool.query<{ count: number }>(
      'select count(*)::int as count from watch_series where project_id = $1',
      [project.projectId],
    );
    expect(rows[0]!.count).toBe(0);
    expect((await send({ watch: 'nothing' })).json<Problem>().code).toBe('watch_not_found');
    expect((await send({})).json<Problem>().code).toBe('invalid_request');
    expect((await send({ watch: 'buys', definition })).json<Problem>().code).toBe('invalid_request');
  });

  it('has the series of each event, those that are asked for, and of each length of bucket', async () => {
    const every = { metric: { kind: 'every_event' } };
    const all = await simulation({ definition: every, days: 14 });
    expect(all.series.map(({ series }) => series)).toEqual(['', 'buy', 'view']);
    expect(all.series.map(({ incidents }) => inOutage(incidents).length).slice(1)).toEqual([1, 0]);
    const one = await simulation({ definition: every, days: 14, series: ['view'], points: true });
    expect(one.series.map(({ series }) => series)).toEqual(['view']);
    for (const interval of ['five_minutes', 'quarter_hour', 'day'] as const) {
      const other = await simulation({
        ...{ definition: { ...definition, interval, backfill_days: 20 }, days: 12, points: true },
      });
      const { series } = await trends({ from: other.from, to: other.to, interval: 'total' });
      const sum = other.series[0]!.points!.reduce((total, { observed }) => total + observed!, 0);
      expect(sum, interval).toBe(series[0]!.total);
    }
    const up = await simulation({ definition: { ...definition, directions: ['up'] }, days: 14 });
    expect(inOutage(up.series[0]!.incidents)).toEqual([]);
  });

  it('does not judge what it is not known to be right', async () => {
    const other = await api.createProject();
    await fill(other);
    const minute = new Date(OUTAGE.fromMs + 5 * 60_000);
    await api.pool.query(
      `insert into ledger (project_id, minute, log_id, "partition", logged, landed) values ($1, $2, $3, 0, 5, 0)`,
      [other.projectId, minute, api.log.id],
    );
    const found = await simulation({ definition, points: true }, other.key);
    const unknown = found.series[0]!.points!.filter(({ observed }) => observed === null);
    expect(unknown.map(({ bucket }) => Date.parse(bucket))).toEqual([OUTAGE.fromMs]);
  });

  it('reads saved queries, and refuses what it cannot read after the fact, or would be too much', async () => {
    await api.send(admin, 'PUT', '/v1/saved/buys', {
      query: { kind: 'trends', series: [{ event: 'buy', measure: 'unique_users' }] },
      parameters: {},
    });
    const saved = await simulation({ definition: { metric: { kind: 'saved', name: 'buys' } }, points: true });
    // Counted, as computed bands of it are.
    expect(saved.series).toMatchObject([{ series: '', kind: 'count' }]);
    expect(saved.series[0]!.points!.length).toBe(30 * 24);
    const health = await send({ definition: { metric: { kind: 'health' } } });
    expect(health.json<Problem>()).toMatchObject({
      code: 'invalid_request',
      field: '/definition/metric/kind',
    });
    const minutes = { metric: { kind: 'every_event' }, interval: 'minute' };
    expect((await send({ definition: minutes, days: 90 })).json<Problem>().code).toBe('too_many_buckets');
  });

  it('knows nothing of other projects', async () => {
    const other = await api.createProject();
    expect(await simulation({ definition }, other.key)).toMatchObject({ incidents: 0, series: [] });
    expect((await send({ watch: 'buys' }, other.key)).json<Problem>().code).toBe('watch_not_found');
  });
});
