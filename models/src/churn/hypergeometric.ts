import { logBeta } from './special-functions.js';

const MAX_TERMS = 20_000;
/** Nearer to 1 the series is slow. */
const SERIES_UP_TO = 0.95;

/**
 * ln ₂F₁(a, b; c; z) for a, b ≥ 0, c > 0 and 0 ≤ z < 1, where every term of the series is positive.
 *
 * The series is summed with its scale kept apart, so that it never overflows. Close to z = 1, where it is slow, Euler's
 * integral takes over, if c > b or c > a allows it.
 */
export function logHypergeometric(a: number, b: number, c: number, z: number): number {
  if (z > SERIES_UP_TO) {
    if (c > b && b > 0) return eulerIntegral(a, b, c, z);
    if (c > a && a > 0) return eulerIntegral(b, a, c, z);
  }
  return series(a, b, c, z);
}

function series(a: number, b: number, c: number, z: number): number {
  let sum = 1;
  let term = 1;
  let logScale = 0;
  for (let n = 0; n < MAX_TERMS; n += 1) {
    const ratio = (((a + n) * (b + n)) / ((c + n) * (n + 1))) * z;
    term *= ratio;
    sum += term;
    // What is left is no more than a geometric series once the ratio falls.
    if (ratio < 1 && term * Math.max(1, ratio / (1 - ratio)) < 1e-16 * sum) break;
    if (sum > 1e200) {
      logScale += Math.log(sum);
      term /= sum;
      sum = 1;
    }
  }
  return logScale + Math.log(sum);
}

/**
 * ∫₀¹ t^(b−1) (1−t)^(c−b−1) (1−zt)^(−a) dt / B(b, c−b), by the trapezoidal rule on t = 1/(1+e^(−π sinh u)): both ends may be
 * singular (Takahasi & Mori 1974).
 */
function eulerIntegral(a: number, b: number, c: number, z: number): number {
  const step = 1 / 64;
  const logs: number[] = [];
  let highest = Number.NEGATIVE_INFINITY;
  for (let node = -6 / step; node <= 6 / step; node += 1) {
    const u = node * step;
    const v = Math.PI * Math.sinh(u);
    // ln t and ln(1 − t) without losing what is small.
    const logT = v > 0 ? -Math.log1p(Math.exp(-v)) : v - Math.log1p(Math.exp(v));
    const logRest = logT - v;
    // 1 − zt = (1 − t) + (1 − z)t
    const logFactor = Math.log(Math.exp(logRest) + (1 - z) * Math.exp(logT));
    const logJacobian = logT + logRest + Math.log(Math.PI * Math.cosh(u));
    const value = (b - 1) * logT + (c - b - 1) * logRest - a * logFactor + logJacobian;
    if (!Number.isFinite(value)) continue;
    logs.push(value);
    highest = Math.max(highest, value);
  }
  let sum = 0;
  for (const value of logs) sum += Math.exp(value - highest);
  return highest + Math.log(sum * step) - logBeta(b, c - b);
}
