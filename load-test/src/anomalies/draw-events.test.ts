import { describe, expect, it } from 'vitest';
import { createRandom } from '@sluice/models/random';
import { dailyRhythm, drawEvents } from './draw-events.js';

describe('drawn events', () => {
  it('are as many as they should be, all within their time', () => {
    const random = createRandom(7);
    const source = { event: 'A', perMinuteAt: () => 20 };
    let count = 0;
    for (let minute = 0; minute < 1_000; minute += 1) {
      const fromMs = minute * 60_000;
      const drawn = drawEvents([source], { fromMs, toMs: fromMs + 60_000, random });
      const times = drawn.map(({ timestamp }) => Date.parse(timestamp));
      expect(times.every((ms) => ms >= fromMs && ms < fromMs + 60_000)).toBe(true);
      count += drawn.length;
    }
    // Five standard deviations of a Poisson count.
    expect(Math.abs(count - 20_000)).toBeLessThan(5 * Math.sqrt(20_000));
  });

  it('are none where the rate is zero', () => {
    const source = { event: 'A', perMinuteAt: () => 0 };
    expect(drawEvents([source], { fromMs: 0, toMs: 60_000, random: createRandom(1) })).toEqual([]);
  });

  it('follow the day', () => {
    const rhythm = dailyRhythm(10);
    expect(rhythm(12 * 3_600_000)).toBeCloseTo(12, 9);
    expect(rhythm(0)).toBeCloseTo(8, 9);
  });
});
