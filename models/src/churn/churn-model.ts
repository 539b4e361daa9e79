import type { Calibration } from './calibrate.js';
import type { GammaGammaParameters } from './gamma-gamma.js';
import type { GeometricDropoutParameters } from './geometric-dropout.js';
import type { CalibrationBin, Measures } from './measures.js';

export const CHURN_MODEL_VERSION = 1;

/**
 * `mbg-nbd`: chance to be active in the horizon by MBG/NBD, for want of a past to learn from.
 * `logistic`: logistic regression on past windows. `recency`: the same on the days since the last active day alone.
 */
export type ChurnMethod = 'mbg-nbd' | 'logistic' | 'recency';

/**
 * Why a method serves. `no_labelled_past`: no window of the past is long enough or has enough people.
 * `beats_baseline`: it foretold the most recent observed window better than recency alone (lower log loss, and an area under the
 * curve that is no lower but by chance). `baseline_not_beaten`: it did not, so the calibrated baseline serves; or MBG/NBD, where
 * no window was as long as the horizon. `not_tested`: there are windows to learn from, but none left to test on.
 */
export type MethodReason = 'no_labelled_past' | 'beats_baseline' | 'baseline_not_beaten' | 'not_tested';

/** A past cutoff and the days after it whose activity was the label. */
export interface TrainingWindow {
  cutoffDay: number;
  horizonDays: number;
  people: number;
  /** People active within it. */
  active: number;
}

/** What a person's score is made of. Contributions of several features of one kind are added. */
export type ReasonFeature =
  /** Days since the last active day. */
  | 'recency'
  /** The same beside the person's own habit. */
  | 'rhythm'
  /** How often the person came so far. */
  | 'frequency'
  /** How long the person has been there. */
  | 'age'
  /** Whether the person came more or less of late than before. */
  | 'trend'
  /** Events an active day. */
  | 'intensity'
  /** Money spent. */
  | 'spend';

/** A linear model of the log-odds to be active within a horizon, on standardised features. */
export interface LogisticModel {
  features: string[];
  means: number[];
  scales: number[];
  weights: number[];
  intercept: number;
}

/** What a model told of the most recent fully observed window, kept out of its training, beside the baseline. */
export interface BackTest {
  cutoffDay: number;
  horizonDays: number;
  people: number;
  /** People without activity in the window: what was to be foretold. */
  inactive: number;
  /** All of the probability of no activity. */
  model: Measures;
  recency: Measures;
  mbgNbd: Measures;
  /** Of the method that serves. */
  calibrationTable: CalibrationBin[];
}

export interface HorizonModel {
  horizonDays: number;
  method: ChurnMethod;
  reason: MethodReason;
  trainingWindows: TrainingWindow[];
  /** Of the serving method; null for `mbg-nbd`. */
  logistic: LogisticModel | null;
  /** Of the probability of activity of the serving method. */
  calibration: Calibration;
  backTest: BackTest | null;
}

/** All a scorer needs, as JSON. Times in days. */
export interface ChurnModel {
  version: typeof CHURN_MODEL_VERSION;
  /** Last day the training knew of, days since 1970. */
  trainedToDay: number;
  /** People whose histories were used. */
  people: number;
  /** Share of everybody they are, as told to the training. */
  share: number;
  mbgNbd: GeometricDropoutParameters & { logLikelihood: number };
  /** A person like most: reasons are told against it. */
  typical: { repeats: number; lastAt: number; age: number };
  /** Null where too few people spent money. */
  spending: GammaGammaParameters | null;
  horizons: HorizonModel[];
}
