import { calibrated } from './calibrate.js';
import type { ChurnModel, ReasonFeature } from './churn-model.js';
import { expectedDayValue } from './gamma-gamma.js';
import type { PersonHistory } from './history.js';
import { mbgNbd } from './mbg-nbd.js';
import { logOdds } from './special-functions.js';

/** Reasons given for a person and horizon, the strongest first. */
export const REASONS = 3;

export interface Reason {
  feature: ReasonFeature;
  /** Log-odds of no activity it adds to those of a typical person; below 0 it speaks for coming back. */
  contribution: number;
}

export interface HorizonScore {
  horizonDays: number;
  /** P(no activity in the horizon), calibrated: the probability of churn. */
  probabilityInactive: number;
  /** Expected active days in the horizon. */
  expectedTransactions: number;
  /** Expected money in the horizon; 0 where nothing is sold. */
  expectedValue: number;
  /** As many as there are, three at most. */
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

export function createScorer(model: ChurnModel): Scorer {
  const { mbgNbd: parameters, typical, spending, horizons } = model;
  const purchases = { repeats: 0, lastAt: 0, age: 0 };
  const partial = { repeats: 0, lastAt: 0, age: 0 };

  return {
    horizonDays: horizons.map(({ horizonDays }) => horizonDays),
    createScore: () => ({
      probabilityAlive: 0,
      horizons: horizons.map(({ horizonDays }) => ({
        horizonDays,
        probabilityInactive: 0,
        expectedTransactions: 0,
        expectedValue: 0,
        reasons: Array.from({ length: REASONS }, (): Reason => ({ feature: 'recency', contribution: 0 })),
      })),
    }),
    score(history, into) {
      purchases.repeats = history.repeats;
      purchases.lastAt = history.age - history.recency;
      purchases.age = history.age;
      into.probabilityAlive = mbgNbd.probabilityAlive(parameters, purchases);
      const dayValue = spending === null ? 0 : expectedDayValue(spending, history);
      for (let index = 0; index < horizons.length; index += 1) {
        const { horizonDays, calibration } = horizons[index]!;
        const score = into.horizons[index]!;
        const active = mbgNbd.probabilityActive(parameters, purchases, horizonDays);
        score.probabilityInactive = 1 - calibrated(calibration, active);
        score.expectedTransactions = mbgNbd.expectedTransactions(parameters, purchases, horizonDays);
        score.expectedValue = score.expectedTransactions * dayValue;

        // From a typical person to this one in three steps; what each adds is its contribution.
        partial.repeats = typical.repeats;
        partial.age = history.age;
        partial.lastAt = typical.lastAt * (typical.age > 0 ? history.age / typical.age : 0);
        const typically = logOdds(mbgNbd.probabilityActive(parameters, typical, horizonDays));
        const withAge = logOdds(mbgNbd.probabilityActive(parameters, partial, horizonDays));
        partial.repeats = history.repeats;
        const withRepeats = logOdds(mbgNbd.probabilityActive(parameters, partial, horizonDays));
        const whole = logOdds(active);
        write(score.reasons[0]!, 'recency', withRepeats - whole);
        write(score.reasons[1]!, 'frequency', withAge - withRepeats);
        write(score.reasons[2]!, 'age', typically - withAge);
        score.reasons.sort(byStrength);
      }
    },
  };
}

function write(reason: Reason, feature: ReasonFeature, contribution: number): void {
  reason.feature = feature;
  reason.contribution = contribution;
}

function byStrength(one: Reason, other: Reason): number {
  return Math.abs(other.contribution) - Math.abs(one.contribution);
}
