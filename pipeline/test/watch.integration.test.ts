import { createRandom } from '@sluice/models/random';
import { createAskSaved } from '@sluice/analytics-api';
import { createSeriesMonitor } from '@sluice/models/anomaly';
import { createLogger } from '@sluice/service-kit';
import { createHmac } from 'node:crypto';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { askHealth } from '../src/watch/ask-health.js';
import { notifyDue } from '../src/notify/notifier.js';
import { createWatchTelemetry } from '../src/watch/watch-telemetry.js';
import { ask, count, openStores, type Stores } from './kit.js';
import {
  dailyMean,
  DAY_MS,
  drawMessages,
  handWatcher,
  landPast,
  makeChannel,
  makeWatch,
  QUARTER_MS,
  readFlags,
  startReceiver,
  type Receiver,
} from './watch-kit.js';

const HOUR_MS = 3_600_000;
const LATENESS_MS = 120_000;
const SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
const logger = createLogger('test', 'silent');

interface Time {
  fromMs: number;
  toMs: number;
}
const isIn = (ms: number, { fromMs, toMs }: Time): boolean => ms >= fromMs && ms < toMs;

describe('watching a stream with weeks of history', () => {
  let stores: Stores;
  let receiver: Receiver;
  const liveMs = Math.floor(Date.now() / DAY_MS) * DAY_MS - 2 * DAY_MS;
  const outage: Time = { fromMs: liveMs + 10 * HOUR_MS, toMs: liveMs + 12 * HOUR_MS };
  const spike: Time = { fromMs: liveMs + 16 * HOUR_MS, toMs: liveMs + 17 * HOUR_MS };
  const endMs = liveMs + 19 * HOUR_MS;

  beforeAll(async () => {
    stores = await openStores(inject('postgresUrl'));
    receiver = await startReceiver();
    await landPast(
      stores,
      drawMessages(
        [
          { event: 'Signup', meanAt: (ms) => (isIn(ms, outage) ? 0 : dailyMean(12)(ms)) },
          {
            event: 'Visit',
            meanAt: (ms) => dailyMean(20)(ms) * (isIn(ms, spike) ? 4 : 1),
            fields: (ms, index) => ({
              context: {
                campaign: { source: isIn(ms, spike) && index % 4 > 0 ? 'newsletter' : 'search' },
              },
            }),
          },
        ],
        { fromMs: liveMs - 21 * DAY_MS, toMs: endMs, stepMs: QUARTER_MS, random: createRandom(1) },
      ),
    );
  });
  afterAll(async () => {
    await receiver.close();
    await stores.close();
  });
  afterEach(async () => {
    await stores.postgres.pool.query('delete from watches');
    await stores.postgres.pool.query('delete from notification_channels');
    await stores.postgres.pool.query('delete from ledger where minute < $1', [new Date(endMs)]);
    receiver.received.length = 0;
  });

  const makeEveryEvent = (): Promise<number> =>
    makeWatch(stores, { name: 'everything', metric: { kind: 'every_event', limit: 10 } });
  const makeHook = (): Promise<number> =>
    makeChannel(stores, { name: 'hook', kind: 'webhook', target: { url: receiver.url }, secret: SECRET });

  async function deliver(nowMs: number): Promise<void> {
    const tools = {
      sendEmail: undefined,
      timeoutMs: 5_000,
      refusePrivate: false,
      stopping: new AbortController().signal,
      now: () => nowMs,
    };
    while ((await notifyDue({ pool: stores.asPipeline.pool, logger, tools })) > 0);
  }

  /** Lets the clock come to the closing of every bucket of a time. */
  async function live(of: Time, at: (nowMs: number) => Promise<void>): Promise<void> {
    for (let nowMs = of.fromMs; nowMs <= of.toMs; nowMs += QUARTER_MS) await at(nowMs + LATENESS_MS);
  }

  const told = (): { type: string; series: string }[] =>
    receiver.received.map(({ body }) => {
      const message = JSON.parse(body) as { type: string; data: { series: string } };
      return { type: message.type, series: message.data.series };
    });

  it('opens flags within two buckets, explains and resolves them, and tells of each once', async () => {
    await makeEveryEvent();
    await makeHook();
    const watcher = handWatcher(stores);
    await live({ fromMs: liveMs, toMs: endMs }, async (nowMs) => {
      await watcher.passAt(nowMs);
      await deliver(nowMs);
    });

    const flags = (await readFlags(stores)).filter(({ series }) => series !== '');
    expect(flags).toMatchObject([
      { series: 'Signup', direction: 'down', severity: 'critical', state: 'resolved', backfilled: false },
      { series: 'Visit', direction: 'up', severity: 'critical', state: 'resolved', backfilled: false },
    ]);
    for (const [index, time] of [outage, spike].entries()) {
      const { bucket, since, opened_at: openedAt, resolved_at: resolvedAt } = flags[index]!;
      expect(bucket.getTime()).toBeLessThan(time.fromMs + 2 * QUARTER_MS);
      expect(since.getTime()).toBeGreaterThanOrEqual(time.fromMs);
      expect(openedAt.getTime()).toBe(bucket.getTime() + QUARTER_MS);
      expect(resolvedAt!.getTime()).toBeGreaterThan(time.toMs);
      expect(resolvedAt!.getTime()).toBeLessThanOrEqual(time.toMs + 4 * QUARTER_MS);
    }
    // All signups are gone: no value is to blame. Visits came from somewhere.
    expect(flags[0]!.evidence).toEqual([]);
    expect(flags[1]!.evidence).toMatchObject([{ field: 'utm_source', value: 'newsletter' }]);
    const total = await readFlags(stores, `series = '' and direction = 'up'`);
    expect(total[0]!.evidence).toContainEqual(expect.objectContaining({ field: 'event', value: 'Visit' }));

    const messages = told().filter(({ series }) => series !== '');
    expect(messages).toEqual([
      { type: 'anomaly.opened', series: 'Signup' },
      { type: 'anomaly.resolved', series: 'Signup' },
      { type: 'anomaly.opened', series: 'Visit' },
      { type: 'anomaly.resolved', series: 'Visit' },
    ]);
    const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { headers, body } of receiver.received) {
      const digest = createHmac('sha256', Buffer.alloc(24, 7))
        .update(`${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`)
        .digest('base64');
      expect(headers['webhook-signature']).toBe(`v1,${digest}`);
    }
  });

  it('judges a bucket when it is closed, and not a moment earlier', async () => {
    await makeEveryEvent();
    const watcher = handWatcher(stores);
    const newest = async (): Promise<number> => {
      const found = await stores.postgres.pool.query<{ at: Date }>(
        'select max(bucket) as at from watch_points',
      );
      return found.rows[0]!.at.getTime();
    };
    await watcher.passAt(outage.fromMs);
    const before = await newest();
    await watcher.passAt(outage.fromMs + LATENESS_MS - 1);
    expect(await newest()).toBe(before);
    await watcher.passAt(outage.fromMs + LATENESS_MS);
    expect(await newest()).toBe(before + QUARTER_MS);
  });

  it('says the same whether history is judged bucket by bucket or at once', async () => {
    const dump = async (): Promise<unknown> => {
      const points = await stores.postgres.pool.query(
        `select series, bucket, observed, expected, lower, upper, tail_probability, anomalous
         from watch_points join watch_series using (series_id) order by series, bucket`,
      );
      const flags = await stores.postgres.pool.query(
        `select series, bucket, since, observed, expected, lower, upper, score, surprise, direction, severity, state,
           opened_at, last_seen_at, resolved_at, peak_bucket, peak_observed, peak_surprise, buckets, observed_sum,
           expected_sum, surprise_sum, evidence
         from anomalies order by series, bucket`,
      );
      return { points: points.rows, flags: flags.rows };
    };
    await makeEveryEvent();
    const stepwise = handWatcher(stores);
    await stepwise.passAt(outage.fromMs - HOUR_MS);
    await live({ fromMs: outage.fromMs, toMs: endMs }, (nowMs) => stepwise.passAt(nowMs));
    const expected = await dump();
    await stores.postgres.pool.query('delete from watches');
    await makeEveryEvent();
    await handWatcher(stores).passAt(endMs + LATENESS_MS);
    expect(await dump()).toEqual(expected);
  });

  it('says everything once when two watchers are at it', async () => {
    await makeEveryEvent();
    await makeHook();
    const [one, other] = [handWatcher(stores), handWatcher(stores)];
    await one.passAt(outage.fromMs - HOUR_MS);
    await live({ fromMs: outage.fromMs - HOUR_MS, toMs: outage.toMs + 2 * HOUR_MS }, async (nowMs) => {
      await Promise.all([one.passAt(nowMs), other.passAt(nowMs)]);
      await Promise.all([deliver(nowMs), deliver(nowMs)]);
    });
    expect(await readFlags(stores, `series = 'Signup'`)).toMatchObject([{ state: 'resolved' }]);
    expect(told().filter(({ series }) => series === 'Signup')).toEqual([
      { type: 'anomaly.opened', series: 'Signup' },
      { type: 'anomaly.resolved', series: 'Signup' },
    ]);
    const points = await count(
      stores,
      `watch_points join watch_series using (series_id) where series = 'Signup'`,
    );
    const times = await stores.postgres.pool.query<{ n: number }>(
      `select ((extract(epoch from max(bucket) - min(bucket)) / 900) + 1)::int as n
       from watch_points join watch_series using (series_id) where series = 'Signup'`,
    );
    expect(points).toBe(times.rows[0]!.n);
  });

  it('can be deleted while a flag of it is being written', async () => {
    const watchId = await makeEveryEvent();
    const { pool } = stores.postgres;
    let deleting: Promise<unknown> | undefined;
    let isArmed = false;
    const registry = new Registry();
    const watcher = handWatcher(stores, {
      telemetry: createWatchTelemetry(logger, registry, Date.now),
      async onStep(step) {
        if (!isArmed || step !== 'fenced' || deleting !== undefined) return;
        deleting = pool.query('delete from watches where watch_id = $1', [watchId]);
        deleting.catch(() => undefined);
        const waits = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
        while ((await pool.query(waits)).rowCount === 0);
      },
    });
    await watcher.passAt(outage.fromMs);
    isArmed = true;
    await watcher.passAt(outage.toMs + LATENESS_MS);
    expect(deleting).toBeDefined();
    await deleting;
    expect(await registry.getSingleMetricAsString('sluice_watch_flags_total')).toMatch(
      /severity="\w+"} [1-9]/,
    );
    expect(await count(stores, 'anomalies')).toBe(0);
    expect(await registry.getSingleMetricAsString('sluice_watch_failures_total')).toContain(
      'sluice_watch_failures_total 0',
    );
  });

  it('tells nobody of a flag in a snoozed series, until it outlasts the snooze', async () => {
    await makeEveryEvent();
    await makeHook();
    const watcher = handWatcher(stores);
    await watcher.passAt(outage.fromMs - HOUR_MS);
    const snoozedUntil = new Date(outage.fromMs + HOUR_MS);
    await stores.postgres.pool.query('update watch_series set snoozed_until = $1', [snoozedUntil]);
    await live({ fromMs: outage.fromMs, toMs: snoozedUntil.getTime() }, async (nowMs) => {
      await watcher.passAt(nowMs);
      await deliver(nowMs);
    });
    expect(await readFlags(stores, `series = 'Signup'`)).toMatchObject([
      { state: 'suppressed', suppressed_by: 'snoozed' },
    ]);
    expect(told()).toEqual([]);
    await live(
      { fromMs: snoozedUntil.getTime() + QUARTER_MS, toMs: outage.toMs + HOUR_MS },
      async (nowMs) => {
        await watcher.passAt(nowMs);
        await deliver(nowMs);
      },
    );
    expect(await readFlags(stores, `series = 'Signup'`)).toMatchObject([
      { state: 'resolved', suppressed_by: null },
    ]);
    expect(told().filter(({ series }) => series === 'Signup')).toEqual([
      { type: 'anomaly.opened', series: 'Signup' },
      { type: 'anomaly.resolved', series: 'Signup' },
    ]);
  });

  it('learns what is said of a flag once', async () => {
    await makeEveryEvent();
    const learned: string[] = [];
    const watcher = handWatcher(stores, {
      createMonitor(options, saved) {
        const monitor = createSeriesMonitor(options, saved);
        return {
          detector: monitor.detector,
          detectorVersion: monitor.detectorVersion,
          step: (point) => monitor.step(point),
          learn(feedback) {
            learned.push(feedback);
            monitor.learn(feedback);
          },
          save: () => monitor.save(),
        };
      },
    });
    await watcher.passAt(outage.fromMs - HOUR_MS);
    await live(outage, (nowMs) => watcher.passAt(nowMs));
    const say = (feedback: string): Promise<unknown> =>
      stores.postgres.pool.query(
        `update anomalies set feedback = $1, feedback_at = now() where series = 'Signup'`,
        [feedback],
      );
    await say('false_alarm');
    await live({ fromMs: outage.toMs + QUARTER_MS, toMs: outage.toMs + HOUR_MS }, (nowMs) =>
      watcher.passAt(nowMs),
    );
    expect(learned).toEqual(['false_alarm']);
    await say('true_alarm');
    await live({ fromMs: outage.toMs + HOUR_MS, toMs: outage.toMs + 2 * HOUR_MS }, (nowMs) =>
      watcher.passAt(nowMs),
    );
    expect(learned).toEqual(['false_alarm', 'true_alarm']);
  });

  it('takes a bucket in which it is not known what became of a message for unknown, not for a count', async () => {
    await makeEveryEvent();
    await stores.postgres.pool.query(
      `insert into ledger (project_id, minute, log_id, "partition", logged, landed) values ($1, $2, 'x', 0, 5, 4)`,
      [stores.projectId, new Date(outage.fromMs + 5 * 60_000)],
    );
    await handWatcher(stores).passAt(outage.fromMs + HOUR_MS);
    const found = await stores.postgres.pool.query<{ observed: number | null; bucket: Date }>(
      `select bucket, observed from watch_points where bucket >= $1 and bucket < $2 order by bucket`,
      [new Date(outage.fromMs), new Date(outage.fromMs + 2 * QUARTER_MS)],
    );
    const unknown = found.rows.filter(({ bucket }) => bucket.getTime() === outage.fromMs);
    expect(unknown.map(({ observed }) => observed)).toEqual([null, null, null]);
    const known = found.rows.filter(({ bucket }) => bucket.getTime() > outage.fromMs);
    expect(known.every(({ observed }) => observed !== null)).toBe(true);
  });

  it('notes a question that fails and asks it again, without taking it for a number', async () => {
    const { postgres, clickhouse, log, projectId } = stores;
    await makeWatch(stores, {
      name: 'visits-a-signup',
      metric: { kind: 'saved', name: 'visits', series: 'A / B' },
      interval: 'hour',
      backfillDays: 20,
    });
    const watcher = handWatcher(stores, {
      askSaved: createAskSaved({ postgres, clickhouse, log, logger }),
    });
    await watcher.passAt(outage.fromMs);
    const failed = await postgres.pool.query(
      'select last_error, failed_since is not null as has_failed, next_bucket from watch_series',
    );
    expect(failed.rows).toMatchObject([{ last_error: 'There is no saved query visits.', has_failed: true }]);
    expect(await count(stores, 'watch_points')).toBe(0);

    await postgres.pool.query(
      `insert into saved_queries (project_id, name, version, query) values ($1, 'visits', 1, $2)`,
      [
        projectId,
        JSON.stringify({
          kind: 'trends',
          series: [{ event: 'Visit' }, { event: 'Signup' }],
          formulas: [{ formula: 'A / B' }],
        }),
      ],
    );
    await watcher.passAt(outage.fromMs + HOUR_MS + 300_000);
    const mended = await postgres.pool.query('select last_error, failed_since from watch_series');
    expect(mended.rows).toEqual([{ last_error: null, failed_since: null }]);
    const points = await postgres.pool.query<{ bucket: Date; observed: number | null }>(
      'select bucket, observed from watch_points order by bucket desc limit 2',
    );
    // Without signups the ratio is nothing that could be measured.
    expect(points.rows[0]).toEqual({ bucket: new Date(outage.fromMs), observed: null });
    const [counted] = await ask<{ ratio: number }>(
      stores,
      `select countIf(event = 'Visit') / countIf(event = 'Signup') as ratio from {db}.events
       where timestamp >= fromUnixTimestamp64Milli(${outage.fromMs - HOUR_MS}) and timestamp < fromUnixTimestamp64Milli(${outage.fromMs})`,
    );
    expect(points.rows[1]!.observed).toBeCloseTo(counted!.ratio, 9);
  });

  it('is not kept from judging the other series by one that cannot be judged', async () => {
    await makeEveryEvent();
    let visits = 0;
    const watcher = handWatcher(stores, {
      createMonitor(options, saved) {
        const monitor = createSeriesMonitor(options, saved);
        return {
          detector: monitor.detector,
          detectorVersion: monitor.detectorVersion,
          step(point) {
            // Only the total is as high by day.
            if ((point.value ?? 0) > 60) {
              visits += 1;
              throw new Error('This series cannot be judged.');
            }
            return monitor.step(point);
          },
          learn: (feedback) => monitor.learn(feedback),
          save: () => monitor.save(),
        };
      },
    });
    await watcher.passAt(outage.fromMs);
    await watcher.passAt(outage.fromMs + HOUR_MS);
    expect(visits).toBeGreaterThan(0);
    const series = await stores.postgres.pool.query<{
      series: string;
      last_error: string | null;
      next_bucket: Date;
    }>('select series, last_error, next_bucket from watch_series order by series');
    expect(series.rows.map(({ series: name, last_error: error }) => [name, error])).toEqual([
      // What went wrong inside is for the log.
      ['', 'It could not be asked or judged; the log of the pipeline says why.'],
      ['Signup', null],
      ['Visit', null],
    ]);
    expect(series.rows[1]!.next_bucket.getTime()).toBe(outage.fromMs + HOUR_MS - QUARTER_MS);
  });

  it('gives a project that never had a watch the default ones, once', async () => {
    const { pool } = stores.postgres;
    await pool.query('delete from watch_defaults');
    const watcher = handWatcher(stores);
    await watcher.passAt(outage.fromMs);
    const made = await pool.query('select name, metric ->> $1 as kind, interval from watches order by name', [
      'kind',
    ]);
    expect(made.rows).toEqual([
      { name: 'events', kind: 'every_event', interval: 'quarter_hour' },
      { name: 'ingestion', kind: 'health', interval: 'quarter_hour' },
    ]);
    expect(await count(stores, `watch_series where last_error is null`)).toBe(8);
    await pool.query('delete from watches');
    await watcher.passAt(outage.fromMs + HOUR_MS);
    expect(await count(stores, 'watches')).toBe(0);
  });

  it('begins no series while history is being sent', async () => {
    await makeEveryEvent();
    // Everything was received within the last minutes, and most of it is older than an hour.
    const found = await stores.postgres.pool.query<{ last: Date }>(
      'select max(received_at) as last from events',
    );
    const lastMs = found.rows[0]!.last.getTime();
    await handWatcher(stores).passAt(lastMs + 1_000);
    expect(await count(stores, 'watch_series')).toBe(0);
    await handWatcher(stores).passAt(lastMs + 61_000);
    expect(await count(stores, 'watch_series')).toBe(3);
  });

  it('tells nobody of days long past when a watch was off', async () => {
    const { pool } = stores.postgres;
    await makeWatch(stores, { name: 'one', metric: { kind: 'events', event: 'Signup' } });
    await makeHook();
    const watcher = handWatcher(stores);
    await watcher.passAt(outage.fromMs - 2 * DAY_MS);
    await pool.query('update watches set enabled = false');
    await watcher.passAt(outage.fromMs - DAY_MS);
    expect(
      await count(stores, `watch_points where bucket >= to_timestamp(${(outage.fromMs - DAY_MS) / 1_000})`),
    ).toBe(0);
    await pool.query('update watches set enabled = true');
    await watcher.passAt(outage.toMs + 2 * HOUR_MS);
    await deliver(outage.toMs + 2 * HOUR_MS);
    expect(await readFlags(stores, 'backfilled')).toMatchObject([{ direction: 'down', state: 'resolved' }]);
    expect(told()).toEqual([]);
  });

  it('begins a series anew when its watch measures something else, and keeps what was found', async () => {
    const { pool } = stores.postgres;
    await makeWatch(stores, { name: 'one', metric: { kind: 'events', event: 'Signup' } });
    const watcher = handWatcher(stores);
    await watcher.passAt(outage.fromMs + HOUR_MS);
    expect(await readFlags(stores)).toMatchObject([{ state: 'open' }]);
    await pool.query(`update watches set metric = '{"kind": "events", "event": "Visit"}'`);
    await watcher.passAt(outage.fromMs + 2 * HOUR_MS);
    expect(await readFlags(stores)).toMatchObject([{ state: 'resolved' }]);
    const [visits] = await ask<{ n: number }>(
      stores,
      `select countIf(event = 'Visit') as n from {db}.events
       where timestamp >= fromUnixTimestamp64Milli(${outage.fromMs}) and timestamp < fromUnixTimestamp64Milli(${outage.toMs - QUARTER_MS})`,
    );
    const seen = await pool.query<{ n: number }>(
      'select sum(observed)::int as n from watch_points where bucket >= $1 and bucket < $2',
      [new Date(outage.fromMs), new Date(outage.toMs - QUARTER_MS)],
    );
    expect(seen.rows[0]!.n).toBe(visits!.n);
    await pool.query(`update watches set metric = '{"kind": "health", "signals": ["rejected"]}'`);
    await watcher.passAt(outage.fromMs + 3 * HOUR_MS);
    const series = await pool.query(
      'select series, retired_at is null as is_watched from watch_series order by 1',
    );
    expect(series.rows).toContainEqual({ series: '', is_watched: false });
  });

  it('gives a series another monitor when its state is of another detector', async () => {
    const { pool } = stores.postgres;
    await makeWatch(stores, { name: 'one', metric: { kind: 'events', event: 'Signup' } });
    const watcher = handWatcher(stores);
    await watcher.passAt(outage.fromMs - HOUR_MS);
    await pool.query(`update watch_series set detector = 'another', state = '\\x00'`);
    await live({ fromMs: outage.fromMs, toMs: outage.toMs }, (nowMs) => watcher.passAt(nowMs));
    expect(await readFlags(stores)).toMatchObject([{ series: '', direction: 'down', state: 'open' }]);
  });

  it('measures ingestion by the time of receipt', async () => {
    const { pool } = stores.postgres;
    const { projectId } = stores;
    const at = (minute: number): Date => new Date(liveMs - 50 * DAY_MS + minute * 60_000);
    const ledger = (minute: number, logId: string, counts: number[]): Promise<unknown> =>
      pool.query(
        `insert into ledger (project_id, minute, log_id, "partition", logged, landed, duplicates, dead_lettered, rejected)
         values ($1, $2, $3, 0, $4, $5, $6, $7, $8)`,
        [projectId, at(minute), logId, ...counts],
      );
    await ledger(1, 'a', [10, 7, 2, 1, 4]);
    await ledger(14, 'b', [5, 5, 0, 0, 1]);
    await ledger(31, 'a', [3, 0, 3, 0, 0]);
    const batch = (minute: number, seconds: number, of: object): Promise<unknown> =>
      pool.query(
        `insert into batches (log_id, "partition", from_offset, to_offset, rows, state, received_from, done_at, project_rows)
         values ('x', 0, 0, 1, 1, 'done', $1, $2, $3)`,
        [at(minute), new Date(at(minute).getTime() + seconds * 1_000), JSON.stringify(of)],
      );
    await batch(2, 1.5, { [projectId]: 3 });
    await batch(3, 4.25, { [projectId]: 3 });
    await batch(4, 60, { 999: 3 });
    const stream = (
      name: string,
      partition: number,
      landed: number,
      lastSeq: number,
      minute: number,
    ): Promise<unknown> =>
      pool.query(
        `insert into streams (project_id, stream, log_id, "partition", device_id, landed, last_seq, last_received_at)
         values ($1, $2, 'x', $3, 'd', $4, $5, $6)`,
        [projectId, name, partition, landed, lastSeq, at(minute)],
      );
    await stream('s1', 0, 4, 9, 5);
    await stream('s1', 1, 3, 10, 20);
    await stream('s2', 0, 5, 5, 20);
    const buckets = [0, 15, 30].map((minute) => ({
      startMs: at(minute).getTime(),
      endMs: at(minute + 15).getTime(),
    }));
    const signals = ['rejected', 'dead_letters', 'duplicates', 'lag', 'device_gaps'] as const;
    const series = signals.map((signal) => ({ kind: 'health' as const, signal }));
    expect(await askHealth(projectId, series, buckets, { pool })).toEqual([
      [5, 0, 0],
      [1, 0, 0],
      [2, 0, 3],
      [4.25, null, null],
      [0, 3, 0],
    ]);
  });

  it('asks a saved funnel for its conversion, and leaves out buckets whose people are on their way', async () => {
    const { postgres, clickhouse, log, projectId } = stores;
    const save = (name: string, query: object): Promise<unknown> =>
      postgres.pool.query(
        'insert into saved_queries (project_id, name, version, query) values ($1, $2, 1, $3)',
        [projectId, name, JSON.stringify(query)],
      );
    const steps = [{ event: 'Visit' }, { event: 'Signup' }];
    await save('funnel', { kind: 'funnel', steps, window_seconds: 4 * 86_400 });
    await save('takings', { kind: 'revenue' });
    await save('paths', { kind: 'retention', start: { event: 'Visit' } });
    const askSaved = createAskSaved({ postgres, clickhouse, log, logger });
    const question = {
      projectId,
      timezone: 'UTC',
      parameters: {},
      series: null,
      interval: 'day' as const,
      fromMs: liveMs - 6 * DAY_MS,
      toMs: liveMs,
    };
    const signal = new AbortController().signal;
    const rates = await askSaved.numbers({ ...question, name: 'funnel' }, signal);
    const days = [...rates.keys()].map((ms) => (ms - liveMs) / DAY_MS);
    expect(days).toEqual([-6, -5, -4, -3]);
    expect([...rates.values()].every((rate) => rate !== null && rate > 0 && rate <= 1)).toBe(true);
    const takings = await askSaved.numbers({ ...question, name: 'takings' }, signal);
    expect([...takings.values()]).toEqual([0, 0, 0, 0, 0, 0]);
    await expect(askSaved.numbers({ ...question, name: 'paths' }, signal)).rejects.toMatchObject({
      code: 'invalid_query',
    });
    await expect(
      askSaved.numbers({ ...question, name: 'funnel', interval: 'five_minutes' }, signal),
    ).rejects.toMatchObject({ code: 'invalid_query' });
  });

  it('judges a saved query by what it counts, and begins anew when it counts something else', async () => {
    const { postgres, clickhouse, log, projectId } = stores;
    const save = (version: number, measure: string): Promise<unknown> =>
      postgres.pool.query(
        `insert into saved_queries (project_id, name, version, query) values ($1, 'people', $2, $3)`,
        [projectId, version, JSON.stringify({ kind: 'trends', series: [{ event: 'Visit', measure }] })],
      );
    await save(1, 'unique_users');
    await makeWatch(stores, {
      name: 'people',
      metric: { kind: 'saved', name: 'people' },
      interval: 'hour',
      backfillDays: 7,
    });
    const watcher = handWatcher(stores, { askSaved: createAskSaved({ postgres, clickhouse, log, logger }) });
    const kinds = async (): Promise<string[]> => {
      const series = await postgres.pool.query<{ kind: string }>('select kind from watch_series');
      return series.rows.map(({ kind }) => kind);
    };
    await watcher.passAt(outage.fromMs);
    expect(await kinds()).toEqual(['count']);
    await save(2, 'count_per_user');
    await watcher.passAt(outage.fromMs + HOUR_MS);
    expect(await kinds()).toEqual(['level']);
    expect(await count(stores, 'watch_points where observed > 0')).toBeGreaterThan(100);
  });

  it.each([
    { interval: 'minute', lateMs: 30_000, start: 'toStartOfMinute(timestamp)' },
    { interval: 'five_minutes', lateMs: 60_000, start: 'toStartOfFiveMinutes(timestamp)' },
    { interval: 'quarter_hour', lateMs: 120_000, start: 'toStartOfFifteenMinutes(timestamp)' },
    { interval: 'hour', lateMs: 300_000, start: `toStartOfHour(toTimeZone(timestamp, 'Asia/Kolkata'))` },
    { interval: 'day', lateMs: 1_800_000, start: `toStartOfDay(toTimeZone(timestamp, 'Asia/Kolkata'))` },
  ])('counts every event once, and zeros, in buckets of one $interval of the zone', async (of) => {
    const { pool } = stores.postgres;
    await pool.query(`update projects set timezone = 'Asia/Kolkata'`);
    try {
      await makeWatch(stores, {
        name: 'signups',
        metric: { kind: 'events', event: 'Signup', type: 'track' },
        interval: of.interval,
        backfillDays: of.interval === 'minute' ? 2 : 8,
      });
      await handWatcher(stores).passAt(outage.toMs + of.lateMs);
      const points = await pool.query<{ bucket: Date; observed: number }>(
        'select bucket, observed from watch_points order by bucket',
      );
      const firstMs = points.rows[0]!.bucket.getTime();
      const lastMs = points.rows.at(-1)!.bucket.getTime();
      const counted = await ask<{ start: number; n: number }>(
        stores,
        `select toUnixTimestamp(${of.start}) as start, count() as n from {db}.events
         where event = 'Signup' and toUnixTimestamp(${of.start}) >= ${firstMs / 1_000} and toUnixTimestamp(${of.start}) <= ${lastMs / 1_000}
         group by start order by start`,
      );
      const seen = points.rows.filter(({ observed }) => observed > 0);
      expect(seen.map(({ bucket, observed }) => ({ start: bucket.getTime() / 1_000, n: observed }))).toEqual(
        counted,
      );
      if (of.interval !== 'day') expect(points.rows.some(({ observed }) => observed === 0)).toBe(true);
    } finally {
      await pool.query(`update projects set timezone = 'UTC'`);
    }
  });
});
