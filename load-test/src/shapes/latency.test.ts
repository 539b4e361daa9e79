import { describe, expect, it } from 'vitest';
import { createLatencyRecorder } from './latency.js';

describe('createLatencyRecorder', () => {
  it('reports percentiles within a thousandth', () => {
    const recorder = createLatencyRecorder();
    for (let ms = 1; ms <= 1_000; ms++) recorder.record(ms);
    const { p50, p95, p99, max, mean } = recorder.summary();
    expect(Math.abs(p50 - 500)).toBeLessThan(1);
    expect(Math.abs(p95 - 950)).toBeLessThan(2);
    expect(Math.abs(p99 - 990)).toBeLessThan(2);
    expect(Math.abs(max - 1_000)).toBeLessThan(2);
    expect(Math.abs(mean - 500.5)).toBeLessThan(1);
  });

  it('reports zeros when nothing was recorded, and survives absurd values', () => {
    const recorder = createLatencyRecorder();
    expect(recorder.summary()).toMatchObject({ p50: 0, max: 0, mean: 0 });
    recorder.record(-5);
    recorder.record(1e12);
    expect(recorder.count).toBe(2);
  });
});
