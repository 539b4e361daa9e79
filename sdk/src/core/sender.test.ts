import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMemoryOutbox } from './memory-outbox.js';
import { createBreaker, createBreakerMemory } from './retry-policy.js';
import { createSender, type SenderOptions } from './sender.js';
import { createManualTimers, messageOf } from './testing/index.js';
import type { TransportAnswer } from './transport.js';
import type { DeliveryReport } from './types.js';

interface Request {
  ids: string[];
  atMs: number;
}

const answer = (status: number, body: unknown, retryAfter: string | null = null): TransportAnswer => ({
  kind: 'answered',
  status,
  retryAfter,
  body: JSON.stringify(body),
});
const ACCEPTED = answer(200, { success: true, accepted: 1, rejected: [], durability: 'log' });
const UNAVAILABLE = answer(503, { code: 'overloaded', message: 'busy' });
const RESET: TransportAnswer = { kind: 'failed', reason: 'reset' };

type Server = (request: Request) => TransportAnswer | Promise<TransportAnswer>;

function setUp(serve: Server = () => ACCEPTED, more: Partial<SenderOptions> = {}) {
  const timers = createManualTimers();
  const requests: Request[] = [];
  const reports: DeliveryReport[] = [];
  const errors: unknown[] = [];
  const outbox = createMemoryOutbox(
    { maxMessages: 1_000, maxBytes: 1_000_000, maxAgeMs: 3_600_000, onDrop: () => undefined },
    timers.now,
  );
  const startMs = timers.now();
  const sender = createSender({
    outbox,
    timers,
    breaker: createBreaker(timers, () => 0, createBreakerMemory()),
    transport: async (body) => {
      const { batch, writeKey, sentAt } = JSON.parse(body) as {
        batch: { messageId: string }[];
        writeKey: string;
        sentAt: string;
      };
      expect([writeKey, Date.parse(sentAt)]).toEqual(['key', timers.now()]);
      const request = { ids: batch.map(({ messageId }) => messageId), atMs: timers.now() - startMs };
      requests.push(request);
      return serve(request);
    },
    writeKey: 'key',
    flushAt: 10,
    maxBatchBytes: 60_000,
    flushIntervalMs: 1_000,
    timeoutMs: 5_000,
    leaseMs: 10_000,
    onReports: (told) => reports.push(...told),
    onError: (error) => errors.push(error),
    ...more,
  });
  let next = 0;
  const track = (count: number): string[] =>
    Array.from({ length: count }, () => {
      const message = messageOf(next++, timers.now());
      outbox.append(message);
      sender.wake();
      return message.messageId;
    });
  return { timers, requests, reports, errors, outbox, sender, track };
}

describe('createSender', () => {
  it('gathers for an interval and sends once, in order', async () => {
    const { timers, requests, reports, outbox, track } = setUp();
    const ids = track(3);
    await timers.pass(999);
    expect(requests).toEqual([]);
    await timers.pass(1);
    expect(requests.map((request) => request.ids)).toEqual([ids]);
    expect(reports).toEqual(ids.map((messageId) => ({ outcome: 'accepted', messageId, durability: 'log' })));
    expect(outbox.size).toBe(0);
  });

  it('does not wait when as many messages are there as a request takes', async () => {
    const { timers, requests, track } = setUp();
    track(25);
    await timers.pass(0);
    expect(requests.map(({ ids }) => ids.length)).toEqual([10, 10, 5]);
  });

  it('sends what was appended while a request was in the air', async () => {
    let finish: (answer: TransportAnswer) => void = () => undefined;
    const { timers, requests, outbox, track } = setUp(({ atMs }) =>
      atMs === 1_000 ? new Promise((resolve) => (finish = resolve)) : ACCEPTED,
    );
    track(1);
    await timers.pass(1_000);
    track(1);
    await timers.pass(1_000);
    expect(requests).toHaveLength(1);
    finish(ACCEPTED);
    await timers.settle();
    expect(requests).toHaveLength(2);
    expect(outbox.size).toBe(0);
  });

  it.each([
    ['503', UNAVAILABLE],
    ['resets', RESET],
  ])(
    'sends at most three requests in 12 s of %s however much is tracked, and everything after it',
    async (_name, failure) => {
      const { timers, requests, reports, track, sender, outbox } = setUp(({ atMs }) =>
        atMs < 12_000 ? failure : ACCEPTED,
      );
      const ids: string[] = [];
      for (let second = 0; second < 12; second++) {
        ids.push(...track(12));
        sender.sendNow(60_000);
        await timers.pass(1_000);
      }
      expect(requests.filter(({ atMs }) => atMs < 12_000).length).toBeLessThanOrEqual(3);
      await timers.pass(20_000);
      expect(reports.map(({ messageId }) => messageId).sort()).toEqual(ids);
      expect(outbox.size).toBe(0);
    },
  );

  it('waits out a Retry-After', async () => {
    const { timers, requests, track } = setUp(({ atMs }) =>
      atMs < 9_000 ? answer(429, { code: 'rate_limited' }, '8') : ACCEPTED,
    );
    track(1);
    await timers.pass(8_999);
    expect(requests).toHaveLength(1);
    await timers.pass(1_001);
    expect(requests.map(({ atMs }) => atMs)).toEqual([1_000, 9_000]);
  });

  it('reports each rejected message with its code and does not send it again', async () => {
    const rejection = { index: 1, code: 'event_not_defined', field: '/event', message: 'no event' };
    const { timers, requests, reports, track } = setUp(({ ids }) =>
      answer(200, { success: false, accepted: 1, rejected: [{ ...rejection, messageId: ids[1] }] }),
    );
    const [first, second] = track(2);
    await timers.pass(60_000);
    expect(requests).toHaveLength(1);
    expect(reports).toEqual([
      { outcome: 'accepted', messageId: first, durability: 'log' },
      {
        outcome: 'rejected',
        messageId: second,
        code: 'event_not_defined',
        field: '/event',
        message: 'no event',
      },
    ]);
  });

  it('reports every message of a request that is refused for good', async () => {
    const { timers, requests, reports, outbox, track } = setUp(() =>
      answer(401, { code: 'project_not_found', message: 'unknown key' }),
    );
    track(2);
    await timers.pass(60_000);
    expect(requests).toHaveLength(1);
    expect(reports.map(({ outcome }) => outcome)).toEqual(['rejected', 'rejected']);
    expect(outbox.size).toBe(0);
  });

  it('sends at once what a page that may end has, and never twice what is in the air', async () => {
    let finish: (answer: TransportAnswer) => void = () => undefined;
    const { timers, requests, outbox, sender, track } = setUp(
      () => new Promise((resolve) => (finish = resolve)),
    );
    const ids = track(2);
    sender.sendNow(60_000);
    expect(requests.map((request) => request.ids)).toEqual([ids]);
    await timers.pass(9_000);
    expect(requests).toHaveLength(1);
    finish(ACCEPTED);
    await timers.pass(20_000);
    expect(requests).toHaveLength(1);
    expect(outbox.size).toBe(0);
  });

  it('frees what was in the air of a page that was suspended only when the lease runs out', async () => {
    let finish: (answer: TransportAnswer) => void = () => undefined;
    const { timers, requests, sender, outbox, track } = setUp(({ atMs }) =>
      atMs === 0 ? new Promise((resolve) => (finish = resolve)) : ACCEPTED,
    );
    track(1);
    sender.sendNow(60_000);
    sender.suspend();
    finish(RESET);
    await timers.pass(2_000);
    sender.resume();
    await timers.pass(7_000);
    expect(requests).toHaveLength(1);
    await timers.pass(10_000);
    expect(requests).toHaveLength(2);
    expect(outbox.size).toBe(0);
  });

  it('sends nothing while offline', async () => {
    let isOnline = false;
    const { timers, requests, sender, track } = setUp(undefined, { isOnline: () => isOnline });
    track(1);
    sender.sendNow(60_000);
    await timers.pass(500_000);
    expect(requests).toEqual([]);
    isOnline = true;
    sender.wake();
    await timers.pass(1_000);
    expect(requests).toHaveLength(1);
  });

  describe('flush', () => {
    it('resolves once everything has its verdict', async () => {
      const { sender, track } = setUp();
      track(25);
      expect(await sender.flush()).toEqual({ accepted: 25, rejected: 0, waiting: 0 });
    });

    it('tries again within its time', async () => {
      const { timers, sender, track } = setUp(({ atMs }) => (atMs < 2_000 ? RESET : ACCEPTED));
      track(1);
      const flushing = sender.flush(5_000);
      await timers.pass(5_000);
      expect(await flushing).toEqual({ accepted: 1, rejected: 0, waiting: 0 });
    });

    it('resolves at once when the next try lies beyond its time', async () => {
      const { sender, track } = setUp(() => RESET);
      track(2);
      expect(await sender.flush(1_000)).toEqual({ accepted: 0, rejected: 0, waiting: 2 });
    });

    it('resolves when its time is over though a request is in the air', async () => {
      const { timers, sender, track } = setUp(() => new Promise(() => undefined));
      track(1);
      const flushing = sender.flush(2_000);
      await timers.pass(2_000);
      expect(await flushing).toEqual({ accepted: 0, rejected: 0, waiting: 1 });
    });
  });

  it('gives every message exactly one verdict, whatever the server answers when', async () => {
    const fate = fc.constantFrom<TransportAnswer>(ACCEPTED, ACCEPTED, UNAVAILABLE, RESET);
    const step = fc.record({
      tracked: fc.integer({ min: 0, max: 15 }),
      passMs: fc.integer({ min: 0, max: 4_000 }),
      now: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(fate), fc.array(step, { maxLength: 8 }), async (fates, steps) => {
        const { timers, track, reports, sender, outbox } = setUp(() => fates.shift() ?? ACCEPTED);
        const ids: string[] = [];
        for (const { tracked, passMs, now } of steps) {
          ids.push(...track(tracked));
          if (now) sender.sendNow(60_000);
          await timers.pass(passMs);
        }
        await timers.pass(2_000_000);
        expect(reports.map(({ messageId }) => messageId).sort()).toEqual(ids);
        expect(outbox.size).toBe(0);
      }),
      { numRuns: 50 },
    );
  });
});
