import { logHypergeometric } from './hypergeometric.js';
import { minimise } from './minimise.js';
import type { PurchaseRows } from './purchase-rows.js';
import { integrate } from './quadrature.js';
import { digamma, logGamma } from './special-functions.js';

/**
 * What BG/NBD and MBG/NBD share. Each person comes at an own rate λ ~ Gamma(r, rate alpha) and leaves for good with an own
 * chance p ~ Beta(a, b) right after coming. BG/NBD: nobody leaves before the second time (Fader, Hardie & Lee 2005).
 * MBG/NBD: one may leave right after the first (Batislam, Denizel & Filiztekin 2007).
 */
export interface GeometricDropoutParameters {
  r: number;
  /** In the unit of time of the rows it was fitted to. */
  alpha: number;
  a: number;
  b: number;
}

/** A person's past as these models see it: x, t_x and T. Times count from the first activity. */
export interface Purchases {
  repeats: number;
  lastAt: number;
  age: number;
}

export interface Fit<Parameters> {
  parameters: Parameters;
  logLikelihood: number;
  /** Different rows it was fitted to, and the people behind them. */
  rows: number;
  people: number;
  evaluations: number;
  isConverged: boolean;
}

/** When one may leave for the first time: after the first activity, or only after the second. */
export type FirstDropout = 'after_first' | 'after_second';

/** Chances to leave that a person still there after x repeats has stayed through. */
function staysOf(repeats: number, first: FirstDropout): number {
  return first === 'after_first' ? repeats + 1 : repeats;
}

/** Odds, before time is looked at, that the last chance to leave was taken against that it was not. */
function leavingOdds(a: number, b: number, stays: number): number {
  return stays === 0 ? 0 : a / (b + stays - 1);
}

/**
 * ln L of all rows, and its gradient by the logarithms of r, alpha, a, b:
 *
 * L = B(a, b+n)/B(a, b) · Γ(r+x)/Γ(r) · α^r · [(α+T)^−(r+x) + a/(b+n−1) · (α+t_x)^−(r+x)], with n chances to leave stayed
 * through; the second term is nothing for n = 0.
 */
export function geometricLogLikelihood(
  rows: PurchaseRows,
  { r, alpha, a, b }: GeometricDropoutParameters,
  first: FirstDropout,
  gradient?: Float64Array,
): number {
  const { length, level, levels, lastAt, age, count } = rows;
  const logAlpha = Math.log(alpha);
  const [digammaR, digammaAB, digammaB] = [digamma(r), digamma(a + b), digamma(b)];
  const constant = r * logAlpha - logGamma(r) + logGamma(a + b) - logGamma(b);
  const terms = new Float64Array(levels.length);
  const odds = new Float64Array(levels.length);
  const slopes = new Float64Array(levels.length * 3);
  for (let i = 0; i < levels.length; i += 1) {
    const x = levels[i]!;
    const stays = staysOf(x, first);
    terms[i] = constant + logGamma(r + x) + logGamma(b + stays) - logGamma(a + b + stays);
    odds[i] = leavingOdds(a, b, stays);
    if (gradient === undefined) continue;
    const digammaStayed = digamma(a + b + stays);
    slopes[3 * i] = digamma(r + x) - digammaR + logAlpha;
    slopes[3 * i + 1] = digammaAB - digammaStayed;
    slopes[3 * i + 2] = digamma(b + stays) - digammaStayed - digammaB + digammaAB;
  }

  let sum = 0;
  let [byR, byAlpha, byA, byB] = [0, 0, 0, 0];
  for (let row = 0; row < length; row += 1) {
    const i = level[row]!;
    const x = levels[i]!;
    const k = r + x;
    const logEnd = Math.log(alpha + age[row]!);
    const logLast = Math.log(alpha + lastAt[row]!);
    const gone = odds[i]! === 0 ? 0 : odds[i]! * Math.exp(k * (logEnd - logLast));
    // Beyond the range of numbers the second term is all there is.
    const logSum = gone < 1e300 ? -k * logEnd + Math.log1p(gone) : Math.log(odds[i]!) - k * logLast;
    const weight = count[row]!;
    sum += weight * (terms[i]! + logSum);
    if (gradient === undefined) continue;
    const alive = 1 / (1 + gone);
    const left = 1 - alive;
    byR += weight * (slopes[3 * i]! - alive * logEnd - left * logLast);
    byAlpha += weight * (r / alpha - k * (alive / (alpha + age[row]!) + left / (alpha + lastAt[row]!)));
    byA += weight * (slopes[3 * i + 1]! + left / a);
    byB += weight * (slopes[3 * i + 2]! - (left === 0 ? 0 : left / (b + staysOf(x, first) - 1)));
  }
  if (gradient !== undefined) {
    gradient[0] = byR * r;
    gradient[1] = byAlpha * alpha;
    gradient[2] = byA * a;
    gradient[3] = byB * b;
  }
  return sum;
}

/** Logarithms of parameters beyond this are pulled back softly: there the likelihood is flat, and all of it is the limit. */
const FAR = 7;

/** Adds the pull to a value and its gradient. */
export function pullBack(at: Float64Array, gradient: Float64Array): number {
  let value = 0;
  for (let i = 0; i < at.length; i += 1) {
    const beyond = Math.abs(at[i]!) - FAR;
    if (beyond <= 0) continue;
    value += 1e-3 * beyond * beyond;
    gradient[i]! += 2e-3 * beyond * Math.sign(at[i]!);
  }
  return value;
}

/** Maximum likelihood, in logarithms of the parameters. Time is scaled by the longest age on the way, so any unit does. */
function fitGeometric(rows: PurchaseRows, first: FirstDropout): Fit<GeometricDropoutParameters> {
  const scale = timeScale(rows);
  const scaled = inUnitsOf(rows, scale);
  const parametersAt = (at: Float64Array): GeometricDropoutParameters => ({
    r: Math.exp(at[0]!),
    alpha: Math.exp(at[1]!),
    a: Math.exp(at[2]!),
    b: Math.exp(at[3]!),
  });
  const minimum = minimise(
    (at, gradient) => {
      const value = -geometricLogLikelihood(scaled, parametersAt(at), first, gradient) / rows.people;
      for (let i = 0; i < gradient.length; i += 1) gradient[i] = -gradient[i]! / rows.people;
      return value + pullBack(at, gradient);
    },
    [Math.log(0.5), Math.log(0.3), 0, Math.log(2)],
  );
  const parameters = parametersAt(minimum.at);
  parameters.alpha *= scale;
  return {
    parameters,
    logLikelihood: geometricLogLikelihood(rows, parameters, first),
    rows: rows.length,
    people: rows.people,
    evaluations: minimum.evaluations,
    isConverged: minimum.isConverged,
  };
}

/** The longest age, or 1 where nobody has any. */
export function timeScale(rows: PurchaseRows): number {
  let longest = 0;
  for (const age of rows.age) longest = Math.max(longest, age);
  return longest > 0 ? longest : 1;
}

export function inUnitsOf(rows: PurchaseRows, scale: number): PurchaseRows {
  return {
    ...rows,
    lastAt: rows.lastAt.map((at) => at / scale),
    age: rows.age.map((at) => at / scale),
  };
}

/** P(still there at T). For BG/NBD 1 for everybody who never came back, which makes it no measure of churn. */
function geometricAlive(
  { r, alpha, a, b }: GeometricDropoutParameters,
  { repeats, lastAt, age }: Purchases,
  first: FirstDropout,
): number {
  const odds = leavingOdds(a, b, staysOf(repeats, first));
  return 1 / (1 + odds * Math.exp((r + repeats) * Math.log((alpha + age) / (alpha + lastAt))));
}

/**
 * P(active at least once in the `horizon` after T). Nobody leaves but by coming, so whoever is still there comes in time
 * unless the next arrival is later: P(alive) · [1 − ((α+T)/(α+T+h))^(r+x)].
 */
function geometricActive(
  parameters: GeometricDropoutParameters,
  purchases: Purchases,
  horizon: number,
  first: FirstDropout,
): number {
  const rest = parameters.alpha + purchases.age;
  const comes = -Math.expm1((parameters.r + purchases.repeats) * Math.log(rest / (rest + horizon)));
  return geometricAlive(parameters, purchases, first) * comes;
}

/**
 * Expected times active in the `horizon` after T (Fader, Hardie & Lee 2005, equation 10), with B = b + n:
 *
 * P(alive) · (a+B−1)/(a−1) · [1 − ((α+T)/(α+T+h))^(r+x) · ₂F₁(r+x, B; a+B−1; h/(α+T+h))].
 */
function geometricExpected(
  parameters: GeometricDropoutParameters,
  purchases: Purchases,
  horizon: number,
  first: FirstDropout,
): number {
  const { a } = parameters;
  const k = parameters.r + purchases.repeats;
  const stayed = parameters.b + staysOf(purchases.repeats, first);
  const rest = parameters.alpha + purchases.age;
  const alive = geometricAlive(parameters, purchases, first);
  // The formula is 0/0 at a = 1, and loses digits nearby; its series has no sign below a + B = 1.
  if (Math.abs(a - 1) < 1e-3 || a + stayed < 1 + 1e-3) {
    return alive * expectedByRate(k, rest, a, stayed, horizon);
  }
  const logStays =
    k * Math.log(rest / (rest + horizon)) +
    logHypergeometric(k, stayed, a + stayed - 1, horizon / (rest + horizon));
  return alive * ((a + stayed - 1) / (a - 1)) * -Math.expm1(logStays);
}

/**
 * The same as the integral of the rate of coming over the horizon: at s after T it is E[λ e^(−λps)] =
 * k/A · (A/(A+s))^(k+1) · ₂F₁(k+1, B; a+B; s/(A+s)), with A = α+T.
 */
function expectedByRate(k: number, rest: number, a: number, stayed: number, horizon: number): number {
  // In v = ln((A+s)/A) it falls by e^−kv: beyond e^−40 nothing is left, and a stretch of e^−10 is smooth.
  const length = Math.min(Math.log1p(horizon / rest), 40 / k);
  const panels = Math.ceil(length * Math.max(0.5, k / 10));
  let sum = 0;
  for (let panel = 0; panel < panels; panel += 1) {
    sum += integrate((panel * length) / panels, ((panel + 1) * length) / panels, (v) => {
      const share = -Math.expm1(-v);
      return k * Math.exp(-k * v + logHypergeometric(k + 1, stayed, a + stayed, share));
    });
  }
  return sum;
}

/** One of the family: the two differ in nothing but when somebody may first leave. */
export interface GeometricDropoutModel {
  fit(rows: PurchaseRows): Fit<GeometricDropoutParameters>;
  logLikelihood(rows: PurchaseRows, parameters: GeometricDropoutParameters): number;
  probabilityAlive(parameters: GeometricDropoutParameters, purchases: Purchases): number;
  /** P(active at least once in the `horizon` after T). */
  probabilityActive(parameters: GeometricDropoutParameters, purchases: Purchases, horizon: number): number;
  expectedTransactions(parameters: GeometricDropoutParameters, purchases: Purchases, horizon: number): number;
}

export function createGeometricModel(first: FirstDropout): GeometricDropoutModel {
  return {
    fit: (rows) => fitGeometric(rows, first),
    logLikelihood: (rows, parameters) => geometricLogLikelihood(rows, parameters, first),
    probabilityAlive: (parameters, purchases) => geometricAlive(parameters, purchases, first),
    probabilityActive: (parameters, purchases, horizon) =>
      geometricActive(parameters, purchases, horizon, first),
    expectedTransactions: (parameters, purchases, horizon) =>
      geometricExpected(parameters, purchases, horizon, first),
  };
}
