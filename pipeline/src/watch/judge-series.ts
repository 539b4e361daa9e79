import type { Values, WatchBucket } from '@sluice/analytics-api/watched';
import type { Judgement, MonitorOptions, SeriesMonitor } from '@sluice/models/anomaly';
import type { WatchedSeries } from './watched-series.js';

/** Makes the monitor of a series: a new one, or one that goes on from what it saved. */
export type CreateSeriesMonitor = (options: MonitorOptions, saved?: Uint8Array) => SeriesMonitor;

export type Feedback = 'true_alarm' | 'false_alarm';

/** What somebody said of an anomaly and the monitor does not know yet. */
export interface NewFeedback {
  anomalyId: number;
  feedback: Feedback;
}

/** A bucket with what the monitor said of it. */
export interface JudgedBucket extends WatchBucket {
  judgement: Judgement;
}

/** What a slice came to for one series. */
export interface JudgedSeries {
  series: WatchedSeries;
  fromMs: number;
  toMs: number;
  state: Uint8Array;
  detector: string;
  detectorVersion: number;
  buckets: JudgedBucket[];
  learned: readonly NewFeedback[];
}

/** Learns the feedback, then judges the buckets from the series' next one on, in order. */
export function judgeSeries(
  series: WatchedSeries,
  monitor: SeriesMonitor,
  slice: { buckets: readonly WatchBucket[]; values: Values; feedback: readonly NewFeedback[] },
): JudgedSeries {
  for (const { feedback } of slice.feedback) monitor.learn(feedback);
  const buckets = slice.buckets.map(({ startMs, endMs }, index): JudgedBucket => ({
    startMs,
    endMs,
    judgement: monitor.step({ startMs, value: slice.values[index] ?? null }),
  }));
  return {
    series,
    fromMs: series.nextMs,
    toMs: buckets.at(-1)?.endMs ?? series.nextMs,
    state: monitor.save(),
    detector: monitor.detector,
    detectorVersion: monitor.detectorVersion,
    buckets,
    learned: slice.feedback,
  };
}
