import type { LogisticModel } from './churn-model.js';
import { logistic } from './special-functions.js';

export interface LogisticInput {
  names: readonly string[];
  /** Rows of features, one after the other. */
  features: Float64Array;
  /** 1 or 0 a row. */
  happened: ArrayLike<number>;
  /** Default 1 a row. */
  weights?: ArrayLike<number>;
  /** What each weight is drawn to, in log-odds a unit of the feature. Default 0. */
  prior?: readonly number[];
  /** Strength with which standardised weights are drawn to the prior: as that many certain cases. Default 1. */
  ridge?: number;
  /** A model of the same features to start at: of nearly the same rows it saves most steps. By default it starts at the prior. */
  start?: LogisticModel;
}

/**
 * Logistic regression with a ridge, by iteratively reweighted least squares (McCullagh & Nelder, Generalized linear models,
 * 1989; le Cessie & van Houwelingen, Ridge estimators in logistic regression, 1992). Features are standardised; the intercept
 * is not drawn anywhere.
 */
export function fitLogistic(input: LogisticInput): LogisticModel {
  const { names, features, happened, weights, prior, ridge = 1, start } = input;
  const width = names.length;
  const rows = happened.length;
  const { means, scales } = standardise(features, width, weights, rows);

  // Weights of standardised features, the intercept last. It starts where the prior is, for rows as they are.
  const size = width + 1;
  let beta = new Float64Array(size);
  const target = new Float64Array(width);
  for (let i = 0; i < width; i += 1) {
    beta[i] = target[i] = (prior?.[i] ?? 0) * scales[i]!;
    beta[width]! += (prior?.[i] ?? 0) * means[i]!;
  }
  if (start !== undefined) {
    beta[width] = start.intercept;
    for (let i = 0; i < width; i += 1) {
      const slope = start.weights[i]! / start.scales[i]!;
      beta[i] = slope * scales[i]!;
      beta[width] += slope * (means[i]! - start.means[i]!);
    }
  }
  const inverseScales = scales.map((scale) => 1 / scale);
  const row = new Float64Array(size);
  row[width] = 1;
  const gradient = new Float64Array(size);
  const curvature = new Float64Array(size * size);

  /** Half of the penalised deviance, and its derivatives. */
  function evaluate(at: Float64Array): number {
    gradient.fill(0);
    curvature.fill(0);
    let value = 0;
    for (let index = 0; index < rows; index += 1) {
      const weight = weights?.[index] ?? 1;
      if (weight === 0) continue;
      let score = at[width]!;
      for (let i = 0; i < width; i += 1) {
        row[i] = (features[index * width + i]! - means[i]!) * inverseScales[i]!;
        score += at[i]! * row[i]!;
      }
      const p = logistic(score);
      // −ln of the probability of what happened: ln(1 + e^∓score).
      const against = happened[index] === 1 ? -score : score;
      value +=
        weight * (against > 0 ? against + Math.log1p(Math.exp(-against)) : Math.log1p(Math.exp(against)));
      const error = weight * (happened[index]! - p);
      const curve = weight * p * (1 - p);
      for (let i = 0; i < size; i += 1) {
        gradient[i]! += error * row[i]!;
        const scaled = curve * row[i]!;
        for (let j = 0; j <= i; j += 1) curvature[i * size + j]! += scaled * row[j]!;
      }
    }
    for (let i = 0; i < width; i += 1) {
      const off = at[i]! - target[i]!;
      value += (ridge * off * off) / 2;
      gradient[i]! -= ridge * off;
      curvature[i * size + i]! += ridge;
    }
    curvature[size * size - 1]! += 1e-9;
    return value;
  }

  let value = evaluate(beta);
  for (let step = 0; step < 50; step += 1) {
    const move = solvePositive(curvature, gradient, size);
    let [longest, gain] = [0, 0];
    for (let i = 0; i < size; i += 1) {
      longest = Math.max(longest, Math.abs(move[i]!));
      gain += move[i]! * gradient[i]!;
    }
    if (longest < 1e-8 || gain < 1e-10 * (1 + value)) break;
    // A whole step is nearly always right; far from the answer it may overshoot.
    let isLower = false;
    for (let share = 1; share > 1e-4 && !isLower; share /= 2) {
      const next = beta.map((part, i) => part + share * move[i]!);
      const nextValue = evaluate(next);
      if (!(nextValue < value)) continue;
      isLower = true;
      beta = next;
      value = nextValue;
    }
    if (!isLower) break;
  }
  return {
    features: [...names],
    means: [...means],
    scales: [...scales],
    weights: [...beta.subarray(0, width)],
    intercept: beta[width]!,
  };
}

/** Log-odds of one row that starts at `offset`. */
export function logisticScore(model: LogisticModel, features: Float64Array, offset = 0): number {
  let score = model.intercept;
  for (let i = 0; i < model.weights.length; i += 1) {
    score += (model.weights[i]! * (features[offset + i]! - model.means[i]!)) / model.scales[i]!;
  }
  return score;
}

function standardise(
  features: Float64Array,
  width: number,
  weights: ArrayLike<number> | undefined,
  rows: number,
): { means: Float64Array; scales: Float64Array } {
  const means = new Float64Array(width);
  const scales = new Float64Array(width);
  let total = 0;
  for (let at = 0; at < rows; at += 1) {
    const weight = weights?.[at] ?? 1;
    total += weight;
    for (let i = 0; i < width; i += 1) means[i]! += weight * features[at * width + i]!;
  }
  for (let i = 0; i < width; i += 1) means[i]! /= total;
  for (let at = 0; at < rows; at += 1) {
    const weight = weights?.[at] ?? 1;
    for (let i = 0; i < width; i += 1) {
      scales[i]! += weight * (features[at * width + i]! - means[i]!) ** 2;
    }
  }
  for (let i = 0; i < width; i += 1) {
    const deviation = Math.sqrt(scales[i]! / total);
    // A feature that is the same for everybody says nothing.
    scales[i] = deviation > 1e-9 ? deviation : 1;
  }
  return { means, scales };
}

/** Solves a system of a symmetric positive matrix, given by its lower half, by Cholesky's decomposition. */
function solvePositive(lower: Float64Array, right: Float64Array, size: number): Float64Array {
  const factor = new Float64Array(size * size);
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let sum = lower[i * size + j]!;
      for (let k = 0; k < j; k += 1) sum -= factor[i * size + k]! * factor[j * size + k]!;
      factor[i * size + j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / factor[j * size + j]!;
    }
  }
  const solution = Float64Array.from(right);
  for (let i = 0; i < size; i += 1) {
    for (let k = 0; k < i; k += 1) solution[i]! -= factor[i * size + k]! * solution[k]!;
    solution[i]! /= factor[i * size + i]!;
  }
  for (let i = size - 1; i >= 0; i -= 1) {
    for (let k = i + 1; k < size; k += 1) solution[i]! -= factor[k * size + i]! * solution[k]!;
    solution[i]! /= factor[i * size + i]!;
  }
  return solution;
}
