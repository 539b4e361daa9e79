import { describe, expect, it } from 'vitest';
import { rateAt } from './load-metrics.js';
import { ramp, spike, steady } from './schedule.js';

describe('the rate of a schedule', () => {
  it('is that of the moment', () => {
    const burst = spike({ eventsPerSecond: 100, peak: 500, durationMs: 100_000 });
    expect([10_000, 50_000, 90_000].map((atMs) => rateAt(burst, atMs))).toEqual([100, 500, 100]);
  });

  it('rises along a ramp', () => {
    const rising = ramp({ from: 0, to: 1_000, durationMs: 100_000 });
    expect(rateAt(rising, 25_000)).toBeCloseTo(255, -1);
    expect(rateAt(rising, 75_000)).toBeCloseTo(755, -1);
  });

  it('is nothing before and after, and known to the end', () => {
    const flat = steady({ eventsPerSecond: 40, durationMs: 500 });
    expect([-1, 0, 499, 500].map((atMs) => rateAt(flat, atMs))).toEqual([0, 40, 40, 0]);
  });
});
