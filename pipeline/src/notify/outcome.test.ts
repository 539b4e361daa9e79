import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_ATTEMPTS, outcomeOfStatus, pauseAfter, readRetryAfter } from './outcome.js';

describe('what became of an attempt', () => {
  it('follows from the status', () => {
    expect(outcomeOfStatus(204, undefined).kind).toBe('delivered');
    expect(outcomeOfStatus(301, undefined).kind).toBe('refused');
    expect(outcomeOfStatus(404, undefined).kind).toBe('retry');
    expect(outcomeOfStatus(410, undefined).kind).toBe('gone');
    expect(outcomeOfStatus(429, 3_000)).toMatchObject({ kind: 'retry', retryAfterMs: 3_000 });
    expect(outcomeOfStatus(503, undefined).kind).toBe('retry');
  });
});

describe('the pause between attempts', () => {
  it('grows, is cut by chance to a half at most, and is as long as the receiver asks for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: MAX_ATTEMPTS }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.option(fc.integer({ min: 0, max: 86_400_000 }), { nil: undefined }),
        (attempt, drawn, retryAfterMs) => {
          const full = Math.min(4 * 3_600_000, 5_000 * 2 ** (attempt - 1));
          const pauseMs = pauseAfter(attempt, { random: () => drawn, retryAfterMs });
          expect(pauseMs).toBeGreaterThanOrEqual(full / 2);
          expect(pauseMs).toBeGreaterThanOrEqual(retryAfterMs ?? 0);
          expect(pauseMs).toBeLessThanOrEqual(Math.max(full, retryAfterMs ?? 0));
        },
      ),
    );
  });

  it('is a day at most, whatever the receiver asks for', () => {
    expect(pauseAfter(1, { random: () => 0, retryAfterMs: 1e12 })).toBe(86_400_000);
  });

  it('reads Retry-After as seconds and as a date', () => {
    const nowMs = Date.parse('2026-01-01T00:00:00Z');
    expect(readRetryAfter('120', nowMs)).toBe(120_000);
    expect(readRetryAfter('Thu, 01 Jan 2026 00:01:00 GMT', nowMs)).toBe(60_000);
    expect(readRetryAfter('Thu, 01 Jan 2015 00:01:00 GMT', nowMs)).toBe(0);
    expect(readRetryAfter('soon', nowMs)).toBeUndefined();
    expect(readRetryAfter(undefined, nowMs)).toBeUndefined();
  });
});
