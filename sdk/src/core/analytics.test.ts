import { fastCheck, NOT_PLAIN } from '@sluice/contracts';
import { describe, expect, it } from 'vitest';
import { createCore, type CorePorts, type CoreSettings, type Identity } from './analytics.js';
import { createMemoryOutbox } from './memory-outbox.js';
import { createBreaker, createBreakerMemory } from './retry-policy.js';
import { createSender } from './sender.js';
import { createManualTimers } from './testing/index.js';
import type { DeliveryReport, Message } from './types.js';
import { createUuidV7Source } from './uuid-v7.js';

function createTestIdentity(createId: () => string): Identity & { kept: boolean } {
  let anonymousId = createId();
  let userId: string | undefined;
  return {
    kept: false,
    get anonymousId() {
      return anonymousId;
    },
    get userId() {
      return userId;
    },
    setUserId: (id) => void (userId = id),
    reset() {
      anonymousId = createId();
      userId = undefined;
    },
    keep() {
      this.kept = true;
    },
    forget() {
      this.kept = false;
      this.reset();
    },
  };
}

function setUp(settings: Partial<CoreSettings> = {}, ports: Partial<CorePorts> = {}) {
  const timers = createManualTimers();
  const createId = createUuidV7Source(timers.now);
  const identity = createTestIdentity(createId);
  const sent: Message[] = [];
  const errors: Error[] = [];
  const reports: DeliveryReport[] = [];
  const core = createCore(
    {
      writeKey: 'key',
      host: 'https://events.test',
      maxOutboxMessages: 100,
      maxOutboxBytes: 1_000_000,
      maxAgeMs: 1_000_000,
      onError: (error) => errors.push(error),
      ...settings,
    },
    {
      now: timers.now,
      createId,
      identity,
      session: { touch: () => 'session', id: 'session', reset: () => undefined },
      readContext: () => ({ library: { name: '@sluice/sdk', version: '0' }, locale: 'en' }),
      openOutbox: (bounds) => createMemoryOutbox(bounds, timers.now),
      openSender: (outbox, onReports) =>
        createSender({
          outbox,
          onReports,
          timers,
          breaker: createBreaker(timers, () => 0, createBreakerMemory()),
          transport: async (body) => {
            sent.push(...(JSON.parse(body) as { batch: Message[] }).batch);
            return { kind: 'answered', status: 200, retryAfter: null, body: '{"success":true}' };
          },
          writeKey: 'key',
          flushAt: 10,
          maxBatchBytes: 60_000,
          flushIntervalMs: 100,
          timeoutMs: 1_000,
          leaseMs: 2_000,
          onError: (error) => errors.push(error as Error),
        }),
      initialConsent: 'granted',
      ...ports,
    },
  );
  core.analytics.onDelivery((report) => reports.push(report));
  return { timers, core, identity, sent, errors, reports, ...core };
}

describe('the calls', () => {
  it('make messages that the server takes, each with its place in the stream', async () => {
    const { analytics, sent, identity } = setUp();
    const ids = [
      analytics.track('Login', { method: 'password' }),
      analytics.page('Start', { section: 'intro' }, { category: 'docs' }),
      analytics.screen(),
      analytics.identify('u1', { plan: 'pro' }),
      analytics.identify({ seats: 2 }),
      analytics.group('g1', { name: 'Navy' }),
      analytics.alias('u1', 'u0'),
    ];
    expect(await analytics.flush()).toEqual({ accepted: 7, rejected: 0, waiting: 0 });
    expect(sent.map(({ messageId }) => messageId)).toEqual(ids);
    for (const message of sent) {
      const around = {
        receivedAtMs: Date.parse(message.timestamp),
        batchSentAtMs: NaN,
        impliedType: undefined,
        checkStrings: true,
      };
      expect(fastCheck(message, around)).not.toBe(NOT_PLAIN);
    }
    expect(sent.map(({ context }) => context.sluice?.seq)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(new Set(sent.map(({ context }) => context.sluice?.stream)).size).toBe(1);
    expect(sent[0]).toMatchObject({
      type: 'track',
      event: 'Login',
      properties: { method: 'password' },
      anonymousId: identity.anonymousId,
      context: { locale: 'en', sessionId: 'session' },
    });
    expect(sent[1]).toMatchObject({ name: 'Start', category: 'docs', properties: { section: 'intro' } });
    expect(sent[3]).toMatchObject({ type: 'identify', userId: 'u1', traits: { plan: 'pro' } });
    expect(sent[4]).toMatchObject({ type: 'identify', userId: 'u1', traits: { seats: 2 } });
    expect(sent[6]).toMatchObject({ type: 'alias', userId: 'u1', previousId: 'u0' });
  });

  it('take what an option gives in place of their own', async () => {
    const { analytics, sent } = setUp();
    const options = {
      messageId: 'mine',
      timestamp: new Date(0),
      anonymousId: 'a',
      userId: 'u',
      context: { locale: 'de', extra: 1 },
    };
    expect(analytics.track('e', {}, options)).toBe('mine');
    await analytics.flush();
    expect(sent[0]).toMatchObject({
      messageId: 'mine',
      timestamp: '1970-01-01T00:00:00.000Z',
      anonymousId: 'a',
      userId: 'u',
      context: { locale: 'de', extra: 1 },
    });
  });

  it('never throw, and tell what was wrong', () => {
    const { analytics, errors } = setUp();
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    const hostile = {
      get trap() {
        throw new Error('trap');
      },
    };
    expect(analytics.track('')).toBe('');
    expect(analytics.track(undefined as unknown as string)).toBe('');
    expect(analytics.track('e', cyclic)).toBe('');
    expect(analytics.track('e', { big: 1n })).toBe('');
    expect(analytics.track('e', hostile)).toBe('');
    expect(analytics.track('e', {}, { timestamp: new Date(NaN) })).toBe('');
    expect(analytics.identify('')).toBe('');
    expect(errors).toHaveLength(7);
  });

  it('do not suffer from an onError or a listener that throws', async () => {
    const { analytics, reports } = setUp({
      onError: () => {
        throw new Error('of the application');
      },
    });
    analytics.onDelivery(() => {
      throw new Error('of the application');
    });
    analytics.track('');
    analytics.track('e');
    await analytics.flush();
    expect(reports).toHaveLength(1);
  });

  it('leave no gap in the sequence for what never became a message', async () => {
    const { analytics, sent } = setUp({ redact: (message) => (message.event === 'no' ? null : message) });
    analytics.track('yes');
    analytics.track('no');
    analytics.track('e', { big: 1n });
    analytics.track('yes');
    await analytics.flush();
    expect(sent.map(({ context }) => context.sluice?.seq)).toEqual([1, 2]);
  });

  it('tell the server of what was dropped, by reason', async () => {
    const { analytics, sent, reports } = setUp({ maxOutboxMessages: 3 });
    for (let i = 0; i < 5; i++) analytics.track('e');
    analytics.track('large', { text: 'x'.repeat(40_000) });
    analytics.track('last');
    await analytics.flush();
    expect(sent.map(({ context }) => context.sluice?.seq)).toEqual([4, 5, 7]);
    expect(sent[2]?.context.sluice?.dropped).toEqual({ outbox_full: 2, too_large: 1 });
    expect(reports.filter(({ outcome }) => outcome === 'dropped')).toHaveLength(4);
  });

  it('send what redact makes of them, and drop what it throws at', async () => {
    const { analytics, sent, errors } = setUp({
      redact(message) {
        if (message.event === 'bad') throw new Error('no');
        return { ...message, properties: { email: '***' } };
      },
    });
    analytics.track('good', { email: 'grace@navy.mil' });
    expect(analytics.track('bad')).toBe('');
    await analytics.flush();
    expect(sent.map(({ properties }) => properties)).toEqual([{ email: '***' }]);
    expect(errors).toHaveLength(1);
  });

  it('are dropped and told after a shutdown, which delivers what was before', async () => {
    const { analytics, sent, errors } = setUp();
    analytics.track('before');
    expect(await analytics.shutdown()).toEqual({ accepted: 1, rejected: 0, waiting: 0 });
    expect(analytics.track('after')).toBe('');
    expect([sent.length, errors.length]).toEqual([1, 1]);
  });
});

describe('reset', () => {
  it('forgets the user and still delivers what was tracked as them', async () => {
    const { analytics, sent } = setUp();
    analytics.identify('u1');
    const before = analytics.user.anonymousId;
    analytics.reset();
    analytics.track('e');
    await analytics.flush();
    expect(sent.map(({ userId }) => userId)).toEqual(['u1', undefined]);
    expect(sent[1]?.anonymousId).not.toBe(before);
  });
});

describe('consent', () => {
  it('keeps messages in memory while pending and delivers them once granted', async () => {
    let opened = 0;
    const { analytics, identity, sent, timers } = setUp(
      {},
      {
        initialConsent: 'pending',
        openOutbox(bounds) {
          opened++;
          return createMemoryOutbox(bounds, () => 0);
        },
      },
    );
    analytics.track('a');
    analytics.track('b');
    await timers.pass(10_000);
    expect([opened, identity.kept, sent.length]).toEqual([0, false, 0]);
    expect(await analytics.flush()).toEqual({ accepted: 0, rejected: 0, waiting: 2 });
    analytics.consent.grant();
    expect([identity.kept, analytics.consent.status]).toEqual([true, 'granted']);
    await analytics.flush();
    expect(sent.map(({ event }) => event)).toEqual(['a', 'b']);
  });

  it('holds no more messages while pending than the outbox would', () => {
    const { analytics, reports } = setUp({ maxOutboxMessages: 2 }, { initialConsent: 'pending' });
    const ids = ['a', 'b', 'c'].map((event) => analytics.track(event));
    expect(reports).toEqual([{ outcome: 'dropped', messageId: ids[0], reason: 'outbox_full' }]);
  });

  it('purges everything when denied, and takes nothing more', async () => {
    const { analytics, identity, sent, reports, errors, timers } = setUp();
    const id = analytics.track('a');
    const anonymousId = identity.anonymousId;
    analytics.consent.deny();
    expect(analytics.track('b')).toBe('');
    expect(reports).toEqual([{ outcome: 'dropped', messageId: id, reason: 'consent_denied' }]);
    expect(analytics.user).toMatchObject({ anonymousId: '', userId: undefined });
    await timers.pass(10_000);
    expect([sent.length, errors.length, identity.kept]).toEqual([0, 1, false]);

    analytics.consent.grant();
    analytics.track('c');
    await analytics.flush();
    expect(sent.map(({ event }) => event)).toEqual(['c']);
    expect(sent[0]?.anonymousId).not.toBe(anonymousId);
  });

  it('drops what waited for it when denied', () => {
    const { analytics, reports } = setUp({}, { initialConsent: 'pending' });
    const id = analytics.track('a');
    analytics.consent.deny();
    expect(reports).toEqual([{ outcome: 'dropped', messageId: id, reason: 'consent_denied' }]);
  });
});
