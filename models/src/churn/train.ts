import { CHURN_MODEL_VERSION, type ChurnModel, type HorizonModel } from './churn-model.js';
import { fitGammaGamma } from './gamma-gamma.js';
import { emptyHistory } from './history.js';
import { mbgNbd } from './mbg-nbd.js';
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
}

export type TrainingOutcome =
  | { kind: 'trained'; model: ChurnModel }
  /** Fewer than 100 people, or fewer than 10 who ever came back. */
  | { kind: 'too_little_history'; people: number; returned: number };

export function trainChurnModel(input: TrainingInput): TrainingOutcome {
  const { current, horizons = CHURN_HORIZONS, share = 1 } = input;
  const rows = purchaseRowsOf(current);
  let returned = 0;
  for (let row = 0; row < rows.length; row += 1) {
    if (rows.levels[rows.level[row]!]! > 0) returned += rows.count[row]!;
  }
  if (current.people < MIN_PEOPLE || returned < MIN_RETURNED) {
    return { kind: 'too_little_history', people: current.people, returned };
  }
  const fit = mbgNbd.fit(rows);
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
      horizons: horizons.map((horizonDays): HorizonModel => ({
        horizonDays,
        method: 'mbg-nbd',
        reason: 'no_labelled_past',
        trainingWindows: [],
        logistic: null,
        calibration: { kind: 'none' },
        backTest: null,
      })),
    },
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
