import { describe, expect, it } from 'vitest';
import { dayNumberOf, LocalClock } from './local-clock.js';

const HOUR_MS = 3_600_000;

describe('local clock', () => {
  it('tells the time of the zone through days on which its clocks change', () => {
    for (const zone of [
      'Europe/Berlin',
      'America/New_York',
      'Australia/Lord_Howe',
      'Asia/Kathmandu',
      'UTC',
    ]) {
      const clock = new LocalClock(zone);
      const format = new Intl.DateTimeFormat('sv-SE', {
        timeZone: zone,
        dateStyle: 'short',
        timeStyle: 'short',
      });
      for (let at = Date.UTC(2026, 0, 1); at < Date.UTC(2027, 0, 1); at += 2.5 * HOUR_MS) {
        const local = Date.parse(`${format.format(at).replace(' ', 'T')}:00Z`);
        const { dayNumber, sinceMidnightMs, weekday } = clock.at(at);
        expect(dayNumber * 24 * HOUR_MS + sinceMidnightMs).toBe(local);
        expect(weekday).toBe(new Date(local).getUTCDay());
      }
    }
  });

  it('has no third hour on the day clocks go forward, and two when they go back', () => {
    const clock = new LocalClock('Europe/Berlin');
    const hoursOf = (utcMs: number): number[] =>
      Array.from({ length: 4 }, (_, i) => clock.at(utcMs + i * HOUR_MS).sinceMidnightMs / HOUR_MS);
    expect(hoursOf(Date.UTC(2026, 2, 28, 23))).toEqual([0, 1, 3, 4]);
    expect(hoursOf(Date.UTC(2026, 9, 24, 22))).toEqual([0, 1, 2, 2]);
  });

  it('goes back in time when asked to', () => {
    const clock = new LocalClock('Europe/Berlin');
    const later = clock.at(Date.UTC(2026, 6, 1));
    const earlier = clock.at(Date.UTC(2026, 0, 1));
    expect(later.sinceMidnightMs).toBe(2 * HOUR_MS);
    expect(earlier.sinceMidnightMs).toBe(HOUR_MS);
  });

  it('refuses what is no date', () => {
    expect(dayNumberOf('1970-01-02')).toBe(1);
    for (const text of ['2026-13-01', '1 May', '2026-5-1', '']) {
      expect(() => dayNumberOf(text)).toThrow(RangeError);
    }
  });
});
