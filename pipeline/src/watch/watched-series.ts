import type { SeriesKind, SeriesMetric } from '@sluice/analytics-api/watched';
import type { WatchMetric } from '@sluice/contracts';
import type { Direction, WatchInterval } from '@sluice/models/anomaly';

/** A watch, as it is to be carried out. */
export interface Watch {
  watchId: number;
  projectId: number;
  name: string;
  metric: WatchMetric;
  interval: WatchInterval;
  directions: Direction[];
  falseAlertsPerMonth: number;
  /** Local dates. */
  holidays: string[];
  latenessMs: number;
  backfillDays: number;
  /** IANA zone of the project. */
  timezone: string;
}

/** What a series measures and how often: when this changes, its past says nothing of its future. */
export type Measured = SeriesMetric & { interval: WatchInterval };

/** One series of a watch, and where its monitor stands. */
export interface WatchedSeries {
  seriesId: number;
  watchId: number;
  /** Which one within the watch; empty for the only or total one. */
  series: string;
  kind: SeriesKind;
  measured: Measured;
  detector: string;
  detectorVersion: number;
  /** The next bucket to judge. */
  nextMs: number;
  /** Buckets that start before this one are judged without notifying anybody. */
  watchedSinceMs: number;
  /** The last look at it failed. */
  hasFailed: boolean;
  /** What is closed of it is not final yet: it is not behind. */
  isWaiting?: boolean;
}
