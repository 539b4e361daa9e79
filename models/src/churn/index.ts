export {
  daysToNextActive,
  emptyHistory,
  readHistory,
  type ActiveDays,
  type PersonHistory,
} from './history.js';
export { createSnapshot, snapshotOf, type Snapshot, type SnapshotBuilder } from './snapshot.js';
export { isSampled, keyOfPerson, TRAINING_PEOPLE, trainingShare } from './sample.js';
export { CHURN_HORIZONS, planCutoffs, type PlannedCutoff } from './plan-cutoffs.js';
export {
  CHURN_MODEL_VERSION,
  type BackTest,
  type ChurnMethod,
  type ChurnModel,
  type HorizonModel,
  type LogisticModel,
  type MethodReason,
  type ReasonFeature,
  type TrainingWindow,
} from './churn-model.js';
export {
  MIN_PEOPLE,
  MIN_RETURNED,
  trainChurnModel,
  type TrainingInput,
  type TrainingOutcome,
} from './train.js';
export {
  createScorer,
  REASONS,
  type ChurnScore,
  type HorizonScore,
  type Reason,
  type Scorer,
} from './scorer.js';
export type { Calibration } from './calibrate.js';
export { areaUnderCurve, calibrationTable, measure, type CalibrationBin, type Measures } from './measures.js';
export { createPurchaseRows, type PurchaseRows, type PurchaseRowsBuilder } from './purchase-rows.js';
export type { Fit, GeometricDropoutParameters, Purchases } from './geometric-dropout.js';
export { bgNbd } from './bg-nbd.js';
export { mbgNbd } from './mbg-nbd.js';
export type { GammaGammaParameters } from './gamma-gamma.js';
export { paretoNbd, type ParetoNbdParameters } from './pareto-nbd.js';
