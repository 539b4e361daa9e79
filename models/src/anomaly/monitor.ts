/** One closed bucket of a series, in the order of time. */
export interface Point {
  /** Start of the bucket, milliseconds since 1970, UTC. */
  startMs: number;
  /** What was counted or measured in it; null: not known, which is not zero. */
  value: number | null;
}

export type Direction = 'up' | 'down';

/** Length of the buckets of a watched series. */
export const BUCKET_MS = {
  minute: 60_000,
  five_minutes: 300_000,
  quarter_hour: 900_000,
  hour: 3_600_000,
  day: 86_400_000,
} as const;
export type WatchInterval = keyof typeof BUCKET_MS;

export interface MonitorOptions {
  /** `count`: events of a bucket, judged by a seasonal count model. `level`: any other number, judged by an ensemble. */
  kind: 'count' | 'level';
  interval: WatchInterval;
  /** IANA zone whose hours, weekdays and days count. */
  timeZone: string;
  /** Local dates (`2026-12-25`) that are like no weekday. Default none. */
  holidays?: readonly string[];
  /** Incidents that may open by chance, a series and 30 days. Default 1. */
  falseAlertsPerMonth?: number;
  /** Which way out of the ordinary counts. Default both. */
  directions?: readonly Direction[];
}

/** What a monitor says of one bucket. The band is what it expected before it saw the value. */
export interface Verdict {
  startMs: number;
  observed: number | null;
  /** Null while there is too little history to expect anything. */
  expected: number | null;
  /** Outside of [lower, upper] a value alerts at the configured rate of false alerts. */
  lower: number | null;
  upper: number | null;
  /** Probability of a value at least as far out, if nothing is wrong; 1 while nothing can be said. */
  tailProbability: number;
  direction: Direction | null;
  /** Out of the ordinary at the configured rate, taken alone. */
  isAnomalous: boolean;
}

/** What becomes of the series' one open incident with this bucket. */
export type Transition =
  | { kind: 'none' }
  | { kind: 'opened'; direction: Direction; sinceMs: number }
  | { kind: 'continued' }
  | { kind: 'resolved' };

export interface Judgement {
  verdict: Verdict;
  transition: Transition;
}

/**
 * Watches one series: its detector and the incident that may be open. Strictly causal: what it says of a bucket depends on
 * earlier buckets and the bucket itself. A monitor continued from what `save` gave says what one would say that never
 * stopped, bit by bit.
 */
export interface SeriesMonitor {
  readonly detector: string;
  readonly detectorVersion: number;
  step(point: Point): Judgement;
  /** What somebody said of an incident: false alarms make the series less sensitive, true ones no more than as configured. */
  learn(feedback: 'true_alarm' | 'false_alarm'): void;
  /** All of its state, small enough for a row (a few tens of kilobytes at most). */
  save(): Uint8Array;
}
