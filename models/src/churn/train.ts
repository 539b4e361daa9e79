import { chooseTest, chooseWindows, type ChosenWindow } from './choose-windows.js';
import { CHURN_MODEL_VERSION, type BackTest, type ChurnModel, type HorizonModel } from './churn-model.js';
import { CHURN_FEATURES, purchasesOf } from './features.js';
import { fitGammaGamma } from './gamma-gamma.js';
import type { Fit, GeometricDropoutParameters } from './geometric-dropout.js';
import { emptyHistory } from './history.js';
import {
  countWindow,
  learnHorizon,
  predictActive,
  type LabelledWindow,
  type LearnedHorizon,
} from './learn-horizon.js';
import { mbgNbd } from './mbg-nbd.js';
import { areaError, calibrationTable, measure } from './measures.js';
import { CHURN_HORIZONS } from './plan-cutoffs.js';
import { createPurchaseRows, type PurchaseRows } from './purchase-rows.js';
import type { Snapshot } from './snapshot.js';

/** Below these there is nothing to learn from. */
export const MIN_PEOPLE = 100;
export const MIN_RETURNED = 10;

export interface TrainingInput {
  /** Everybody, or a sample, as of the last day that is complete. */
  current: Snapshot;
  /** Snapshots of the past, of the same sample, in any order: those of `planCutoffs`, or none. */
  past: readonly Snapshot[];
  /** Days, ascending. Default 7, 30, 90. */
  horizons?: readonly number[];
  /** Share of everybody that was sampled; it is kept in the model. Default 1. */
  share?: number;
  /**
   * First day of which anything worth knowing is known: that of `planCutoffs`. One clock that was years behind must not make
   * the past look longer than it is. Default: the first day of anybody.
   */
  firstDay?: number;
}

export type TrainingOutcome =
  | { kind: 'trained'; model: ChurnModel }
  /** Fewer than 100 people, or fewer than 10 who ever came back. */
  | { kind: 'too_little_history'; people: number; returned: number };

/**
 * A model of churn from what is known now and was known at past cutoffs. MBG/NBD serves a horizon until past windows tell
 * enough; then the logistic regression does, if it foretold the most recent window better than recency alone would have. The
 * test learns only from windows that had ended by the cutoff of the window it is tested on.
 */
export function trainChurnModel(input: TrainingInput): TrainingOutcome {
  const { current, past, horizons = CHURN_HORIZONS, share = 1 } = input;
  const rows = purchaseRowsOf(current);
  let returned = 0;
  let longest = 0;
  for (let row = 0; row < rows.length; row += 1) {
    if (rows.levels[rows.level[row]!]! > 0) returned += rows.count[row]!;
    longest = Math.max(longest, rows.age[row]!);
  }
  if (current.people < MIN_PEOPLE || returned < MIN_RETURNED) {
    return { kind: 'too_little_history', people: current.people, returned };
  }
  const fit = mbgNbd.fit(rows);
  const firstDay = input.firstDay ?? current.cutoffDay - longest;
  const knownThen = rememberFits();
  return {
    kind: 'trained',
    model: {
      version: CHURN_MODEL_VERSION,
      trainedToDay: current.cutoffDay,
      people: current.people,
      share,
      mbgNbd: { ...fit.parameters, logLikelihood: fit.logLikelihood },
      typical: typicalOf(rows),
      spending: fitGammaGamma(current),
      horizons: horizons.map((horizonDays) =>
        trainHorizon(horizonDays, past, firstDay, current.cutoffDay, knownThen),
      ),
    },
  };
}

type KnownThen = (snapshot: Snapshot) => GeometricDropoutParameters;

function trainHorizon(
  horizonDays: number,
  past: readonly Snapshot[],
  firstDay: number,
  lastDay: number,
  knownThen: KnownThen,
): HorizonModel {
  const label = (chosen: ChosenWindow): LabelledWindow => ({
    ...chosen,
    mbgNbd: knownThen(chosen.snapshot),
  });
  const windows = chooseWindows(past, firstDay, lastDay, horizonDays).map(label);
  const learned = learnBoth(windows, horizonDays);
  if (learned === null) {
    return {
      horizonDays,
      method: 'mbg-nbd',
      reason: 'no_labelled_past',
      trainingWindows: [],
      logistic: null,
      calibration: { kind: 'none' },
      backTest: null,
    };
  }
  const test = chooseTest(past, firstDay, lastDay, horizonDays);
  const isWhole = isWholeHorizon(windows, horizonDays);
  const backTest =
    test === null
      ? null
      : testOn(label(test), past, { firstDay, label, fallback: isWhole ? 'recency' : 'mbgNbd' });
  const isBetter = backTest === null || beatsBaseline(backTest);
  // Recency says nothing of a horizon that was never seen, so it cannot stand in for one; MBG/NBD can.
  const served = isBetter ? learned.model : isWhole ? learned.baseline : null;
  return {
    horizonDays,
    method: served?.method ?? 'mbg-nbd',
    reason: backTest === null ? 'not_tested' : isBetter ? 'beats_baseline' : 'baseline_not_beaten',
    trainingWindows: windows.map(countWindow),
    logistic: served?.logistic ?? null,
    calibration: served?.calibration ?? { kind: 'none' },
    backTest,
  };
}

function isWholeHorizon(windows: readonly LabelledWindow[], horizonDays: number): boolean {
  return windows.every((window) => window.horizonDays === horizonDays);
}

/** The model and the baseline, from the same windows. Isotonic calibration only of the very horizon: it does not extend. */
function learnBoth(
  windows: readonly LabelledWindow[],
  horizonDays: number,
): { model: LearnedHorizon; baseline: LearnedHorizon } | null {
  if (windows.length === 0) return null;
  const isWhole = isWholeHorizon(windows, horizonDays);
  const model = learnHorizon(windows, 'logistic', isWhole);
  const baseline = learnHorizon(windows, 'recency', isWhole);
  return model === null || baseline === null ? null : { model, baseline };
}

/** Null: too little had ended by then to learn from. */
function testOn(
  test: LabelledWindow,
  past: readonly Snapshot[],
  {
    firstDay,
    label,
    fallback,
  }: {
    firstDay: number;
    label: (chosen: ChosenWindow) => LabelledWindow;
    /** What serves where the model does not beat the baseline. */
    fallback: 'recency' | 'mbgNbd';
  },
): BackTest | null {
  const { snapshot, horizonDays } = test;
  const windows = chooseWindows(past, firstDay, snapshot.cutoffDay, horizonDays).map(label);
  const learned = learnBoth(windows, horizonDays);
  if (learned === null) return null;

  const history = emptyHistory();
  const purchases = { repeats: 0, lastAt: 0, age: 0 };
  const features = new Float64Array(CHURN_FEATURES.length);
  const inactive = new Uint8Array(snapshot.people);
  const byModel = new Float64Array(snapshot.people);
  const byRecency = new Float64Array(snapshot.people);
  const byMbgNbd = new Float64Array(snapshot.people);
  for (let row = 0; row < snapshot.people; row += 1) {
    snapshot.read(row, history);
    inactive[row] = snapshot.nextActiveIn(row) <= horizonDays ? 0 : 1;
    byModel[row] = 1 - predictActive(learned.model, history, horizonDays, test.mbgNbd, features);
    byRecency[row] = 1 - predictActive(learned.baseline, history, horizonDays, test.mbgNbd, features);
    byMbgNbd[row] = 1 - mbgNbd.probabilityActive(test.mbgNbd, purchasesOf(history, purchases), horizonDays);
  }
  const measured = {
    model: measure(byModel, inactive),
    recency: measure(byRecency, inactive),
    mbgNbd: measure(byMbgNbd, inactive),
  };
  const byFallback = fallback === 'recency' ? byRecency : byMbgNbd;
  return {
    cutoffDay: snapshot.cutoffDay,
    horizonDays,
    people: snapshot.people,
    inactive: inactive.reduce((sum, one) => sum + one, 0),
    ...measured,
    calibrationTable: calibrationTable(beatsBaseline(measured) ? byModel : byFallback, inactive),
  };
}

/** Better probabilities; and if people are ordered worse, by no more than chance. */
function beatsBaseline({ model, recency }: Pick<BackTest, 'model' | 'recency'>): boolean {
  const chance = areaError(recency);
  return model.logLoss < recency.logLoss && (model.auc ?? 0.5) >= (recency.auc ?? 0.5) - chance;
}

function rememberFits(): KnownThen {
  const fits = new Map<Snapshot, Fit<GeometricDropoutParameters>>();
  return (snapshot) => {
    let fit = fits.get(snapshot);
    if (fit === undefined) {
      fit = mbgNbd.fit(purchaseRowsOf(snapshot));
      fits.set(snapshot, fit);
    }
    return fit.parameters;
  };
}

export function purchaseRowsOf(snapshot: Snapshot): PurchaseRows {
  const builder = createPurchaseRows();
  const history = emptyHistory();
  for (let row = 0; row < snapshot.people; row += 1) {
    snapshot.read(row, history);
    builder.add(history.repeats, history.age - history.recency, history.age);
  }
  return builder.build();
}

function typicalOf(rows: PurchaseRows): ChurnModel['typical'] {
  const typical = { repeats: 0, lastAt: 0, age: 0 };
  for (let row = 0; row < rows.length; row += 1) {
    const weight = rows.count[row]! / rows.people;
    typical.repeats += weight * rows.levels[rows.level[row]!]!;
    typical.lastAt += weight * rows.lastAt[row]!;
    typical.age += weight * rows.age[row]!;
  }
  return typical;
}
