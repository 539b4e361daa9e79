import { logistic, logOdds } from './special-functions.js';

/** A map from probabilities to probabilities that never turns their order. */
export type Calibration =
  | { kind: 'none' }
  /** Platt scaling: logistic(intercept + slope · ln(p/(1−p))). */
  | { kind: 'platt'; intercept: number; slope: number }
  /** Straight between these points, constant outside of them; both ascend. */
  | { kind: 'isotonic'; from: number[]; to: number[] };

/** Log-odds of one in a million. */
const FARTHEST = 13.8;

export function calibrated(calibration: Calibration, probability: number): number {
  switch (calibration.kind) {
    case 'none':
      return probability;
    case 'platt':
      return logistic(withinReach(calibration.intercept + calibration.slope * logOdds(probability)));
    case 'isotonic':
      return interpolate(calibration.from, calibration.to, probability);
  }
}

/**
 * Platt, Probabilistic outputs for support vector machines, 1999: a logistic regression of what happened on the log-odds, by
 * Newton's method, with Platt's targets in place of 0 and 1. The slope is never below 0.
 */
export function fitPlatt(
  predicted: ArrayLike<number>,
  happened: ArrayLike<number>,
  weights?: ArrayLike<number>,
): Calibration {
  let [positives, negatives] = [0, 0];
  for (let i = 0; i < predicted.length; i += 1) {
    const weight = weights?.[i] ?? 1;
    if (happened[i] === 1) positives += weight;
    else negatives += weight;
  }
  const high = (positives + 1) / (positives + 2);
  const low = 1 / (negatives + 2);
  let [intercept, slope] = [0, 1];
  for (let step = 0; step < 50; step += 1) {
    // A little ridge towards the identity keeps the step finite when all scores are alike.
    let [g0, g1, h00, h01, h11] = [1e-6 * intercept, 1e-6 * (slope - 1), 1e-6, 0, 1e-6];
    for (let i = 0; i < predicted.length; i += 1) {
      const score = logOdds(predicted[i]!);
      const weight = weights?.[i] ?? 1;
      const p = logistic(intercept + slope * score);
      const error = weight * (p - (happened[i] === 1 ? high : low));
      const curve = weight * p * (1 - p);
      g0 += error;
      g1 += error * score;
      h00 += curve;
      h01 += curve * score;
      h11 += curve * score * score;
    }
    const determinant = h00 * h11 - h01 * h01;
    if (!(determinant > 0)) break;
    let [move0, move1] = [(h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant];
    const shrink = Math.min(1, 2 / Math.max(Math.abs(move0), Math.abs(move1)));
    [move0, move1] = [move0 * shrink, move1 * shrink];
    intercept -= move0;
    slope -= move1;
    if (Math.abs(move0) + Math.abs(move1) < 1e-10) break;
  }
  if (slope >= 0) return { kind: 'platt', intercept, slope };
  return { kind: 'platt', intercept: logOdds(positives / (positives + negatives)), slope: 0 };
}

/**
 * Isotonic regression by pooling adjacent violators (Ayer et al. 1955), with one half of a case of each kind in every pool, so
 * that nobody is given a probability of 0 or 1.
 */
export function fitIsotonic(predicted: ArrayLike<number>, happened: ArrayLike<number>): Calibration {
  const order = Uint32Array.from({ length: predicted.length }, (_, index) => index);
  order.sort((one, other) => predicted[one]! - predicted[other]!);
  const points: { at: number; value: number; weight: number }[] = [];
  for (let from = 0; from < order.length;) {
    const at = predicted[order[from]!]!;
    let [sum, weight] = [0, 0];
    for (; from < order.length && predicted[order[from]!] === at; from += 1) {
      sum += happened[order[from]!]!;
      weight += 1;
    }
    points.push({ at, value: sum / weight, weight });
  }
  const from: number[] = [];
  const to: number[] = [];
  for (const pool of poolAdjacentViolators(points)) {
    const value = (pool.value * pool.weight + 0.5) / (pool.weight + 1);
    // The half cases may turn the order of small neighbours.
    from.push(pool.at);
    to.push(Math.max(value, to.at(-1) ?? 0));
  }
  return { kind: 'isotonic', from, to };
}

export interface Pool {
  /** Weighted mean of the places pooled. */
  at: number;
  value: number;
  weight: number;
}

/** The ascending values nearest to the given ones in weighted squares; `points` in order of `at`. */
export function poolAdjacentViolators(points: readonly Pool[]): Pool[] {
  const pools: Pool[] = [];
  for (const point of points) {
    let pool = { ...point };
    for (let last = pools.at(-1); last !== undefined && last.value >= pool.value; last = pools.at(-1)) {
      const weight = last.weight + pool.weight;
      pool = {
        at: (last.at * last.weight + pool.at * pool.weight) / weight,
        value: (last.value * last.weight + pool.value * pool.weight) / weight,
        weight,
      };
      pools.pop();
    }
    pools.push(pool);
  }
  return pools;
}

/** Few cases may give a slope of any size; nothing is as certain as that. */
function withinReach(score: number): number {
  return Math.min(Math.max(score, -FARTHEST), FARTHEST);
}

function interpolate(from: readonly number[], to: readonly number[], at: number): number {
  if (from.length === 0) return at;
  if (at <= from[0]!) return to[0]!;
  if (at >= from.at(-1)!) return to.at(-1)!;
  let [low, high] = [0, from.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (from[middle]! <= at) low = middle;
    else high = middle;
  }
  const share = (at - from[low]!) / (from[high]! - from[low]!);
  return to[low]! + share * (to[high]! - to[low]!);
}
