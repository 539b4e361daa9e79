import type { HealthSignal, WatchMetric } from '@sluice/contracts';
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

type Bots = 'include' | 'exclude' | 'only';

/** What one series measures. */
export type SeriesMetric =
  | { kind: 'events'; event: string | null; type: string | null; bots: Bots }
  | { kind: 'health'; signal: HealthSignal }
  | { kind: 'revenue'; currency: string; bots: Bots }
  | { kind: 'saved'; name: string; parameters: Record<string, string | string[]>; series: string | null };

/** What a series measures and how often: when this changes, its past says nothing of its future. */
export type Measured = SeriesMetric & { interval: WatchInterval };

/** One series of a watch, and where its monitor stands. */
export interface WatchedSeries {
  seriesId: number;
  watchId: number;
  /** Which one within the watch; empty for the only or total one. */
  series: string;
  kind: 'count' | 'level';
  measured: Measured;
  detector: string;
  detectorVersion: number;
  /** The next bucket to judge. */
  nextMs: number;
  /** Buckets that start before this one are judged without notifying anybody. */
  watchedSinceMs: number;
  snoozedUntilMs: number | undefined;
  /** What is closed of it is not final yet: it is not behind. */
  isWaiting?: boolean;
}

/** Counts are judged by a model of counts, anything else by an ensemble. */
export function kindOfMetric(metric: SeriesMetric): 'count' | 'level' {
  if (metric.kind === 'events') return 'count';
  if (metric.kind === 'health') return metric.signal === 'lag' ? 'level' : 'count';
  return 'level';
}
