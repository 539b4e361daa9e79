import { inUnitsOf, pullBack, timeScale, type Fit, type Purchases } from './geometric-dropout.js';
import { minimise } from './minimise.js';
import type { PurchaseRows } from './purchase-rows.js';
import { GAUSS_16 } from './quadrature.js';
import { digamma, logAddExp, logGamma } from './special-functions.js';

/**
 * Pareto/NBD: Schmittlein, Morrison & Colombo, Counting your customers: who are they and what will they do next?, Management
 * Science 33 (1987). Each person comes at an own rate λ ~ Gamma(r, rate alpha) for an own lifetime of rate μ ~ Gamma(s, rate
 * beta), and may leave at any moment.
 */
export interface ParetoNbdParameters {
  r: number;
  /** In the unit of time of the rows it was fitted to, as `beta`. */
  alpha: number;
  s: number;
  beta: number;
}

/** What `leftBetween` found; one for all rows, so that a likelihood leaves no garbage. */
const left = { log: 0, meanLogAlpha: 0, meanInverseAlpha: 0, meanLogBeta: 0, meanInverseBeta: 0 };

/** A stretch of v = ln(y + shift) that sixteen points cover, and a fall of the integrand's logarithm that they do. */
const LONGEST_PANEL = 4;
const DEEPEST_PANEL = 12;
const MOST_PANELS = 16;
/** Beyond a fall of e^−40 nothing is left to add. */
const DEEPEST = 40;

/**
 * ln ∫ (α+y)^−k (β+y)^−(s+1) dy from t_x to T, and the means of ln(α+y), 1/(α+y), ln(β+y), 1/(β+y) under this weight. The
 * textbook writes it as a difference of two ₂F₁, which cancel; the integrand itself is positive. In v = ln(y + min(α, β)) it
 * has no sharp bend, and its logarithm falls ever faster, by at most k + s for each unit.
 */
function leftBetween(k: number, { alpha, s, beta }: ParetoNbdParameters, lastAt: number, age: number): void {
  const shift = Math.min(alpha, beta);
  const start = shift + lastAt;
  const firstFall = start * (k / (alpha + lastAt) + (s + 1) / (beta + lastAt)) - 1;
  let length = Math.log((shift + age) / start);
  if (firstFall * length > DEEPEST) length = DEEPEST / firstFall;
  const panels = Math.min(
    MOST_PANELS,
    Math.ceil(length * Math.max(1 / LONGEST_PANEL, (k + s) / DEEPEST_PANEL)),
  );
  const half = length / panels / 2;
  const logStartAlpha = Math.log(alpha + lastAt);
  const logStartBeta = Math.log(beta + lastAt);
  let [sum, logAlpha, inverseAlpha, logBeta, inverseBeta] = [0, 0, 0, 0, 0];
  for (let panel = 0; panel < panels; panel += 1) {
    for (let node = 0; node < GAUSS_16.nodes.length; node += 1) {
      const at = start * Math.exp(half * (2 * panel + 1 + GAUSS_16.nodes[node]!));
      const y = at - shift;
      const lnAlpha = Math.log(alpha + y);
      const lnBeta = Math.log(beta + y);
      const fall = k * (lnAlpha - logStartAlpha) + (s + 1) * (lnBeta - logStartBeta);
      const weight = GAUSS_16.weights[node]! * at * Math.exp(-fall);
      sum += weight;
      logAlpha += weight * lnAlpha;
      inverseAlpha += weight / (alpha + y);
      logBeta += weight * lnBeta;
      inverseBeta += weight / (beta + y);
    }
  }
  left.log = Math.log(half * sum) - k * logStartAlpha - (s + 1) * logStartBeta;
  left.meanLogAlpha = logAlpha / sum;
  left.meanInverseAlpha = inverseAlpha / sum;
  left.meanLogBeta = logBeta / sum;
  left.meanInverseBeta = inverseBeta / sum;
}

/**
 * ln L of all rows, and its gradient by the logarithms of r, alpha, s, beta:
 *
 * L = Γ(r+x)/Γ(r) · α^r β^s · [(α+T)^−(r+x) (β+T)^−s + s ∫ (α+y)^−(r+x) (β+y)^−(s+1) dy], y from t_x to T.
 */
export function paretoLogLikelihood(
  rows: PurchaseRows,
  parameters: ParetoNbdParameters,
  gradient?: Float64Array,
): number {
  const { r, alpha, s, beta } = parameters;
  const { length, level, levels, lastAt, age, count } = rows;
  const [logAlpha, logBeta, logS, digammaR] = [Math.log(alpha), Math.log(beta), Math.log(s), digamma(r)];
  const constant = r * logAlpha + s * logBeta - logGamma(r);
  const terms = levels.map((x) => constant + logGamma(r + x));
  const slopes = levels.map((x) => digamma(r + x) - digammaR + logAlpha);
  let sum = 0;
  let [byR, byAlpha, byS, byBeta] = [0, 0, 0, 0];
  for (let row = 0; row < length; row += 1) {
    const i = level[row]!;
    const k = r + levels[i]!;
    const weight = count[row]!;
    const logEndAlpha = Math.log(alpha + age[row]!);
    const logEndBeta = Math.log(beta + age[row]!);
    const stays = -k * logEndAlpha - s * logEndBeta;
    let logSum = stays;
    if (age[row]! > lastAt[row]!) {
      leftBetween(k, parameters, lastAt[row]!, age[row]!);
      logSum = logAddExp(stays, logS + left.log);
    }
    sum += weight * (terms[i]! + logSum);
    if (gradient === undefined) continue;
    const alive = Math.exp(stays - logSum);
    const gone = age[row]! > lastAt[row]! ? 1 - alive : 0;
    byR += weight * (slopes[i]! - alive * logEndAlpha - gone * left.meanLogAlpha);
    byAlpha += weight * (r / alpha - k * (alive / (alpha + age[row]!) + gone * left.meanInverseAlpha));
    byS += weight * (logBeta - alive * logEndBeta + gone * (1 / s - left.meanLogBeta));
    byBeta += weight * (s / beta - (s * alive) / (beta + age[row]!) - (s + 1) * gone * left.meanInverseBeta);
  }
  if (gradient !== undefined) {
    gradient[0] = byR * r;
    gradient[1] = byAlpha * alpha;
    gradient[2] = byS * s;
    gradient[3] = byBeta * beta;
  }
  return sum;
}

function fitPareto(rows: PurchaseRows): Fit<ParetoNbdParameters> {
  const scale = timeScale(rows);
  const scaled = inUnitsOf(rows, scale);
  const parametersAt = (at: Float64Array): ParetoNbdParameters => ({
    r: Math.exp(at[0]!),
    alpha: Math.exp(at[1]!),
    s: Math.exp(at[2]!),
    beta: Math.exp(at[3]!),
  });
  const minimum = minimise(
    (at, gradient) => {
      const value = -paretoLogLikelihood(scaled, parametersAt(at), gradient) / rows.people;
      for (let i = 0; i < gradient.length; i += 1) gradient[i] = -gradient[i]! / rows.people;
      return value + pullBack(at, gradient);
    },
    [Math.log(0.5), Math.log(0.3), Math.log(0.5), Math.log(0.3)],
  );
  const parameters = parametersAt(minimum.at);
  parameters.alpha *= scale;
  parameters.beta *= scale;
  return {
    parameters,
    logLikelihood: paretoLogLikelihood(rows, parameters),
    rows: rows.length,
    people: rows.people,
    evaluations: minimum.evaluations,
    isConverged: minimum.isConverged,
  };
}

function alive(parameters: ParetoNbdParameters, { repeats, lastAt, age }: Purchases): number {
  if (age <= lastAt) return 1;
  const { r, alpha, s, beta } = parameters;
  const k = r + repeats;
  leftBetween(k, parameters, lastAt, age);
  const stays = -k * Math.log(alpha + age) - s * Math.log(beta + age);
  return 1 / (1 + s * Math.exp(left.log - stays));
}

/**
 * P(active at least once in the `horizon` h after T) = P(alive) · ∫ E[λ e^(−λu)] E[e^(−μu)] du, u from 0 to h: the next
 * arrival is at u and finds the person still there. With k = r+x it is P(alive) · k (α+T)^k (β+T)^s · ∫ (α+y)^−(k+1) (β+y)^−s
 * dy, y from T to T+h.
 */
function active(parameters: ParetoNbdParameters, purchases: Purchases, horizon: number): number {
  const { r, alpha, s, beta } = parameters;
  const { repeats, age } = purchases;
  const k = r + repeats;
  const stillThere = alive(parameters, purchases);
  leftBetween(k + 1, { r, alpha, s: s - 1, beta }, age, age + horizon);
  return stillThere * Math.exp(left.log + Math.log(k) + k * Math.log(alpha + age) + s * Math.log(beta + age));
}

/**
 * Expected times active in the `horizon` h after T: P(alive) · (r+x)(β+T)/((α+T)(s−1)) · [1 − ((β+T)/(β+T+h))^(s−1)], which at
 * s = 1 is a logarithm.
 */
function expected(parameters: ParetoNbdParameters, purchases: Purchases, horizon: number): number {
  const { r, alpha, s, beta } = parameters;
  const life = beta + purchases.age;
  const logGrowth = Math.log1p(horizon / life);
  const lasting = Math.abs(s - 1) < 1e-9 ? logGrowth : -Math.expm1(-(s - 1) * logGrowth) / (s - 1);
  const rate = (r + purchases.repeats) / (alpha + purchases.age);
  return alive(parameters, purchases) * rate * life * lasting;
}

export const paretoNbd = {
  fit: fitPareto,
  logLikelihood: (rows: PurchaseRows, parameters: ParetoNbdParameters): number =>
    paretoLogLikelihood(rows, parameters),
  probabilityAlive: alive,
  probabilityActive: active,
  expectedTransactions: expected,
};
