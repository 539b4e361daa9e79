import { calibrated } from './calibrate.js';
import type { ChurnModel, HorizonModel, ReasonFeature } from './churn-model.js';
import { CHURN_FEATURES, purchasesOf, REASON_OF, writeBaselineFeatures, writeFeatures } from './features.js';
import { expectedDayValue } from './gamma-gamma.js';
import type { PersonHistory } from './history.js';
import { logisticScore } from './logistic.js';
import { mbgNbd } from './mbg-nbd.js';
import { logistic, logOdds } from './special-functions.js';

/** Reasons given for a person and horizon, the strongest first. */
export const REASONS = 3;
/** Log-odds below which nothing is a reason: a hundredth of the odds. */
const WEAKEST_REASON = 0.01;

export interface Reason {
  feature: ReasonFeature;
  /**
   * Log-odds of no activity it adds to those of a typical person, before an isotonic calibration; below 0 it speaks for
   * coming back.
   */
  contribution: number;
}

export interface HorizonScore {
  horizonDays: number;
  /** P(no activity in the horizon), calibrated: the probability of churn. */
  probabilityInactive: number;
  /** Expected active days in the horizon: those of MBG/NBD if active at all, times the calibrated chance of that. */
  expectedTransactions: number;
  /** Expected money in the horizon; 0 where nothing is sold. */
  expectedValue: number;
  /** Those that speak at all, three at most. */
  reasons: Reason[];
}

/** One for all people: `score` writes over it. */
export interface ChurnScore {
  /** P(has not left for good) by MBG/NBD. No measure of churn: see `probabilityInactive`. */
  probabilityAlive: number;
  /** In the order of the model. */
  horizons: HorizonScore[];
}

export interface Scorer {
  readonly horizonDays: readonly number[];
  createScore(): ChurnScore;
  /** Of a person as of the day up to which the history knows. Leaves no garbage behind. */
  score(history: Readonly<PersonHistory>, into: ChurnScore): void;
}

const REASON_FEATURES: readonly ReasonFeature[] = [
  'recency',
  'rhythm',
  'frequency',
  'age',
  'trend',
  'intensity',
  'spend',
];
const INDEX_OF = Object.fromEntries(REASON_FEATURES.map((name, index) => [name, index])) as Record<
  ReasonFeature,
  number
>;
/** Where each feature of the logistic model counts; −1 for what MBG/NBD says, which is split. */
const REASON_INDEX = CHURN_FEATURES.map((name) => {
  const reason = REASON_OF[name];
  return reason === null ? -1 : INDEX_OF[reason];
});

export function createScorer(model: ChurnModel): Scorer {
  const { mbgNbd: parameters, typical, spending, horizons } = model;
  const purchases = { repeats: 0, lastAt: 0, age: 0 };
  const partial = { repeats: 0, lastAt: 0, age: 0 };
  const features = new Float64Array(CHURN_FEATURES.length);
  const contributions = new Float64Array(REASON_FEATURES.length);
  const typicalLogOdds = horizons.map(({ horizonDays }) =>
    logOdds(mbgNbd.probabilityActive(parameters, typical, horizonDays)),
  );

  /**
   * From a typical person to this one: by age; by the number of visits, with as many missed since the last as a typical person
   * has; by the last visit. What each step takes from the log-odds of activity is its contribution.
   */
  function splitMbgNbd(index: number, history: Readonly<PersonHistory>, weight: number): void {
    const { horizonDays } = horizons[index]!;
    const away = typical.age > 0 ? ((typical.age - typical.lastAt) * history.age) / typical.age : 0;
    partial.age = history.age;
    partial.repeats = typical.repeats;
    partial.lastAt = history.age - away;
    const withAge = logOdds(mbgNbd.probabilityActive(parameters, partial, horizonDays));
    const awayAsOften = (away * (parameters.r + typical.repeats)) / (parameters.r + history.repeats);
    partial.repeats = history.repeats;
    partial.lastAt = Math.max(0, history.age - awayAsOften);
    const withRepeats = logOdds(mbgNbd.probabilityActive(parameters, partial, horizonDays));
    const whole = logOdds(mbgNbd.probabilityActive(parameters, purchases, horizonDays));
    contributions[INDEX_OF.age]! += weight * (typicalLogOdds[index]! - withAge);
    contributions[INDEX_OF.frequency]! += weight * (withAge - withRepeats);
    contributions[INDEX_OF.rhythm]! += weight * (withRepeats - whole);
  }

  /** P(active in the horizon); leaves the contributions behind. */
  function predict(index: number, history: Readonly<PersonHistory>): number {
    const { method, logistic: regression, calibration, horizonDays } = horizons[index]!;
    contributions.fill(0);
    if (method === 'mbg-nbd' || regression === null) {
      splitMbgNbd(index, history, 1);
      return calibrated(calibration, mbgNbd.probabilityActive(parameters, purchases, horizonDays));
    }
    const slope = slopeOf(calibration);
    const { weights, means, scales } = regression;
    if (method === 'recency') {
      writeBaselineFeatures(history, horizonDays, features);
      contributions[INDEX_OF.recency] = (-slope * weights[0]! * (features[0]! - means[0]!)) / scales[0]!;
    } else {
      writeFeatures(history, horizonDays, parameters, features);
      splitMbgNbd(index, history, (slope * weights[0]!) / scales[0]!);
      for (let i = 1; i < weights.length; i += 1) {
        contributions[REASON_INDEX[i]!]! -= (slope * weights[i]! * (features[i]! - means[i]!)) / scales[i]!;
      }
    }
    return calibrated(calibration, logistic(logisticScore(regression, features)));
  }

  return {
    horizonDays: horizons.map(({ horizonDays }) => horizonDays),
    createScore: () => ({
      probabilityAlive: 0,
      horizons: horizons.map(({ horizonDays }) => ({
        horizonDays,
        probabilityInactive: 0,
        expectedTransactions: 0,
        expectedValue: 0,
        reasons: [],
      })),
    }),
    score(history, into) {
      purchasesOf(history, purchases);
      into.probabilityAlive = mbgNbd.probabilityAlive(parameters, purchases);
      const dayValue = spending === null ? 0 : expectedDayValue(spending, history);
      for (let index = 0; index < horizons.length; index += 1) {
        const { horizonDays } = horizons[index]!;
        const score = into.horizons[index]!;
        const active = predict(index, history);
        const byMbgNbd = mbgNbd.probabilityActive(parameters, purchases, horizonDays);
        const expected = mbgNbd.expectedTransactions(parameters, purchases, horizonDays);
        score.probabilityInactive = 1 - active;
        // Where MBG/NBD leaves no hope, a visit, if there is one, is one. Nobody is active on more days than there are.
        const visits = byMbgNbd > 1e-9 ? Math.min(horizonDays, Math.max(1, expected / byMbgNbd)) : 1;
        score.expectedTransactions = active * visits;
        score.expectedValue = score.expectedTransactions * dayValue;
        writeReasons(contributions, score.reasons);
      }
    },
  };
}

function slopeOf(calibration: HorizonModel['calibration']): number {
  return calibration.kind === 'platt' ? calibration.slope : 1;
}

/** The strongest contributions, into the objects that are there already. */
function writeReasons(contributions: Float64Array, into: Reason[]): void {
  let length = 0;
  for (let rank = 0; rank < REASONS; rank += 1) {
    let strongest = -1;
    for (let i = 0; i < contributions.length; i += 1) {
      if (Math.abs(contributions[i]!) < WEAKEST_REASON) continue;
      if (strongest < 0 || Math.abs(contributions[i]!) > Math.abs(contributions[strongest]!)) strongest = i;
    }
    if (strongest < 0) break;
    const reason = into[length];
    if (reason === undefined) {
      into.push({ feature: REASON_FEATURES[strongest]!, contribution: contributions[strongest]! });
    } else {
      reason.feature = REASON_FEATURES[strongest]!;
      reason.contribution = contributions[strongest]!;
    }
    contributions[strongest] = 0;
    length += 1;
  }
  into.length = length;
}
