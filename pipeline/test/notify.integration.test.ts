import { createLogger, ensureProject } from '@sluice/service-kit';
import { createTestDatabase, type TestDatabase } from '@sluice/warehouse/testing';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { DeliveryTools } from '../src/notify/deliver.js';
import { notifyDue } from '../src/notify/notifier.js';
import { claimDue, disableChannel, noteDelivered } from '../src/notify/outbox.js';
import { MAX_ATTEMPTS } from '../src/notify/outcome.js';
import { queueDigests } from '../src/notify/queue-digests.js';
import { createMailer, type Mailer } from '../src/notify/send-email.js';
import { makeChannel, makeWatch, startReceiver, type Receiver } from './watch-kit.js';

const logger = createLogger('test', 'silent');
const START_MS = Date.parse('2026-03-10T12:00:00Z');

describe('notifying', () => {
  let postgres: TestDatabase;
  let projectId: number;
  let receiver: Receiver;
  let nowMs: number;

  beforeAll(async () => {
    postgres = await createTestDatabase(inject('postgresUrl'));
    projectId = await ensureProject(postgres.pool, 'shop', { timezone: 'Europe/Berlin' });
  });
  afterAll(() => postgres.drop());
  beforeEach(async () => {
    receiver = await startReceiver();
    nowMs = START_MS;
  });
  afterEach(async () => {
    await receiver.close();
    await postgres.pool.query('delete from watches');
    await postgres.pool.query('delete from notification_channels');
  });

  const toolsWith = (more: Partial<DeliveryTools> = {}): DeliveryTools => ({
    sendEmail: undefined,
    timeoutMs: 2_000,
    refusePrivate: false,
    stopping: new AbortController().signal,
    now: () => nowMs,
    ...more,
  });
  const notify = (more: Partial<DeliveryTools> = {}): Promise<number> =>
    notifyDue({ pool: postgres.pool, logger, tools: toolsWith(more), random: () => 0 });

  /** A notification as the API puts a test into the outbox. */
  async function queueTest(channelId: number): Promise<number> {
    const queued = await postgres.pool.query<{ notification_id: number }>(
      `insert into notifications (project_id, channel_id, kind, payload, created_at, next_attempt_at)
       values ($1, $2, 'test', '{}', $3, $3) returning notification_id`,
      [projectId, channelId, new Date(nowMs)],
    );
    return queued.rows[0]!.notification_id;
  }

  async function stateOf(notificationId: number): Promise<Record<string, unknown>> {
    const found = await postgres.pool.query<Record<string, unknown>>(
      `select attempts, last_error, delivered_at is not null as delivered, failed_at is not null as failed,
         (extract(epoch from next_attempt_at) * 1000)::float8 as next_ms
       from notifications where notification_id = $1`,
      [notificationId],
    );
    return found.rows[0]!;
  }

  const makeHook = (url = receiver.url): Promise<number> =>
    makeChannel({ postgres, projectId }, { name: 'hook', kind: 'webhook', target: { url } });

  /** An anomaly that opened at an instant. */
  async function makeAnomaly(openedAt: string, severity: string, suppressedBy?: string): Promise<number> {
    const watchId = await makeWatch(
      { postgres, projectId },
      { name: `w-${openedAt}-${severity}-${suppressedBy}`, metric: { kind: 'every_event' } },
    );
    const series = await postgres.pool.query<{ series_id: number }>(
      `insert into watch_series (watch_id, project_id, series, kind, measured, detector, detector_version, state, next_bucket,
         watched_since)
       values ($1, $2, 'Signup', 'count', '{}', 'd', 1, '', now(), now()) returning series_id`,
      [watchId, projectId],
    );
    const made = await postgres.pool.query<{ anomaly_id: number }>(
      `insert into anomalies (project_id, watch_id, series_id, watch, metric, series, interval, bucket, since, observed,
         expected, lower, upper, score, surprise, direction, severity, detector, detector_version, state, suppressed_by,
         opened_at, last_seen_at, peak_bucket, peak_observed, peak_expected, peak_surprise, buckets, observed_sum,
         expected_sum, surprise_sum, change_id)
       values ($1, $2, $3, 'w', '{}', 'Signup', 'hour', $4, $4, 0, 10, 3, 20, 1, 5, 'down', $5, 'd', 1,
         case when $6::text is null then 'open' else 'suppressed' end, $6, $4, $4, $4, 0, 10, 5, 1, 0, 10, 5,
         nextval('anomaly_changes')) returning anomaly_id`,
      [projectId, watchId, series.rows[0]!.series_id, openedAt, severity, suppressedBy ?? null],
    );
    return made.rows[0]!.anomaly_id;
  }

  it('sends again under the same id, later each time, until the receiver takes it', async () => {
    const id = await queueTest(await makeHook());
    receiver.answers.push({ status: 500 }, { status: 503 });
    await notify();
    expect(await stateOf(id)).toMatchObject({ attempts: 1, delivered: false, next_ms: START_MS + 5_000 });
    nowMs += 4_999;
    expect(await notify()).toBe(0);
    nowMs += 1;
    await notify();
    expect(await stateOf(id)).toMatchObject({ attempts: 2, last_error: 'The receiver answered 503.' });
    nowMs += 10_000;
    await notify();
    expect(await stateOf(id)).toMatchObject({ attempts: 3, delivered: true, last_error: null });
    nowMs += 86_400_000;
    expect(await notify()).toBe(0);
    expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual(
      Array.from({ length: 3 }, () => `sluice-notification-${id}`),
    );
    expect(JSON.parse(receiver.received[2]!.body)).toEqual({
      type: 'test',
      timestamp: '2026-03-10T12:00:00.000Z',
      project: 'shop',
      data: {},
    });
  });

  it('waits as long as the receiver asks for', async () => {
    const id = await queueTest(await makeHook());
    receiver.answers.push({ status: 429, headers: { 'retry-after': '120' } });
    await notify();
    expect(await stateOf(id)).toMatchObject({ next_ms: START_MS + 120_000 });
  });

  it('turns a channel off whose receiver is gone, and says why', async () => {
    const channelId = await makeHook();
    const id = await queueTest(channelId);
    const other = await queueTest(channelId);
    receiver.answers.push({ status: 410 }, { status: 410 });
    await notify();
    expect(await stateOf(id)).toMatchObject({ failed: true });
    const channel = await postgres.pool.query('select enabled, disabled_reason from notification_channels');
    expect(channel.rows).toEqual([{ enabled: false, disabled_reason: 'The receiver answered 410.' }]);
    nowMs += 86_400_000;
    expect(await notify()).toBe(0);
    expect(await stateOf(other)).toMatchObject({ delivered: false });
  });

  it('leaves a channel on that has got another address since its receiver was gone', async () => {
    await queueTest(await makeHook());
    const [claimed] = await claimDue(postgres.pool, { nowMs, leaseMs: 30_000, most: 1 });
    await postgres.pool.query(`update notification_channels set target = '{"url": "http://127.0.0.1:2/"}'`);
    await disableChannel(postgres.pool, claimed!, 'The receiver answered 410.');
    const channel = await postgres.pool.query('select enabled, disabled_reason from notification_channels');
    expect(channel.rows).toEqual([{ enabled: true, disabled_reason: null }]);
  });

  it('tells that something is over after it has told that it began', async () => {
    const channelId = await makeHook();
    const anomalyId = await makeAnomaly('2026-03-10T11:00:00Z', 'warning');
    const queue = (kind: string): Promise<unknown> =>
      postgres.pool.query(
        `insert into notifications (project_id, channel_id, anomaly_id, kind, payload, created_at, next_attempt_at)
         select project_id, $1, anomaly_id, $2, jsonb_build_object('data', to_jsonb(a)), $3, $3 from anomalies a
         where anomaly_id = $4`,
        [channelId, kind, new Date(nowMs), anomalyId],
      );
    await queue('opened');
    receiver.answers.push({ status: 500 });
    await notify();
    await queue('resolved');
    expect(await notify()).toBe(0);
    nowMs += 5_000;
    while ((await notify()) > 0);
    expect(receiver.received.map(({ body }) => (JSON.parse(body) as { type: string }).type)).toEqual([
      'anomaly.opened',
      'anomaly.opened',
      'anomaly.resolved',
    ]);
  });

  it('follows no redirect', async () => {
    const id = await queueTest(await makeHook());
    receiver.answers.push({ status: 307, headers: { location: `${receiver.url}/elsewhere` } });
    await notify();
    expect(await stateOf(id)).toMatchObject({ failed: true });
    expect(receiver.received).toHaveLength(1);
  });

  it('gives up after the last attempt', async () => {
    const id = await queueTest(await makeHook());
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      receiver.answers.push({ status: 500 });
      await notify();
      nowMs += 86_400_000;
    }
    expect(await stateOf(id)).toMatchObject({ attempts: MAX_ATTEMPTS, failed: true });
    expect(await notify()).toBe(0);
  });

  it('does not give up because the worker stops in the last attempt', async () => {
    const id = await queueTest(await makeHook());
    await postgres.pool.query('update notifications set attempts = $1', [MAX_ATTEMPTS - 1]);
    await notify({ stopping: AbortSignal.abort() });
    expect(await stateOf(id)).toMatchObject({ attempts: MAX_ATTEMPTS, failed: false });
    nowMs += 86_400_000;
    await notify();
    expect(await stateOf(id)).toMatchObject({ delivered: true });
  });

  it('tries again when the receiver does not answer at all', async () => {
    const id = await queueTest(await makeHook('http://127.0.0.1:1/'));
    await notify();
    expect(await stateOf(id)).toMatchObject({ attempts: 1, delivered: false, failed: false });
  });

  it('refuses addresses of private networks where that is set, by number and by name', async () => {
    const { port } = new URL(receiver.url);
    const ids: number[] = [];
    for (const [index, host] of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]'].entries()) {
      const target = { url: `http://${host}:${port}/` };
      const channel = { name: `hook-${index}`, kind: 'webhook', target } as const;
      ids.push(await queueTest(await makeChannel({ postgres, projectId }, channel)));
    }
    await notify({ refusePrivate: true });
    for (const id of ids) expect(await stateOf(id)).toMatchObject({ failed: true });
    expect(receiver.received).toEqual([]);
  });

  it('gives each notification to one of two workers, and to another one when the first has died', async () => {
    const id = await queueTest(await makeHook());
    const claim = (): ReturnType<typeof claimDue> =>
      claimDue(postgres.pool, { nowMs, leaseMs: 30_000, most: 10 });
    const [one, other] = await Promise.all([claim(), claim()]);
    expect(one.length + other.length).toBe(1);
    const [dead] = [...one, ...other];
    nowMs += 30_000;
    const [taken] = await claim();
    expect(taken!.notificationId).toBe(id);
    await noteDelivered(postgres.pool, taken!, nowMs);
    // The first was only slow: what it says does not count any more.
    await postgres.pool.query('update notifications set delivered_at = null');
    await noteDelivered(postgres.pool, dead!, nowMs);
    expect(await stateOf(id)).toMatchObject({ delivered: false, attempts: 2 });
  });

  it('writes for Slack in its form', async () => {
    const target = { url: receiver.url };
    const id = await queueTest(
      await makeChannel({ postgres, projectId }, { name: 'slack', kind: 'slack', target }),
    );
    await notify();
    expect(await stateOf(id)).toMatchObject({ delivered: true });
    expect(JSON.parse(receiver.received[0]!.body)).toMatchObject({
      text: 'shop: A test: this channel works',
      blocks: [{ type: 'section', text: { type: 'mrkdwn' } }],
    });
  });

  describe('by e-mail', () => {
    let server: SMTPServer;
    let mails: { from: string; to: string[]; text: string }[];
    let refuseWith: number | undefined;
    let unknownAddress: string | undefined;
    let mailer: Mailer;

    beforeEach(async () => {
      mails = [];
      refuseWith = undefined;
      unknownAddress = undefined;
      server = new SMTPServer({
        authOptional: true,
        disabledCommands: ['STARTTLS'],
        onRcptTo({ address }, _session, callback) {
          if (address !== unknownAddress) callback();
          else callback(Object.assign(new Error('no such user'), { responseCode: 550 }));
        },
        onData(stream, session, callback) {
          const chunks: Buffer[] = [];
          stream.on('data', (chunk: Buffer) => chunks.push(chunk));
          stream.on('end', () => {
            const { mailFrom, rcptTo } = session.envelope;
            mails.push({
              from: mailFrom === false ? '' : mailFrom.address,
              to: rcptTo.map(({ address }) => address),
              text: Buffer.concat(chunks).toString(),
            });
            const error = refuseWith === undefined ? null : new Error('no');
            callback(error === null ? null : Object.assign(error, { responseCode: refuseWith }));
          });
        },
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.server.address() as AddressInfo;
      mailer = createMailer({
        smtpUrl: `smtp://127.0.0.1:${port}`,
        from: 'Sluice <sluice@example.com>',
        timeoutMs: 2_000,
      });
    });
    afterEach(async () => {
      mailer.close();
      await new Promise<void>((resolve) => server.close(resolve));
    });

    const makeMail = (): Promise<number> =>
      makeChannel(
        { postgres, projectId },
        { name: 'mail', kind: 'email', target: { addresses: ['ops@example.com', 'me@example.com'] } },
      );

    it('sends one message to all addresses, with an id that stays the same', async () => {
      const id = await queueTest(await makeMail());
      await notify({ sendEmail: mailer.send });
      expect(await stateOf(id)).toMatchObject({ delivered: true });
      expect(mails).toMatchObject([
        { from: 'sluice@example.com', to: ['ops@example.com', 'me@example.com'] },
      ]);
      expect(mails[0]!.text).toContain('Subject: [shop] A test: this channel works');
      expect(mails[0]!.text).toContain(`Message-ID: <sluice-notification-${id}@example.com>`);
    });

    it('tries again what the server cannot take now, and gives up what it will never take', async () => {
      const channelId = await makeMail();
      const later = await queueTest(channelId);
      refuseWith = 451;
      await notify({ sendEmail: mailer.send });
      expect(await stateOf(later)).toMatchObject({ delivered: false, failed: false });
      await postgres.pool.query('delete from notifications');
      const never = await queueTest(channelId);
      refuseWith = 550;
      await notify({ sendEmail: mailer.send });
      expect(await stateOf(never)).toMatchObject({ delivered: false, failed: true });
    });

    it('says which addresses the server did not take, where it took others', async () => {
      const id = await queueTest(await makeMail());
      unknownAddress = 'me@example.com';
      await notify({ sendEmail: mailer.send });
      expect(mails).toMatchObject([{ to: ['ops@example.com'] }]);
      expect(await stateOf(id)).toMatchObject({
        delivered: false,
        failed: true,
        last_error: 'The mail server refused me@example.com; the others have the message.',
      });
    });

    it('says what is missing where no mail server is set', async () => {
      const id = await queueTest(await makeMail());
      await notify();
      expect(await stateOf(id)).toMatchObject({
        failed: false,
        last_error: 'No mail server is set: SMTP_URL and NOTIFY_EMAIL_FROM.',
      });
    });
  });

  describe('once a day', () => {
    it('tells on the morning after what opened on a local day, once', async () => {
      await makeChannel(
        { postgres, projectId },
        {
          name: 'digest',
          kind: 'webhook',
          target: { url: receiver.url },
          minSeverity: 'warning',
          delivery: 'daily',
        },
      );
      await postgres.pool.query(`update notification_channels set created_at = '2026-03-01'`);
      // Berlin is an hour ahead of UTC: its 9th of March ends at 23:00.
      await makeAnomaly('2026-03-08T22:30:00Z', 'critical');
      expect(await queueDigests(postgres.pool, Date.parse('2026-03-09T07:00:00Z'))).toBe(1);
      await postgres.pool.query('delete from notifications');
      await makeAnomaly('2026-03-08T23:30:00Z', 'warning');
      await makeAnomaly('2026-03-09T22:30:00Z', 'critical');
      await makeAnomaly('2026-03-09T12:00:00Z', 'info');
      await makeAnomaly('2026-03-09T13:00:00Z', 'critical', 'snoozed');
      await makeAnomaly('2026-03-09T23:30:00Z', 'critical');
      expect(await queueDigests(postgres.pool, Date.parse('2026-03-10T06:59:59Z'))).toBe(0);
      nowMs = Date.parse('2026-03-10T07:00:00Z');
      const made = await Promise.all([
        queueDigests(postgres.pool, nowMs),
        queueDigests(postgres.pool, nowMs),
      ]);
      expect(made.sort()).toEqual([0, 1]);
      await notify();
      expect(await notify()).toBe(0);
      expect(receiver.received).toHaveLength(1);
      const body = JSON.parse(receiver.received[0]!.body) as Record<string, unknown>;
      expect(body).toMatchObject({
        type: 'anomaly.digest',
        data: {
          day: '2026-03-09',
          more: 0,
          anomalies: [
            { severity: 'critical', opened_at: '2026-03-09T22:30:00.000Z' },
            { severity: 'warning', opened_at: '2026-03-08T23:30:00.000Z' },
          ],
        },
      });
      // The digest of the day was made: what is judged after it is in the next one.
      await makeAnomaly('2026-03-09T12:30:00Z', 'warning');
      expect(await queueDigests(postgres.pool, nowMs + 60_000)).toBe(0);
      nowMs = Date.parse('2026-03-11T07:00:00Z');
      expect(await queueDigests(postgres.pool, nowMs)).toBe(1);
      await notify();
      expect(JSON.parse(receiver.received[1]!.body)).toMatchObject({
        data: {
          day: '2026-03-10',
          anomalies: [{ opened_at: '2026-03-09T23:30:00.000Z' }, { opened_at: '2026-03-09T12:30:00.000Z' }],
        },
      });
    });
  });
});
