import type { ReasonFeature } from './churn-model.js';
import type { GeometricDropoutParameters, Purchases } from './geometric-dropout.js';
import type { PersonHistory } from './history.js';
import { mbgNbd } from './mbg-nbd.js';
import { logOdds } from './special-functions.js';

/**
 * What the logistic model looks at. The first is what MBG/NBD says of the horizon, so the rest corrects it, and a model learned
 * on one horizon holds for another. The others are relative to a person's own past wherever they can be: a population ages.
 */
export const CHURN_FEATURES = [
  'mbg_log_odds',
  'log_recency',
  'log_missed_visits',
  'log_repeats',
  'came_once',
  'log_trend_7',
  'log_trend_30',
  'log_trend_90',
  'log_events_a_day',
  'log_value_a_day',
] as const;

/** Each feature counts towards one reason; null: what MBG/NBD says, which the scorer splits. */
export const REASON_OF: Readonly<Record<(typeof CHURN_FEATURES)[number], ReasonFeature | null>> = {
  mbg_log_odds: null,
  log_recency: 'recency',
  log_missed_visits: 'rhythm',
  log_repeats: 'frequency',
  came_once: 'frequency',
  log_trend_7: 'trend',
  log_trend_30: 'trend',
  log_trend_90: 'trend',
  log_events_a_day: 'intensity',
  log_value_a_day: 'spend',
};

/** The baseline: days since the last active day; and the horizon, for windows of different length. */
export const BASELINE_FEATURES = ['log_recency', 'log_horizon'] as const;

export function purchasesOf(history: Readonly<PersonHistory>, into: Purchases): Purchases {
  into.repeats = history.repeats;
  into.lastAt = history.age - history.recency;
  into.age = history.age;
  return into;
}

const purchases: Purchases = { repeats: 0, lastAt: 0, age: 0 };

/** Writes the features of one person and horizon (days) from `offset` on. */
export function writeFeatures(
  history: Readonly<PersonHistory>,
  horizon: number,
  parameters: GeometricDropoutParameters,
  into: Float64Array,
  offset = 0,
): void {
  const active = mbgNbd.probabilityActive(parameters, purchasesOf(history, purchases), horizon);
  const rate = (parameters.r + history.repeats) / (parameters.alpha + history.age);
  into[offset] = logOdds(active);
  into[offset + 1] = Math.log1p(history.recency);
  into[offset + 2] = Math.log1p(history.recency * rate);
  into[offset + 3] = Math.log1p(history.repeats);
  into[offset + 4] = history.repeats === 0 ? 1 : 0;
  into[offset + 5] = trend(history, history.active7, 7);
  into[offset + 6] = trend(history, history.active30, 30);
  into[offset + 7] = trend(history, history.active90, 90);
  into[offset + 8] = Math.log(Math.max(1, history.events / (history.repeats + 1)));
  into[offset + 9] = history.valueDays > 0 ? Math.log1p(history.value / history.valueDays) : 0;
}

export function writeBaselineFeatures(
  history: Readonly<PersonHistory>,
  horizon: number,
  into: Float64Array,
  offset = 0,
): void {
  into[offset] = Math.log1p(history.recency);
  into[offset + 1] = Math.log(horizon);
}

/** ln of the active days of late against as many as the whole past would make of that time, each with half a day more. */
function trend(history: Readonly<PersonHistory>, activeLately: number, days: number): number {
  const share = Math.min(1, days / (history.age + 1));
  return Math.log((activeLately + 0.5) / ((history.repeats + 1) * share + 0.5));
}
