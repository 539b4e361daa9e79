import { describe, expect, it } from 'vitest';
import { createDayShare } from './day-share.js';

describe('share of the day', () => {
  it.each([
    ['UTC', '2026-03-01T06:00:00Z', 0.25],
    ['Europe/Berlin', '2026-03-28T23:00:00Z', 0],
    ['Europe/Berlin', '2026-03-29T00:59:00Z', 119 / 1_440],
    ['Europe/Berlin', '2026-03-29T01:00:00Z', 180 / 1_440],
    ['Asia/Kolkata', '2026-03-01T00:00:00Z', 330 / 1_440],
    ['America/St_Johns', '2026-01-01T03:30:00Z', 0],
    ['UTC', '1969-12-31T18:00:00Z', 0.75],
  ])('in %s at %s', (timeZone, time, share) => {
    expect(createDayShare(timeZone)(Date.parse(time))).toBeCloseTo(share, 12);
  });

  it('follows a change of the clocks from one instant to the next', () => {
    const dayShare = createDayShare('Europe/Berlin');
    const shares = ['2026-03-29T00:59:00Z', '2026-03-29T01:00:00Z', '2026-03-29T00:59:00Z'].map((time) =>
      Math.round(dayShare(Date.parse(time)) * 1_440),
    );
    expect(shares).toEqual([119, 180, 119]);
  });

  it('refuses a zone that is none', () => {
    expect(() => createDayShare('Mars/Olympus')).toThrow(RangeError);
  });
});
