import { build, type Histogram } from 'hdr-histogram-js';

export interface LatencySummary {
  p50: number;
  p95: number;
  p99: number;
  p999: number;
  max: number;
  mean: number;
}

/** Latencies with three significant digits, 1 µs to 10 minutes, in constant memory. */
export interface LatencyRecorder {
  record(milliseconds: number): void;
  readonly count: number;
  /** Milliseconds. */
  summary(): LatencySummary;
}

export function createLatencyRecorder(): LatencyRecorder {
  const histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 600_000_000,
    numberOfSignificantValueDigits: 3,
  });
  return {
    record(milliseconds) {
      histogram.recordValue(Math.min(600_000_000, Math.max(1, Math.round(milliseconds * 1_000))));
    },
    get count() {
      return histogram.totalCount;
    },
    summary: () => ({
      p50: inMs(histogram.getValueAtPercentile(50)),
      p95: inMs(histogram.getValueAtPercentile(95)),
      p99: inMs(histogram.getValueAtPercentile(99)),
      p999: inMs(histogram.getValueAtPercentile(99.9)),
      max: inMs(histogram.maxValue),
      mean: inMs(histogram.totalCount === 0 ? 0 : histogram.mean),
    }),
  };
}

function inMs(microseconds: number): number {
  return Math.round(microseconds) / 1_000;
}
