import { ERRORS } from '@sluice/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBreaker, createBreakerMemory, readVerdicts, waitAfter } from './retry-policy.js';

const IDS = ['a', 'b'];

const answered = (status: number, body: unknown) =>
  readVerdicts(
    {
      kind: 'answered',
      status,
      retryAfter: null,
      body: typeof body === 'string' ? body : JSON.stringify(body),
    },
    IDS,
  );

describe('readVerdicts', () => {
  it('takes the verdict of each message from a 200 of the gateway', () => {
    const rejected = [{ index: 1, messageId: 'b', code: 'unknown_type', field: '/type', message: 'no' }];
    expect(
      answered(200, { success: false, accepted: 1, rejected, durability: 'disk', watermark: null }),
    ).toEqual([
      { outcome: 'accepted', messageId: 'a', durability: 'disk' },
      { outcome: 'rejected', messageId: 'b', code: 'unknown_type', field: '/type', message: 'no' },
    ]);
  });

  it('decides every code of the table as the table says', () => {
    for (const [code, { status, retryable }] of Object.entries(ERRORS)) {
      if (code === 'receipt_not_found') continue;
      const verdicts = answered(status, { code, message: 'text' });
      if (retryable) expect([code, verdicts]).toEqual([code, undefined]);
      else {
        const rejection = { outcome: 'rejected', code, field: null, message: 'text' };
        expect(verdicts).toEqual(IDS.map((messageId) => ({ ...rejection, messageId })));
      }
    }
  });

  it('takes no verdict from what a newer server calls retryable by a status it does not know', () => {
    expect(answered(425, { code: 'some_new_code', retryable: true })).toBeUndefined();
  });

  it.each([
    [200, '<html>Please log in to the Wi-Fi</html>'],
    [200, ''],
    [200, 'null'],
    [200, '[]'],
    [204, ''],
    [302, '{"code":"not_found"}'],
    [404, 'Not Found'],
    [413, '<html>nginx</html>'],
    [502, '<html>Bad Gateway</html>'],
    [503, 'null'],
  ])('takes no verdict from a %i that is not the gateway’s own: %j', (status, body) => {
    expect(answered(status, body)).toBeUndefined();
  });

  it('takes no verdict from no answer', () => {
    expect(readVerdicts({ kind: 'failed', reason: 'reset' }, IDS)).toBeUndefined();
  });
});

describe('waitAfter', () => {
  const nowMs = Date.UTC(2026, 4, 1, 12);
  const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  it('grows with each failure, spread over the whole width of the wait, up to a bound', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fraction, (failures, random) => {
        const floor = Math.min(4_000 * 2 ** (failures - 1), 300_000);
        expect(waitAfter(failures, null, nowMs, random)).toBe(floor * (1 + random));
      }),
    );
  });

  it('lets no more than two requests go within 12 seconds of an outage', () => {
    fc.assert(
      fc.property(fraction, fraction, (a, b) => {
        const thirdMs = waitAfter(1, null, nowMs, a) + waitAfter(2, null, nowMs, b);
        expect(thirdMs).toBeGreaterThanOrEqual(12_000);
      }),
    );
  });

  it('waits as long as the server asks, in seconds or until a date, and hardly longer', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3_600 }), fraction, (seconds, random) => {
        const date = new Date(nowMs + seconds * 1_000).toUTCString();
        for (const retryAfter of [String(seconds), ` ${seconds} `, date]) {
          const waitMs = waitAfter(1, retryAfter, nowMs, random);
          expect(waitMs).toBeGreaterThanOrEqual(seconds * 1_000);
          expect(waitMs).toBeLessThanOrEqual(seconds * 1_000 + 1_000);
        }
      }),
    );
  });

  it('waits an hour at most, and by its own measure when the server asks for nothing sensible', () => {
    expect(waitAfter(1, '999999999', nowMs, 0)).toBe(3_600_000);
    for (const nonsense of ['soon', '', '-5', '0', new Date(nowMs - 1_000).toUTCString()]) {
      expect(waitAfter(1, nonsense, nowMs, 0)).toBe(4_000);
    }
  });
});

describe('createBreaker', () => {
  it('is open from a failure until its wait is over, and closes with a success', () => {
    let nowMs = 1_000_000;
    const breaker = createBreaker({ now: () => nowMs }, () => 0, createBreakerMemory());
    expect(breaker.waitMs()).toBe(0);
    breaker.fail(null);
    expect(breaker.waitMs()).toBe(4_000);
    nowMs += 4_000;
    expect(breaker.waitMs()).toBe(0);
    breaker.fail(null);
    expect(breaker.waitMs()).toBe(8_000);
    breaker.succeed();
    expect(breaker.waitMs()).toBe(0);
    breaker.fail(null);
    expect(breaker.waitMs()).toBe(4_000);
  });

  it('shares its state with all who use one store', () => {
    const store = createBreakerMemory();
    const [a, b] = [0, 1].map(() => createBreaker({ now: () => 0 }, () => 0, store)) as [
      ReturnType<typeof createBreaker>,
      ReturnType<typeof createBreaker>,
    ];
    a.fail('8');
    expect(b.waitMs()).toBe(8_000);
    b.succeed();
    expect(a.waitMs()).toBe(0);
  });

  it('is not held open by a clock that was set back', () => {
    let nowMs = 10 * 24 * 3_600_000;
    const breaker = createBreaker({ now: () => nowMs }, () => 0, createBreakerMemory());
    breaker.fail(null);
    nowMs = 0;
    expect(breaker.waitMs()).toBe(0);
  });
});
