import { inUnitsOf, pullBack, timeScale, type Fit, type Purchases } from './geometric-dropout.js';
import { minimise } from './minimise.js';
import type { PurchaseRows } from './purchase-rows.js';
import { gaussLegendre, integrate } from './quadrature.js';
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

const NODES = gaussLegendre(24);

/** What `leftBetween` found; one for all rows, so that a likelihood leaves no garbage. */
const left = { log: 0, meanLogAlpha: 0, meanInverseAlpha: 0, meanLogBeta: 0, meanInverseBeta: 0 };

/**
 * ln ∫ (α+y)^−k (β+y)^−(s+1) dy from t_x to T, and the means of ln(α+y), 1/(α+y), ln(β+y), 1/(β+y) under this weight. The
 * textbook writes it as a difference of two ₂F₁, which cancel; the integrand itself is positive and smooth. The factor that
 * falls faster is made the variable, so that the rest is nearly flat.
 */
function leftBetween(k: number, { alpha, s, beta }: ParetoNbdParameters, lastAt: number, age: number): void {
  const isAlphaFaster = k / (alpha + lastAt) >= (s + 1) / (beta + lastAt);
  const shift = isAlphaFaster ? alpha : beta;
  const power = isAlphaFaster ? k : s + 1;
  const start = shift + lastAt;
  const lowest = Math.exp(-power * Math.log((shift + age) / start));
  const half = (1 - lowest) / 2;
  let [sum, logAlpha, inverseAlpha, logBeta, inverseBeta] = [0, 0, 0, 0, 0];
  for (let node = 0; node < NODES.nodes.length; node += 1) {
    const fallen = lowest + half * (1 + NODES.nodes[node]!);
    const at = start * Math.exp(-Math.log(fallen) / power);
    const y = at - shift;
    const lnAlpha = Math.log(alpha + y);
    const lnBeta = Math.log(beta + y);
    const rest = isAlphaFaster
      ? -(s + 1) * (lnBeta - Math.log(beta + lastAt))
      : -k * (lnAlpha - Math.log(alpha + lastAt));
    const weight = NODES.weights[node]! * at * Math.exp(rest);
    sum += weight;
    logAlpha += weight * lnAlpha;
    inverseAlpha += weight / (alpha + y);
    logBeta += weight * lnBeta;
    inverseBeta += weight / (beta + y);
  }
  left.log =
    Math.log((sum * half) / power) - k * Math.log(alpha + lastAt) - (s + 1) * Math.log(beta + lastAt);
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
 * arrival is at u and finds the person still there. With w = ((α+T)/(α+T+u))^(r+x) it is P(alive) ∫ ((β+T)/(β+T+u))^s dw.
 */
function active(parameters: ParetoNbdParameters, purchases: Purchases, horizon: number): number {
  const k = parameters.r + purchases.repeats;
  const rest = parameters.alpha + purchases.age;
  const life = parameters.beta + purchases.age;
  const lowest = Math.exp(k * Math.log(rest / (rest + horizon)));
  const comes = integrate(lowest, 1, (w) => {
    const later = rest * Math.expm1(-Math.log(w) / k);
    return Math.exp(-parameters.s * Math.log1p(later / life));
  });
  return alive(parameters, purchases) * comes;
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
