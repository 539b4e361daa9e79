import type { WatchInterval } from '../anomaly/monitor.js';
import { backtest, type Combined } from './backtest.js';
import { createLearner } from './candidates.js';
import { scaleFor } from './scale.js';
import { placeOf, SEASONS } from './season.js';

export type ForecastInterval = WatchInterval | 'week' | 'month';

export interface ForecastOptions {
  /** Values of closed buckets without gaps, oldest first; null: not known. What precedes the first value that is not 0 does not count. */
  history: readonly { startMs: number; value: number | null }[];
  interval: ForecastInterval;
  /** Local wall time minus UTC at an instant, milliseconds: hours, weekdays and days are local. Default UTC. */
  offsetAt?: (epochMs: number) => number;
  /** Starts of the buckets to foresee, in order, right after the history. At least one. */
  ahead: readonly number[];
}

export interface ForecastPoint {
  startMs: number;
  /** The mean of what is expected; never negative when no value of the history is. */
  expected: number;
  lower80: number;
  upper80: number;
  lower95: number;
  upper95: number;
}

/** Forecasts of the past from its own past, as far ahead as asked, with bands from errors known by then. */
export interface Backtest {
  /** Instants that were forecast from. */
  origins: number;
  /** Mean absolute error over that of the seasonal naive forecast on the same buckets; below 1 is better. Null when that was never off. */
  scaledError: number | null;
  /** Share of values that were inside of the bands; null when too few bands could be made. */
  coverage80: number | null;
  coverage95: number | null;
}

/** Share of an average bucket that falls to each time of day and each weekday (Monday first), mean 1. Null where buckets are too long to tell. */
export interface Seasonality {
  hours: number[] | null;
  weekdays: number[] | null;
}

export type Forecast =
  | { kind: 'forecast'; points: ForecastPoint[]; backtest: Backtest; seasonality: Seasonality }
  /** `needed` buckets since the first value are too many for this history. */
  | { kind: 'history_too_short'; needed: number; found: number }
  /** Too many buckets of the history are not known. */
  | { kind: 'history_has_gaps'; known: number; found: number }
  | { kind: 'no_values' };

/** Forecasts of the past there must be at least for a band of 95 %. */
const MIN_ORIGINS = 20;

/** Buckets of history that a forecast needs, from the first value on. */
export function neededHistory(interval: ForecastInterval, ahead: number): number {
  return SEASONS[interval].minTrain + ahead + MIN_ORIGINS - 1;
}

/**
 * Foresees a series. Six forecasts (the seasonal naive one; three levels of different memory with a profile of the week; one
 * of them with a damped trend; one with last year's course) are combined, each weighted by how well it did so far ahead. The
 * bands are quantiles of the errors that the combination made on the way, so that they hold what they say whatever the errors
 * look like. The same history always gives the same forecast.
 */
export function foresee({ history, interval, offsetAt = () => 0, ahead }: ForecastOptions): Forecast {
  const season = SEASONS[interval];
  const first = history.findIndex(({ value }) => value !== null && value !== 0);
  if (first < 0) return { kind: 'no_values' };
  const from = history.slice(first);
  const needed = neededHistory(interval, ahead.length);
  if (from.length < needed) return { kind: 'history_too_short', needed, found: from.length };
  const known = from.filter(({ value }) => value !== null).length;
  if (known < 0.75 * from.length) return { kind: 'history_has_gaps', known, found: from.length };

  const scale = scaleFor(from.map(({ value }) => value));
  const values = from.map(({ value }) => (value === null ? null : value + scale.shift));
  const places = [...from.map(({ startMs }) => startMs), ...ahead].map((startMs) =>
    placeOf(startMs, season, offsetAt),
  );
  const learner = createLearner({ values, places, season, scale });
  const tested = backtest({ values, steps: ahead.length, season, scale, learner });
  if (tested === undefined) return { kind: 'history_has_gaps', known, found: from.length };
  const { combined, score } = tested;
  return {
    kind: 'forecast',
    points: combined.map((point, index) => pointOf(ahead[index]!, point, scale.shift)),
    backtest: score,
    seasonality: seasonalityOf(learner.profile.shares(), season.perDay),
  };
}

function pointOf(startMs: number, { expected, within80, within95 }: Combined, shift: number): ForecastPoint {
  return {
    startMs,
    expected: expected - shift,
    lower80: within80.lower - shift,
    upper80: within80.upper - shift,
    lower95: Math.min(within95.lower, within80.lower) - shift,
    upper95: Math.max(within95.upper, within80.upper) - shift,
  };
}

function seasonalityOf(shares: { ofDay: number[]; weekday: number[] }, perDay: number): Seasonality {
  const perHour = perDay / 24;
  return {
    weekdays: perDay === 0 ? null : shares.weekday,
    hours:
      perDay < 24
        ? null
        : Array.from({ length: 24 }, (_, hour) => {
            const own = shares.ofDay.slice(hour * perHour, (hour + 1) * perHour);
            return own.reduce((sum, share) => sum + share, 0) / own.length;
          }),
  };
}
