/**
 * The negative binomial distribution as the predictive of a count whose rate is itself uncertain: a Poisson count whose
 * mean is Gamma distributed with mean `mean` and relative variance `spread` (squared coefficient of variation), so
 * Var = mean + spread·mean². Tails by the incomplete beta function (DLMF 8.17.22, continued fraction by Lentz's method):
 * P(X ≤ k) = I_q(r, k+1) and P(X ≥ k) = I_{1-q}(k, r) with r = 1/spread, q = 1/(1 + spread·mean). Logarithms, so tails far
 * below 1e-300 keep their order.
 */

/** Below it a spread is taken for this: nobody knows a rate better than to one in a hundred. */
export const SMALLEST_SPREAD = 1e-4;

/** ln P(X ≥ count). */
export function lnUpperTail(count: number, mean: number, spread: number): number {
  if (count <= 0) return 0;
  const size = 1 / Math.max(spread, SMALLEST_SPREAD);
  return lnIncompleteBeta(mean / (size + mean), size / (size + mean), count, size);
}

/** ln P(X ≤ count). */
export function lnLowerTail(count: number, mean: number, spread: number): number {
  if (count < 0) return Number.NEGATIVE_INFINITY;
  const size = 1 / Math.max(spread, SMALLEST_SPREAD);
  return lnIncompleteBeta(size / (size + mean), mean / (size + mean), size, count + 1);
}

/** ln P(X = count). */
export function lnMass(count: number, mean: number, spread: number): number {
  const size = 1 / Math.max(spread, SMALLEST_SPREAD);
  return (
    lnGamma(count + size) -
    lnGamma(size) -
    lnGamma(count + 1) +
    size * Math.log(size / (size + mean)) +
    (count === 0 ? 0 : count * Math.log(mean / (size + mean)))
  );
}

/**
 * ln of the tail with half of the count's own mass (mid-p; Lancaster 1961). A tail of a discrete count is too large by half
 * a step on average; this one is right on average, so rates of alerts come out as configured for small counts, too.
 */
export function lnMidTail(count: number, mean: number, spread: number, direction: 'up' | 'down'): number {
  const lnTail = direction === 'up' ? lnUpperTail(count, mean, spread) : lnLowerTail(count, mean, spread);
  return lnTail + Math.log1p(-0.5 * Math.min(1, Math.exp(lnMass(count, mean, spread) - lnTail)));
}

/** Largest count whose upper tail is larger than exp(lnTail). */
export function highestOrdinary(mean: number, spread: number, lnTail: number): number {
  const reach = Math.sqrt(-2 * lnTail) * Math.sqrt(mean + spread * mean * mean);
  const excess = (count: number): number => lnUpperTail(count, mean, spread) - lnTail;
  return Math.ceil(solve(excess, mean + 0.7 * reach, mean + reach + 1)) - 1;
}

/** Smallest count whose lower tail is larger than exp(lnTail). */
export function lowestOrdinary(mean: number, spread: number, lnTail: number): number {
  const excess = (count: number): number => lnLowerTail(count, mean, spread) - lnTail;
  if (excess(0) > 0) return 0;
  const reach = Math.sqrt(-2 * lnTail) * Math.sqrt(mean + spread * mean * mean);
  return Math.floor(solve(excess, Math.max(0, mean - 0.8 * reach), Math.max(0, mean - 0.6 * reach))) + 1;
}

/** Where a monotone function is zero, by secants kept inside what is known to enclose it; to a thousandth of a count. */
function solve(f: (x: number) => number, a: number, b: number): number {
  let x0 = a;
  let x1 = b === a ? a + 1 : b;
  let f0 = f(x0);
  let f1 = f(x1);
  for (let i = 0; i < 40 && Math.abs(x1 - x0) > 1e-3; i++) {
    const slope = (f1 - f0) / (x1 - x0);
    const reach = Math.max(2, 0.5 * Math.max(x0, x1));
    const move = slope === 0 ? reach : Math.max(-reach, Math.min(reach, -f1 / slope));
    x0 = x1;
    f0 = f1;
    x1 = Math.max(0, x1 + move);
    f1 = f(x1);
  }
  return x1;
}

/** ln I_x(a, b) where y = 1 - x is given, too: small ones keep their digits. */
function lnIncompleteBeta(x: number, y: number, a: number, b: number): number {
  if (x <= 0) return Number.NEGATIVE_INFINITY;
  if (y <= 0) return 0;
  const lnFront = lnGamma(a + b) - lnGamma(a) - lnGamma(b) + a * Math.log(x) + b * Math.log(y);
  if (x < (a + 1) / (a + b + 2)) return Math.min(0, lnFront + Math.log(betaFraction(x, a, b) / a));
  const rest = Math.exp(lnFront) * (betaFraction(y, b, a) / b);
  return rest >= 1 ? Number.NEGATIVE_INFINITY : Math.log1p(-rest);
}

function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  let c = 1;
  let d = 1 - ((a + b) * x) / (a + 1);
  d = 1 / (Math.abs(d) < tiny ? tiny : d);
  let result = d;
  for (let m = 1; m <= 2000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 + even * d;
    d = 1 / (Math.abs(d) < tiny ? tiny : d);
    c = 1 + even / c;
    if (Math.abs(c) < tiny) c = tiny;
    result *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 + odd * d;
    d = 1 / (Math.abs(d) < tiny ? tiny : d);
    c = 1 + odd / c;
    if (Math.abs(c) < tiny) c = tiny;
    const step = d * c;
    result *= step;
    if (Math.abs(step - 1) < 1e-10) break;
  }
  return result;
}

/** ln Γ(x) for x > 0: Stirling's series (DLMF 5.11.1), after the recurrence has lifted x to 9. */
export function lnGamma(x: number): number {
  let shift = 1;
  let at = x;
  while (at < 9) {
    shift *= at;
    at += 1;
  }
  const inverse = 1 / at;
  const square = inverse * inverse;
  const series =
    inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188))));
  return (at - 0.5) * Math.log(at) - at + 0.9189385332046727 + series - Math.log(shift);
}
