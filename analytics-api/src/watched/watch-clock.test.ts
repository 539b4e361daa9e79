import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutIntoBuckets } from '../time/buckets.js';
import { findZone } from '../time/zone.js';
import { bucketsBetween, createWatchClock } from './watch-clock.js';

const at = (text: string): number => Date.parse(text);

describe('the buckets of a watch', () => {
  it('begin days at local midnight, also when a day has 23 or 25 hours', () => {
    const clock = createWatchClock('day', findZone('Europe/Berlin')!);
    expect(clock.startOf(at('2026-03-29T12:00:00Z'))).toBe(at('2026-03-28T23:00:00Z'));
    expect(clock.nextAfter(at('2026-03-29T12:00:00Z'))).toBe(at('2026-03-29T22:00:00Z'));
    expect(clock.nextAfter(at('2026-10-24T22:00:00Z'))).toBe(at('2026-10-25T23:00:00Z'));
  });

  it('begin hours where local clocks do', () => {
    const clock = createWatchClock('hour', findZone('Asia/Kolkata')!);
    expect(clock.startOf(at('2026-03-01T12:10:00Z'))).toBe(at('2026-03-01T11:30:00Z'));
    expect(clock.nextAfter(at('2026-03-01T12:10:00Z'))).toBe(at('2026-03-01T12:30:00Z'));
  });

  it('cut an hour in two when clocks are changed by half an hour within it', () => {
    // Lord Howe goes back from 2:00 to 1:30 on 5 April 2026, at 15:00 UTC of the day before.
    const clock = createWatchClock('hour', findZone('Australia/Lord_Howe')!);
    const buckets = bucketsBetween(clock, at('2026-04-04T14:00:00Z'), at('2026-04-04T16:30:00Z'), 10);
    expect(buckets.map(({ startMs }) => new Date(startMs).toISOString().slice(11, 16))).toEqual([
      '14:00',
      '15:00',
      '15:30',
    ]);
  });

  it('follow each other without a gap, and every instant is in the one it should be', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('minute', 'five_minutes', 'quarter_hour', 'hour', 'day'),
        fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe'),
        fc.integer({ min: at('2025-01-01T00:00:00Z'), max: at('2027-01-01T00:00:00Z') }),
        (interval, zone, ms) => {
          const clock = createWatchClock(interval, findZone(zone)!);
          const startMs = clock.startOf(ms);
          const endMs = clock.nextAfter(ms);
          expect(startMs).toBeLessThanOrEqual(ms);
          expect(endMs).toBeGreaterThan(ms);
          expect(clock.startOf(endMs)).toBe(endMs);
          expect(clock.startOf(endMs - 1)).toBe(startMs);
          expect(clock.nextAfter(startMs)).toBe(endMs);
        },
      ),
    );
  });

  it('are the buckets of answers', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('hour', 'day'),
        fc.constantFrom(
          'Europe/Berlin',
          'America/Havana',
          'Pacific/Apia',
          'Australia/Lord_Howe',
          'Africa/Cairo',
        ),
        fc.integer({ min: at('2009-01-01T00:00:00Z'), max: at('2027-01-01T00:00:00Z') }),
        (interval, name, fromMs) => {
          const zone = findZone(name)!;
          const clock = createWatchClock(interval, zone);
          const toMs = fromMs + 80 * 86_400_000;
          const answered = cutIntoBuckets({ fromMs, toMs }, { interval, zone, weekStart: 'monday' })
            .filter(({ partial }) => !partial)
            .map(({ startMs, endMs }) => ({ startMs, endMs }));
          const firstMs = clock.startOf(fromMs) === fromMs ? fromMs : clock.nextAfter(fromMs);
          expect(bucketsBetween(clock, firstMs, toMs)).toEqual(answered);
        },
      ),
    );
  });
});
