/** How good probabilities were, against what happened. */
export interface Measures {
  people: number;
  /** Those of whom it happened. */
  happened: number;
  /** Chance that one of whom it happened was given more than one of whom it did not; null: all were alike. */
  auc: number | null;
  /** Expected calibration error over ten groups of equal size. */
  ece: number;
  /** Mean squared error. */
  brier: number;
  /** Mean of −ln of the probability given to what happened. */
  logLoss: number;
  /** How many times the overall share happened among the tenth given most; null: it happened to nobody. */
  liftTopDecile: number | null;
}

/** One group of people of like probabilities. */
export interface CalibrationBin {
  people: number;
  lowest: number;
  highest: number;
  meanPredicted: number;
  /** Share of whom it happened. */
  observed: number;
}

/**
 * @param predicted probabilities
 * @param happened 1 or 0, in the same order
 */
export function measure(predicted: ArrayLike<number>, happened: ArrayLike<number>): Measures {
  const people = predicted.length;
  const order = orderOf(predicted);
  let [positives, squared, loss] = [0, 0, 0];
  for (let i = 0; i < people; i += 1) {
    const p = Math.min(Math.max(predicted[i]!, 1e-15), 1 - 1e-15);
    positives += happened[i]!;
    squared += (predicted[i]! - happened[i]!) ** 2;
    loss -= happened[i]! === 1 ? Math.log(p) : Math.log1p(-p);
  }
  return {
    people,
    happened: positives,
    auc: aucInOrder(predicted, happened, order),
    ece: binsInOrder(predicted, happened, order, 10).reduce(
      (sum, bin) => sum + (bin.people / people) * Math.abs(bin.meanPredicted - bin.observed),
      0,
    ),
    brier: people === 0 ? 0 : squared / people,
    logLoss: people === 0 ? 0 : loss / people,
    liftTopDecile: liftInOrder(predicted, happened, order),
  };
}

/** Area under the curve of true against false positives: the statistic of Mann and Whitney, equal scores counted half. */
export function areaUnderCurve(score: ArrayLike<number>, happened: ArrayLike<number>): number | null {
  return aucInOrder(score, happened, orderOf(score));
}

/** Standard error of an area under the curve (Hanley & McNeil, Radiology 143, 1982); 0 where there is no area. */
export function areaError({ auc, people, happened }: Pick<Measures, 'auc' | 'people' | 'happened'>): number {
  if (auc === null) return 0;
  const others = people - happened;
  const bothAbove = auc / (2 - auc);
  const bothBelow = (2 * auc * auc) / (1 + auc);
  const variance =
    auc * (1 - auc) + (happened - 1) * (bothAbove - auc * auc) + (others - 1) * (bothBelow - auc * auc);
  return Math.sqrt(Math.max(0, variance) / (happened * others));
}

/** Groups of equal size, from the least probable to the most. */
export function calibrationTable(
  predicted: ArrayLike<number>,
  happened: ArrayLike<number>,
  groups = 10,
): CalibrationBin[] {
  return binsInOrder(predicted, happened, orderOf(predicted), groups);
}

function orderOf(score: ArrayLike<number>): Uint32Array {
  const order = Uint32Array.from({ length: score.length }, (_, index) => index);
  return order.sort((one, other) => score[one]! - score[other]!);
}

function aucInOrder(
  score: ArrayLike<number>,
  happened: ArrayLike<number>,
  order: Uint32Array,
): number | null {
  let [positives, rankSum] = [0, 0];
  for (let from = 0; from < order.length;) {
    let to = from;
    let here = 0;
    while (to < order.length && score[order[to]!] === score[order[from]!]) {
      here += happened[order[to]!]!;
      to += 1;
    }
    rankSum += here * ((from + 1 + to) / 2);
    positives += here;
    from = to;
  }
  const negatives = order.length - positives;
  if (positives === 0 || negatives === 0) return null;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

function binsInOrder(
  predicted: ArrayLike<number>,
  happened: ArrayLike<number>,
  order: Uint32Array,
  groups: number,
): CalibrationBin[] {
  const bins: CalibrationBin[] = [];
  for (let group = 0; group < groups; group += 1) {
    const from = Math.round((group * order.length) / groups);
    const to = Math.round(((group + 1) * order.length) / groups);
    if (to === from) continue;
    let [sum, count] = [0, 0];
    for (let i = from; i < to; i += 1) {
      sum += predicted[order[i]!]!;
      count += happened[order[i]!]!;
    }
    bins.push({
      people: to - from,
      lowest: predicted[order[from]!]!,
      highest: predicted[order[to - 1]!]!,
      meanPredicted: sum / (to - from),
      observed: count / (to - from),
    });
  }
  return bins;
}

/** Of people with the same score at the edge of the tenth, each counts in part. */
function liftInOrder(
  score: ArrayLike<number>,
  happened: ArrayLike<number>,
  order: Uint32Array,
): number | null {
  const top = order.length / 10;
  let [positives, inTop, taken] = [0, 0, 0];
  for (let to = order.length; to > 0;) {
    let from = to;
    let here = 0;
    while (from > 0 && score[order[from - 1]!] === score[order[to - 1]!]) {
      from -= 1;
      here += happened[order[from]!]!;
    }
    const share = Math.min(1, Math.max(0, (top - taken) / (to - from)));
    inTop += share * here;
    taken += to - from;
    positives += here;
    to = from;
  }
  return positives === 0 ? null : inTop / top / (positives / order.length);
}
