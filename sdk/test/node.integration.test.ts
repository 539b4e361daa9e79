import { context, ROOT_CONTEXT, trace, type Context, type ContextManager } from '@opentelemetry/api';
import { AsyncLocalStorage } from 'node:async_hooks';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTestClickHouse } from '@sluice/warehouse/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { startGateway, type TestGateway } from '../../gateway/test/start-gateway.js';
import { caughtUp, count, runPipeline, type Stores } from '../../pipeline/test/kit.js';
import {
  init,
  type DeliveryReport,
  type Message,
  type NodeAnalytics,
  type NodeSettings,
} from '../src/node/index.js';

describe('the SDK in Node', () => {
  let gateway: TestGateway;
  let host: string;
  let dir: string;
  let since: number[];
  const started: NodeAnalytics[] = [];

  beforeAll(async () => {
    gateway = await startGateway({ postgresUrl: inject('postgresUrl') });
    host = `http://127.0.0.1:${await gateway.listen()}`;
    dir = await mkdtemp(join(tmpdir(), 'sluice-node-'));
  });

  beforeEach(async () => {
    since = await gateway.log.endOffsets();
  });

  afterEach(async () => {
    for (const analytics of started.splice(0)) await analytics.shutdown({ timeoutMs: 100 });
  });

  afterAll(async () => {
    await gateway.close();
    await rm(dir, { recursive: true, force: true });
  });

  function start(
    settings: Partial<NodeSettings> = {},
  ): NodeAnalytics & { reports: DeliveryReport[]; errors: string[] } {
    const errors: string[] = [];
    const reports: DeliveryReport[] = [];
    const analytics = init({
      writeKey: gateway.writeKey,
      host,
      exitTimeoutMs: 0,
      onError: (error) => errors.push(error.message),
      ...settings,
    });
    analytics.onDelivery((report) => reports.push(report));
    started.push(analytics);
    return Object.assign(Object.create(analytics) as NodeAnalytics, { reports, errors });
  }

  async function readMessages(): Promise<Message[]> {
    const records = await gateway.readLog(since);
    return records.flatMap(({ text }) => (JSON.parse(text) as { batch: Message[] }).batch);
  }

  it('brings every call to the log, in the form of Segment, with the sequence of the process', async () => {
    const analytics = start();
    const to = { userId: 'u1' };
    const ids = [
      analytics.track('Order Completed', { revenue: 12.5, at: new Date(0), note: 'ünïcödé 🎉' }, to),
      analytics.page('Start', { path: '/' }, { anonymousId: 'a1', category: 'docs' }),
      analytics.screen('Home', {}, to),
      analytics.identify('u1', { plan: 'pro' }),
      analytics.group('g1', { seats: 3 }, to),
      analytics.alias('u1', 'a1'),
    ];
    expect(await analytics.flush()).toEqual({ accepted: 6, rejected: 0, waiting: 0 });
    const messages = await readMessages();
    const sorted = messages.sort((a, b) => a.context.sluice!.seq - b.context.sluice!.seq);
    expect(sorted.map(({ messageId }) => messageId)).toEqual(ids);
    expect(sorted.map(({ type }) => type)).toEqual(['track', 'page', 'screen', 'identify', 'group', 'alias']);
    expect(sorted.map(({ context: { sluice } }) => sluice!.seq)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(sorted[0]).toMatchObject({
      userId: 'u1',
      event: 'Order Completed',
      properties: { revenue: 12.5, at: '1970-01-01T00:00:00.000Z', note: 'ünïcödé 🎉' },
      context: { library: { name: '@sluice/sdk' } },
    });
    expect(sorted[0]).not.toHaveProperty('anonymousId');
    expect(sorted[5]).toMatchObject({ userId: 'u1', previousId: 'a1' });
    expect(analytics.reports.map(({ outcome }) => outcome)).toEqual(Array(6).fill('accepted'));
    expect(analytics.errors).toEqual([]);
  });

  /** Runs a pipeline beside the gateway for as long as the work takes. */
  async function withPipeline(work: (stores: Stores) => Promise<void>): Promise<void> {
    const stores = {
      postgres: gateway.database,
      asPipeline: gateway.database,
      clickhouse: await openTestClickHouse(gateway.database.pool),
      log: gateway.log,
      projectId: gateway.projectId,
      dir,
      close: () => Promise.resolve(),
    };
    const pipeline = await runPipeline(stores);
    try {
      await work(stores);
    } finally {
      await pipeline.stop();
      await stores.clickhouse.drop();
    }
  }

  it('lands each event once, through the pipeline, and each shows in the count of its stream', async () => {
    await withPipeline(async (stores) => {
      const analytics = start({ flushAt: 20 });
      for (let n = 0; n < 100; n++) {
        const id = analytics.track('Landed', { n }, { userId: `u${n % 7}` });
        if (n % 10 === 0) analytics.track('Landed', { n }, { userId: `u${n % 7}`, messageId: id });
      }
      const numbered = start();
      for (let n = 0; n < 30; n++) numbered.track('Numbered', { n }, { userId: `u${n % 7}` });
      await analytics.flush();
      await numbered.flush();
      await caughtUp(stores);
      expect(await count(stores, `events where event = 'Landed'`)).toBe(100);
      const found = await stores.postgres.pool.query<{ landed: number; sent: number }>(
        `select sum(landed)::int as landed, max(last_seq)::int as sent from streams
         where stream = (select message #>> '{context,sluice,stream}' from events where event = 'Numbered' limit 1)`,
      );
      expect(found.rows).toEqual([{ landed: 30, sent: 30 }]);
    });
  });

  it('makes no message of a call that is about nobody, and tells', async () => {
    const analytics = start();
    expect(analytics.track('Lost')).toBe('');
    expect(analytics.track('Lost', {}, { userId: '' })).toBe('');
    expect(analytics.alias('u1')).toBe('');
    expect(analytics.errors).toHaveLength(3);
    expect(analytics.errors[0]).toContain('needs a userId or an anonymousId');
    expect(await analytics.flush()).toEqual({ accepted: 0, rejected: 0, waiting: 0 });
  });

  it('gives the calls within a context its user, its context and its session, over awaits', async () => {
    const analytics = start();
    await Promise.all(
      ['u1', 'u2'].map((userId) =>
        analytics.withContext(
          { userId, context: { ip: '203.0.113.7', sessionId: `s-${userId}` } },
          async () => {
            await new Promise((resolve) => setImmediate(resolve));
            analytics.track('Inside', { of: userId });
            analytics.track(
              'Inside',
              { of: userId, own: true },
              { userId: 'other', context: { ip: '198.51.100.1' } },
            );
            expect(analytics.user).toMatchObject({ userId, sessionId: `s-${userId}` });
          },
        ),
      ),
    );
    expect(analytics.track('Outside')).toBe('');
    await analytics.flush();
    const seen = (await readMessages()).map((message) => [
      message.properties!['of'],
      message.userId,
      message.context['ip'],
      message.context.sessionId,
    ]);
    expect(seen.sort()).toEqual([
      ['u1', 'other', '198.51.100.1', 's-u1'],
      ['u1', 'u1', '203.0.113.7', 's-u1'],
      ['u2', 'other', '198.51.100.1', 's-u2'],
      ['u2', 'u2', '203.0.113.7', 's-u2'],
    ]);
  });

  it('puts the ids of the active span into the context', async () => {
    const storage = new AsyncLocalStorage<Context>();
    const manager: ContextManager = {
      active: () => storage.getStore() ?? ROOT_CONTEXT,
      with: (active, work, self, ...args) => storage.run(active, () => work.apply(self as never, args)),
      bind: (_, target) => target,
      enable: () => manager,
      disable: () => manager,
    };
    context.setGlobalContextManager(manager);
    try {
      const analytics = start();
      const ids = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
      const span = trace.wrapSpanContext({ ...ids, traceFlags: 1 });
      context.with(trace.setSpan(ROOT_CONTEXT, span), () => analytics.track('Traced', {}, { userId: 'u1' }));
      analytics.track('Untraced', {}, { userId: 'u1' });
      await analytics.flush();
      const byEvent = new Map(
        (await readMessages()).map((message) => [message.event, message.context['trace']]),
      );
      expect([byEvent.get('Traced'), byEvent.get('Untraced')]).toEqual([ids, undefined]);
    } finally {
      context.disable();
    }
  });

  it('checks the plan: outside it is told of, or dropped too', async () => {
    const plan = { 'Signed Up': z.object({ plan: z.enum(['free', 'pro']) }) };
    const told: string[] = [];
    const settings = {
      writeKey: gateway.writeKey,
      host,
      exitTimeoutMs: 0,
      plan,
      onPlanViolation: (violations: readonly { field: string }[]) =>
        void told.push(...violations.map(({ field }) => field)),
    };
    const [warning, blocking] = [init(settings), init({ ...settings, planMode: 'block' })];
    started.push(warning, blocking);
    const wrong = { plan: 'gold' } as unknown as { plan: 'free' };
    expect(warning.track('Signed Up', wrong, { userId: 'u1' })).not.toBe('');
    expect(blocking.track('Signed Up', wrong, { userId: 'u1' })).toBe('');
    expect(blocking.track('Signed Up', { plan: 'pro' }, { userId: 'u1' })).not.toBe('');
    expect(told).toEqual(['/properties/plan', '/properties/plan']);
    expect([await warning.flush(), await blocking.flush()].map(({ accepted }) => accepted)).toEqual([1, 1]);
  });

  it('reports what the gateway refuses, message by message', async () => {
    const analytics = start();
    const good = analytics.track('Good', {}, { userId: 'u1' });
    const bad = analytics.track('Bad', {}, { userId: 'u1', timestamp: new Date(0) });
    expect(await analytics.flush()).toEqual({ accepted: 1, rejected: 1, waiting: 0 });
    expect(analytics.reports).toMatchObject([
      { outcome: 'accepted', messageId: good },
      { outcome: 'rejected', messageId: bad, code: 'timestamp_out_of_range', field: '/timestamp' },
    ]);
  });

  it('holds producers back while nobody answers, and drops the oldest of those that do not wait', async () => {
    const analytics = start({ host: 'http://127.0.0.1:1', maxOutboxMessages: 100 });
    const ids = Array.from({ length: 150 }, (_, n) => analytics.track('Kept', { n }, { userId: 'u1' }));
    expect(analytics.isFull).toBe(true);
    const dropped = analytics.reports.flatMap((report) =>
      report.outcome === 'dropped' ? [[report.messageId, report.reason]] : [],
    );
    expect(dropped).toEqual(ids.slice(0, 50).map((id) => [id, 'outbox_full']));
    let isReady = false;
    const ready = analytics.ready().then(() => (isReady = true));
    await analytics.flush({ timeoutMs: 200 });
    expect(isReady).toBe(false);
    await analytics.shutdown({ timeoutMs: 100 });
    await ready;
    expect(analytics.track('Late', {}, { userId: 'u1' })).toBe('');
    expect(analytics.errors.at(-1)).toContain('shut down');
  });

  it('tells the server how many messages it had to drop', async () => {
    const analytics = start({ maxOutboxMessages: 10, flushIntervalMs: 60_000, flushAt: 1_000 });
    for (let n = 0; n < 25; n++) analytics.track('Counted', { n }, { userId: 'u1' });
    await analytics.flush();
    // The last one was made before it took the place of another.
    const last = (await readMessages()).at(-1)!;
    expect(last.context.sluice).toMatchObject({ seq: 25, dropped: { outbox_full: 14 } });
  });

  it('keeps the messages of two write keys apart in one spool directory', async () => {
    const spoolDir = join(dir, 'shared');
    const down = { host: 'http://127.0.0.1:1', spoolDir };
    const ours = start(down);
    const theirs = start({ ...down, writeKey: 'swk_other' });
    const id = ours.track('Ours', {}, { userId: 'u1' });
    theirs.track('Theirs', {}, { userId: 'u1' });
    for (const analytics of [ours, theirs]) await analytics.shutdown({ timeoutMs: 50 });
    expect(await readdir(spoolDir)).toHaveLength(2);
    const again = start({ spoolDir });
    expect(await again.flush()).toEqual({ accepted: 1, rejected: 0, waiting: 0 });
    expect((await readMessages()).map(({ messageId }) => messageId)).toEqual([id]);
  });

  it('sends what another process left in the shared spool, beside its own', async () => {
    const spoolDir = join(dir, 'left');
    const down = { host: 'http://127.0.0.1:1', spoolDir };
    // Two at once take two places; only one process comes back.
    const [first, second] = [start(down), start(down)];
    first.track('Left', {}, { userId: 'u1' });
    second.track('Left', {}, { userId: 'u2' });
    for (const analytics of [first, second]) await analytics.shutdown({ timeoutMs: 50 });
    const again = start({ spoolDir, flushIntervalMs: 10 });
    again.track('Left', {}, { userId: 'u3' });
    await expect.poll(async () => (await readMessages()).length, { timeout: 20_000 }).toBe(3);
  });

  it('refuses settings without a key or an address', () => {
    expect(() => init({ writeKey: '', host })).toThrow(TypeError);
    expect(() => init({ writeKey: 'k', host: 'events.example.com' })).toThrow('address of the gateway');
  });
});
