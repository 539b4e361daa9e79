import type { WatchInterval } from '../anomaly/monitor.js';

export interface ForecastOptions {
  /** Values of closed buckets without gaps, oldest first; null: not known. */
  history: readonly { startMs: number; value: number | null }[];
  interval: WatchInterval | 'week' | 'month';
  /** IANA zone whose hours, weekdays and days count. */
  timeZone: string;
  /** Starts of the buckets to foresee, in order, right after the history. */
  ahead: readonly number[];
}

export interface ForecastPoint {
  startMs: number;
  expected: number;
  lower80: number;
  upper80: number;
  lower95: number;
  upper95: number;
}

export interface Forecast {
  points: ForecastPoint[];
  /** Forecasts of the past from its own past, as far ahead as asked. */
  backtest: {
    origins: number;
    /** Mean absolute error over that of the seasonal naive forecast; below 1 is better than it. */
    scaledError: number;
    /** Share of values that were inside of the bands. */
    coverage80: number;
    coverage95: number;
  } | null;
}
