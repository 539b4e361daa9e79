import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ramp, spike, steady } from './schedule.js';

describe('schedules', () => {
  it('spaces the events of a steady rate evenly', () => {
    const schedule = steady({ eventsPerSecond: 100, durationMs: 2_000 });
    expect(schedule.total).toBe(200);
    expect(schedule.dueAt(0)).toBe(0);
    expect(schedule.dueAt(50)).toBeCloseTo(500);
    expect(schedule.dueAt(199)).toBeCloseTo(1_990);
  });

  it('has sent a quarter of a ramp from nothing when half of its time is over', () => {
    const schedule = ramp({ from: 0, to: 200, durationMs: 10_000 });
    expect(schedule.total).toBe(1_000);
    expect(schedule.dueAt(250)).toBeCloseTo(5_000);
  });

  it('sends at the peak rate in the middle fifth of a spike', () => {
    const schedule = spike({ eventsPerSecond: 10, peak: 1_000, durationMs: 10_000 });
    expect(schedule.total).toBe(40 + 2_000 + 40);
    expect(schedule.dueAt(40)).toBeCloseTo(4_000);
    expect(schedule.dueAt(1_040)).toBeCloseTo(5_000);
    expect(schedule.dueAt(2_040)).toBeCloseTo(6_000);
  });

  it('never goes back in time and ends within its duration', () => {
    const rate = fc.integer({ min: 1, max: 500 });
    fc.assert(
      fc.property(rate, rate, fc.integer({ min: 500, max: 5_000 }), (a, b, durationMs) => {
        for (const schedule of [
          steady({ eventsPerSecond: a, durationMs }),
          ramp({ from: a, to: b, durationMs }),
          spike({ eventsPerSecond: a, peak: b, durationMs }),
        ]) {
          let before = 0;
          for (let n = 0; n < schedule.total; n++) {
            const at = schedule.dueAt(n);
            expect(at).toBeGreaterThanOrEqual(before - 1e-6);
            expect(at).toBeLessThanOrEqual(durationMs + 1e-6);
            before = at;
          }
        }
      }),
      { numRuns: 30 },
    );
  });
});
