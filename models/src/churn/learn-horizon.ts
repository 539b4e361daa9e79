import { calibrated, fitIsotonic, fitPlatt, type Calibration } from './calibrate.js';
import type { ChurnMethod, LogisticModel, TrainingWindow } from './churn-model.js';
import { BASELINE_FEATURES, CHURN_FEATURES, writeBaselineFeatures, writeFeatures } from './features.js';
import type { GeometricDropoutParameters } from './geometric-dropout.js';
import { emptyHistory, type PersonHistory } from './history.js';
import { fitLogistic, logisticScore } from './logistic.js';
import { logistic } from './special-functions.js';
import type { Snapshot } from './snapshot.js';

/** A snapshot, what MBG/NBD knew then, and the days after it whose activity is the label. */
export interface LabelledWindow {
  snapshot: Snapshot;
  mbgNbd: GeometricDropoutParameters;
  horizonDays: number;
}

export interface LearnedHorizon {
  method: Exclude<ChurnMethod, 'mbg-nbd'>;
  logistic: LogisticModel;
  calibration: Calibration;
}

const FOLDS = 5;
/** Rows of one regression, at most; more add nothing to ten weights. */
const MAX_ROWS = 60_000;
/** As many certain cases as hold each standardised weight where MBG/NBD, or nothing, would have it. */
const RIDGE = 30;
/** People of each kind below which nothing is learned. */
const MIN_OF_A_KIND = 20;

interface Rows {
  names: readonly string[];
  features: Float64Array;
  happened: Uint8Array;
  fold: Uint8Array;
  length: number;
}

/**
 * Learns P(active in the horizon) from past windows: a logistic regression, then the calibration that foretells best people
 * it has not seen (folds of people, not of rows: one person is in several windows).
 *
 * Each window is seen through the MBG/NBD of its own time. So the regression learns what is wrong with MBG/NBD when it looks
 * ahead, and not how well it describes what it was fitted to.
 *
 * Null: fewer than 20 people, over all windows, were active, or inactive.
 */
export function learnHorizon(
  windows: readonly LabelledWindow[],
  method: LearnedHorizon['method'],
  canBeIsotonic: boolean,
): LearnedHorizon | null {
  const rows = gather(windows, method);
  let active = 0;
  for (const happened of rows.happened) active += happened;
  if (Math.min(active, rows.length - active) < MIN_OF_A_KIND) return null;
  const whole = fit(rows, () => true, windows.length);
  const predicted = new Float64Array(rows.length);
  for (let fold = 0; fold < FOLDS; fold += 1) {
    const model = fit(rows, (at) => rows.fold[at] !== fold, windows.length, whole);
    const width = rows.names.length;
    for (let at = 0; at < rows.length; at += 1) {
      if (rows.fold[at] === fold) predicted[at] = logistic(logisticScore(model, rows.features, at * width));
    }
  }
  return {
    method,
    logistic: whole,
    calibration: chooseCalibration(rows, predicted, canBeIsotonic),
  };
}

export function countWindow({ snapshot, horizonDays }: LabelledWindow): TrainingWindow {
  let active = 0;
  for (let row = 0; row < snapshot.people; row += 1) {
    if (snapshot.nextActiveIn(row) <= horizonDays) active += 1;
  }
  return { cutoffDay: snapshot.cutoffDay, horizonDays, people: snapshot.people, active };
}

/** P(active in the horizon), calibrated, as one learned. `features` has room for all of them. */
export function predictActive(
  learned: Pick<LearnedHorizon, 'method' | 'logistic' | 'calibration'>,
  history: Readonly<PersonHistory>,
  horizonDays: number,
  parameters: GeometricDropoutParameters,
  features: Float64Array,
): number {
  if (learned.method === 'recency') writeBaselineFeatures(history, horizonDays, features);
  else writeFeatures(history, horizonDays, parameters, features);
  return calibrated(learned.calibration, logistic(logisticScore(learned.logistic, features)));
}

function gather(windows: readonly LabelledWindow[], method: LearnedHorizon['method']): Rows {
  const names = method === 'recency' ? BASELINE_FEATURES : CHURN_FEATURES;
  const width = names.length;
  const all = windows.reduce((sum, { snapshot }) => sum + snapshot.people, 0);
  // By the upper half of a mixed key: folds and the sample of everybody look at other bits.
  const limit = all <= MAX_ROWS ? 1 : MAX_ROWS / all;
  const capacity = Math.min(all, Math.ceil(MAX_ROWS * 1.1));
  const features = new Float64Array(capacity * width);
  const happened = new Uint8Array(capacity);
  const fold = new Uint8Array(capacity);
  const history = emptyHistory();
  let length = 0;
  for (const { snapshot, mbgNbd, horizonDays } of windows) {
    for (let row = 0; row < snapshot.people && length < capacity; row += 1) {
      const mixed = Math.imul(snapshot.key(row) ^ (snapshot.key(row) >>> 15), 0x2c1b3c6d) >>> 0;
      if (mixed >= limit * 2 ** 32) continue;
      snapshot.read(row, history);
      if (method === 'recency') writeBaselineFeatures(history, horizonDays, features, length * width);
      else writeFeatures(history, horizonDays, mbgNbd, features, length * width);
      happened[length] = snapshot.nextActiveIn(row) <= horizonDays ? 1 : 0;
      fold[length] = snapshot.key(row) % FOLDS;
      length += 1;
    }
  }
  return {
    names,
    features: features.subarray(0, length * width),
    happened: happened.subarray(0, length),
    fold: fold.subarray(0, length),
    length,
  };
}

/** Windows of the same people share the weight of one, so that the ridge is not outnumbered by repetition. */
function fit(
  rows: Rows,
  isUsed: (at: number) => boolean,
  windows: number,
  start?: LogisticModel,
): LogisticModel {
  const weights = new Float64Array(rows.length);
  for (let at = 0; at < rows.length; at += 1) weights[at] = isUsed(at) ? 1 / windows : 0;
  return fitLogistic({
    names: rows.names,
    features: rows.features,
    happened: rows.happened,
    weights,
    prior: rows.names.map((name) => (name === 'mbg_log_odds' ? 1 : 0)),
    ridge: RIDGE,
    ...(start === undefined ? {} : { start }),
  });
}

/** The calibration whose probabilities for people it was not fitted to had the least log loss; none, unless one is better. */
function chooseCalibration(rows: Rows, predicted: Float64Array, canBeIsotonic: boolean): Calibration {
  const kinds = canBeIsotonic ? [fitPlatt, fitIsotonic] : [fitPlatt];
  let best: Calibration = { kind: 'none' };
  let least = 0;
  for (let at = 0; at < rows.length; at += 1) least += loss(predicted[at]!, rows.happened[at]!);
  // A twentieth of a per cent is no reason to bend anything.
  least *= 1 - 5e-4;
  for (const fitKind of kinds) {
    let sum = 0;
    for (let fold = 0; fold < FOLDS; fold += 1) {
      const isInside = (_: number, at: number) => rows.fold[at] !== fold;
      const calibration = fitKind(predicted.filter(isInside), rows.happened.filter(isInside));
      for (let at = 0; at < rows.length; at += 1) {
        if (rows.fold[at] === fold) sum += loss(calibrated(calibration, predicted[at]!), rows.happened[at]!);
      }
    }
    if (sum >= least) continue;
    least = sum;
    best = fitKind(predicted, rows.happened);
  }
  return best;
}

function loss(probability: number, happened: number): number {
  const p = Math.min(Math.max(probability, 1e-12), 1 - 1e-12);
  return happened === 1 ? -Math.log(p) : -Math.log1p(-p);
}
