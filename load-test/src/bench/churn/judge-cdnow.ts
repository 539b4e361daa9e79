import {
  areaUnderCurve,
  bgNbd,
  createPurchaseRows,
  createScorer,
  emptyHistory,
  mbgNbd,
  measure,
  paretoNbd,
  planCutoffs,
  readHistory,
  snapshotOf,
  trainChurnModel,
  type ActiveDays,
  type ChurnModel,
  type Fit,
  type Measures,
  type PurchaseRows,
} from '@sluice/models/churn';
import { createRandom } from '@sluice/models/random';
import { dayOf } from './read-cdnow.js';

/** Everybody's first purchase lies in the first twelve weeks of 1997; the models see 39 weeks, and foretell the next 39. */
const FIRST_DAY = dayOf('19970101')!;
export const CALIBRATION_END = dayOf('19970930')!;
export const HOLDOUT_DAYS = dayOf('19980630')! - CALIBRATION_END;

const RESAMPLES = 400;

interface Judged {
  people: number;
  /** People who bought in the holdout. */
  bought: number;
  auc: number | null;
  ece: number;
  brier: number;
  logLoss: number;
}

export interface CdnowResult extends Judged {
  /** Days since the last purchase, alone. */
  recencyAuc: number | null;
  /** Expected purchases of all in the holdout, and those there were. */
  expectedPurchases: number;
  purchases: number;
  method: string;
  reason: string;
  trainMs: number;
  /** P(active in the holdout) by the models of buying alone, as they were fitted. */
  bgnbd: ModelResult & { r: number; alpha: number; a: number; b: number };
  mbgNbd: ModelResult & { r: number; alpha: number; a: number; b: number };
  paretoNbd: ModelResult & { r: number; alpha: number; s: number; beta: number };
  /** Middle 95 % of resampled people. */
  bootstrap: { auc: [number, number]; ece: [number, number]; aucAboveRecency: [number, number] };
  /** Learned from one half of the people, judged on the other. */
  halves: (Judged & { recencyAuc: number | null })[];
}

interface ModelResult {
  logLikelihood: number;
  ms: number;
  auc: number | null;
  ece: number;
}

/** Learns from what was known on 1997-09-30 and judges by the 39 weeks after it. No label of these is seen before. */
export function judgeCdnow(people: readonly ActiveDays[]): CdnowResult {
  const startMs = performance.now();
  const model = learn(people);
  const trainMs = performance.now() - startMs;
  const { predicted, expected, bought, recency } = foretell(model, people);
  const horizon = model.horizons[0]!;
  return {
    ...judged(measure(predicted, bought)),
    recencyAuc: areaUnderCurve(recency, bought),
    expectedPurchases: expected.reduce((sum, one) => sum + one, 0),
    purchases: people.reduce((sum, { days }) => sum + days.filter(isInHoldout).length, 0),
    method: horizon.method,
    reason: horizon.reason,
    trainMs,
    ...fitAll(people, bought),
    bootstrap: resample(predicted, recency, bought),
    halves: [0, 1].map((half) => {
      const other = foretell(
        learn(people.filter((_, index) => index % 2 === half)),
        people.filter((_, index) => index % 2 !== half),
      );
      return {
        ...judged(measure(other.predicted, other.bought)),
        recencyAuc: areaUnderCurve(other.recency, other.bought),
      };
    }),
  };
}

function isInHoldout(day: number): boolean {
  return day > CALIBRATION_END && day <= CALIBRATION_END + HOLDOUT_DAYS;
}

/** Sees nothing after the calibration: the snapshots follow nobody beyond it. */
function learn(people: readonly ActiveDays[]): ChurnModel {
  const horizons = [HOLDOUT_DAYS];
  const past = planCutoffs({ firstDay: FIRST_DAY, lastDay: CALIBRATION_END, horizons }).map(
    ({ cutoffDay, followedDays }) => snapshotOf(people, cutoffDay, followedDays),
  );
  const outcome = trainChurnModel({ current: snapshotOf(people, CALIBRATION_END, 0), past, horizons });
  if (outcome.kind !== 'trained') throw new Error('There are too few people in the calibration period.');
  return outcome.model;
}

function foretell(model: ChurnModel, people: readonly ActiveDays[]) {
  const scorer = createScorer(model);
  const score = scorer.createScore();
  const history = emptyHistory();
  const predicted: number[] = [];
  const expected: number[] = [];
  const bought: number[] = [];
  const recency: number[] = [];
  for (const person of people) {
    if (!readHistory(person, CALIBRATION_END, history)) continue;
    scorer.score(history, score);
    predicted.push(1 - score.horizons[0]!.probabilityInactive);
    expected.push(score.horizons[0]!.expectedTransactions);
    bought.push(person.days.some(isInHoldout) ? 1 : 0);
    recency.push(-history.recency);
  }
  return { predicted, expected, bought, recency };
}

/** The models of buying, in weeks, as the papers fit them. */
function fitAll(
  people: readonly ActiveDays[],
  bought: readonly number[],
): Pick<CdnowResult, 'bgnbd' | 'mbgNbd' | 'paretoNbd'> {
  const history = emptyHistory();
  const builder = createPurchaseRows();
  const purchases: { repeats: number; lastAt: number; age: number }[] = [];
  for (const person of people) {
    if (!readHistory(person, CALIBRATION_END, history)) continue;
    const { repeats, age, recency } = history;
    builder.add(repeats, (age - recency) / 7, age / 7);
    purchases.push({ repeats, lastAt: (age - recency) / 7, age: age / 7 });
  }
  const rows = builder.build();

  function run<Parameters extends object>(model: {
    fit(rows: PurchaseRows): Fit<Parameters>;
    probabilityActive(
      parameters: Parameters,
      purchases: { repeats: number; lastAt: number; age: number },
      horizon: number,
    ): number;
  }): Parameters & ModelResult {
    const startMs = performance.now();
    const fit = model.fit(rows);
    const ms = performance.now() - startMs;
    const { auc, ece } = measure(
      purchases.map((one) => model.probabilityActive(fit.parameters, one, HOLDOUT_DAYS / 7)),
      bought,
    );
    return { ...fit.parameters, logLikelihood: fit.logLikelihood, ms, auc, ece };
  }

  return { bgnbd: run(bgNbd), mbgNbd: run(mbgNbd), paretoNbd: run(paretoNbd) };
}

function judged({ people, happened, auc, ece, brier, logLoss }: Measures): Judged {
  return { people, bought: happened, auc, ece, brier, logLoss };
}

function resample(
  predicted: readonly number[],
  recency: readonly number[],
  bought: readonly number[],
): CdnowResult['bootstrap'] {
  const random = createRandom(1997);
  const auc: number[] = [];
  const ece: number[] = [];
  const above: number[] = [];
  const size = predicted.length;
  const [drawnPredicted, drawnRecency, drawnBought] = [predicted, recency, bought].map(
    () => new Float64Array(size),
  ) as [Float64Array, Float64Array, Float64Array];
  for (let round = 0; round < RESAMPLES; round += 1) {
    for (let i = 0; i < size; i += 1) {
      const at = Math.floor(random() * size);
      drawnPredicted[i] = predicted[at]!;
      drawnRecency[i] = recency[at]!;
      drawnBought[i] = bought[at]!;
    }
    const measures = measure(drawnPredicted, drawnBought);
    const byRecency = areaUnderCurve(drawnRecency, drawnBought);
    // With nobody, or everybody, buying there is no order to judge.
    if (measures.auc === null || byRecency === null) continue;
    auc.push(measures.auc);
    ece.push(measures.ece);
    above.push(measures.auc - byRecency);
  }
  return { auc: middle(auc), ece: middle(ece), aucAboveRecency: middle(above) };
}

function middle(values: number[]): [number, number] {
  values.sort((one, other) => one - other);
  const at = (share: number) => values[Math.round(share * (values.length - 1))]!;
  return [at(0.025), at(0.975)];
}
