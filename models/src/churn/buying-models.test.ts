import { describe, expect, test } from 'vitest';
import { bgNbd } from './bg-nbd.js';
import {
  geometricLogLikelihood,
  type GeometricDropoutParameters,
  type Purchases,
} from './geometric-dropout.js';
import { logHypergeometric } from './hypergeometric.js';
import { mbgNbd } from './mbg-nbd.js';
import { paretoLogLikelihood, paretoNbd, type ParetoNbdParameters } from './pareto-nbd.js';
import { createPurchaseRows, type PurchaseRows } from './purchase-rows.js';
import { simulatePeople, type Law } from './simulated-population.js';
import { logBeta, logGamma } from './special-functions.js';

const ROWS: Purchases[] = [
  { repeats: 0, lastAt: 0, age: 38.9 },
  { repeats: 0, lastAt: 0, age: 5 },
  { repeats: 1, lastAt: 2, age: 30 },
  { repeats: 2, lastAt: 30.43, age: 38.86 },
  { repeats: 7, lastAt: 29.43, age: 38.86 },
  { repeats: 26, lastAt: 30.9, age: 31 },
];
const GEOMETRIC: GeometricDropoutParameters[] = [
  { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 },
  { r: 2.1, alpha: 9, a: 1.7, b: 0.6 },
  { r: 0.9, alpha: 3, a: 1, b: 2 },
];
const PARETO: ParetoNbdParameters[] = [
  { r: 0.553, alpha: 10.578, s: 0.606, beta: 11.669 },
  { r: 1.5, alpha: 4, s: 2.5, beta: 60 },
  { r: 0.8, alpha: 30, s: 1, beta: 2 },
];

/** E of f(λ, p) over λ ~ Gamma(r, rate alpha) and p ~ Beta(a, b): the trapezoidal rule in ln λ and the log-odds of p. */
function meanOverBeta(
  { r, alpha, a, b }: GeometricDropoutParameters,
  f: (rate: number, leaves: number) => number,
): number {
  let sum = 0;
  const step = 0.3;
  for (let u = -120; u <= 12; u += step) {
    const rate = Math.exp(u);
    const rateDensity = Math.exp(r * Math.log(alpha) - logGamma(r) + r * u - alpha * rate);
    if (rateDensity < 1e-40) continue;
    for (let v = -40; v <= 40; v += step) {
      const leaves = 1 / (1 + Math.exp(-v));
      const stays = 1 / (1 + Math.exp(v));
      const density = Math.exp(a * Math.log(leaves) + b * Math.log(stays) - logBeta(a, b));
      sum += step * step * rateDensity * density * f(rate, leaves);
    }
  }
  return sum;
}

/** The same over λ ~ Gamma(r, rate alpha) and μ ~ Gamma(s, rate beta). */
function meanOverGamma(
  { r, alpha, s, beta }: ParetoNbdParameters,
  f: (rate: number, dropout: number) => number,
): number {
  let sum = 0;
  const step = 0.3;
  for (let u = -120; u <= 12; u += step) {
    const rate = Math.exp(u);
    const rateDensity = Math.exp(r * Math.log(alpha) - logGamma(r) + r * u - alpha * rate);
    if (rateDensity < 1e-40) continue;
    for (let v = -60; v <= 12; v += step) {
      const dropout = Math.exp(v);
      const density = Math.exp(s * Math.log(beta) - logGamma(s) + s * v - beta * dropout);
      sum += step * step * rateDensity * density * f(rate, dropout);
    }
  }
  return sum;
}

function rowsOf(people: readonly Purchases[]): PurchaseRows {
  const builder = createPurchaseRows();
  for (const { repeats, lastAt, age } of people) builder.add(repeats, lastAt, age);
  return builder.build();
}

function relative(ours: number, independent: number): number {
  return Math.abs(ours / independent - 1);
}

describe.each([
  { name: 'BG/NBD', model: bgNbd, kind: 'bg-nbd', first: 'after_second' },
  { name: 'MBG/NBD', model: mbgNbd, kind: 'mbg-nbd', first: 'after_first' },
] as const)('$name', ({ model, kind, first }) => {
  /** Chances to leave stayed through, and whether the last of them may have been taken. */
  const stays = (x: number) => (first === 'after_first' ? x + 1 : x);
  const likelihoodOfOne =
    ({ repeats: x, lastAt, age }: Purchases) =>
    (rate: number, leaves: number) => {
      const n = stays(x);
      const there = rate ** x * (1 - leaves) ** n * Math.exp(-rate * age);
      const gone = n === 0 ? 0 : leaves * (1 - leaves) ** (n - 1) * rate ** x * Math.exp(-rate * lastAt);
      return there + gone;
    };

  test('likelihood, P(active) and expected times are those of integrating over all rates and chances', () => {
    for (const parameters of GEOMETRIC) {
      for (const purchases of ROWS.slice(0, 5)) {
        const { repeats: x, age } = purchases;
        const whole = meanOverBeta(parameters, likelihoodOfOne(purchases));
        const thereThen = (rate: number, leaves: number) =>
          rate ** x * (1 - leaves) ** stays(x) * Math.exp(-rate * age);
        const active = meanOverBeta(
          parameters,
          (rate, leaves) => thereThen(rate, leaves) * -Math.expm1(-rate * 39),
        );
        const expected = meanOverBeta(
          parameters,
          (rate, leaves) => (thereThen(rate, leaves) * -Math.expm1(-rate * leaves * 39)) / leaves,
        );

        expect(relative(Math.exp(model.logLikelihood(rowsOf([purchases]), parameters)), whole)).toBeLessThan(
          1e-6,
        );
        expect(relative(model.probabilityActive(parameters, purchases, 39), active / whole)).toBeLessThan(
          1e-6,
        );
        expect(
          relative(model.expectedTransactions(parameters, purchases, 39), expected / whole),
        ).toBeLessThan(1e-5);
      }
    }
  });

  test('the gradient is the slope of the likelihood', () => {
    const rows = rowsOf(ROWS);
    for (const parameters of GEOMETRIC) {
      const gradient = new Float64Array(4);
      geometricLogLikelihood(rows, parameters, first, gradient);
      for (const [index, name] of (['r', 'alpha', 'a', 'b'] as const).entries()) {
        const at = (factor: number) =>
          geometricLogLikelihood(rows, { ...parameters, [name]: parameters[name] * factor }, first);
        const slope = (at(Math.exp(1e-5)) - at(Math.exp(-1e-5))) / 2e-5;
        expect(Math.abs(gradient[index]! - slope)).toBeLessThan(1e-5 * (1 + Math.abs(slope)));
      }
    }
  });

  test('the parameters of a simulated population are found again', () => {
    const law: Law = { kind, r: 0.7, alpha: 20, a: 0.9, b: 2.5 };
    const people = simulatePeople(law, { people: 30_000, arrivalDays: 100, untilDay: 400, seed: 7 });
    const rows = rowsOf(
      people.map(({ start, repeats }) => ({
        repeats: repeats.length,
        lastAt: repeats.length === 0 ? 0 : repeats.at(-1)! - start,
        age: 400 - start,
      })),
    );
    const fit = model.fit(rows);

    expect(fit.isConverged).toBe(true);
    expect(fit.logLikelihood).toBeGreaterThanOrEqual(model.logLikelihood(rows, law));
    for (const name of ['r', 'alpha', 'a', 'b'] as const) {
      expect(relative(fit.parameters[name], law[name])).toBeLessThan(0.2);
    }
  });

  test('nearly a = 1 the expected times do not jump', () => {
    const at = (a: number) => model.expectedTransactions({ r: 0.5, alpha: 5, a, b: 2 }, ROWS[3]!, 39);
    expect(relative(at(1.0009), at(1.0011))).toBeLessThan(1e-3);
    expect(relative(at(0.9989), at(0.9991))).toBeLessThan(1e-3);
  });
});

describe('Pareto/NBD', () => {
  const likelihoodOfOne =
    ({ repeats: x, lastAt, age }: Purchases) =>
    (rate: number, dropout: number) => {
      const both = rate + dropout;
      const gone = (rate ** x * dropout * Math.exp(-both * lastAt)) / both;
      return gone + (rate ** (x + 1) * Math.exp(-both * age)) / both;
    };

  test('likelihood, P(active) and expected times are those of integrating over all rates and lifetimes', () => {
    for (const parameters of PARETO) {
      for (const purchases of ROWS.slice(0, 5)) {
        const { repeats: x, age } = purchases;
        const whole = meanOverGamma(parameters, likelihoodOfOne(purchases));
        const thereThen = (rate: number, dropout: number) => rate ** x * Math.exp(-(rate + dropout) * age);
        const active = meanOverGamma(
          parameters,
          (rate, dropout) =>
            (thereThen(rate, dropout) * rate * -Math.expm1(-(rate + dropout) * 39)) / (rate + dropout),
        );
        const expected = meanOverGamma(
          parameters,
          (rate, dropout) => (thereThen(rate, dropout) * rate * -Math.expm1(-dropout * 39)) / dropout,
        );

        expect(
          relative(Math.exp(paretoNbd.logLikelihood(rowsOf([purchases]), parameters)), whole),
        ).toBeLessThan(1e-6);
        expect(relative(paretoNbd.probabilityActive(parameters, purchases, 39), active / whole)).toBeLessThan(
          1e-6,
        );
        expect(
          relative(paretoNbd.expectedTransactions(parameters, purchases, 39), expected / whole),
        ).toBeLessThan(1e-6);
      }
    }
  });

  test('the likelihood is the textbook’s difference of two hypergeometric functions', () => {
    for (const parameters of PARETO) {
      const { r, alpha, s, beta } = parameters;
      for (const purchases of ROWS) {
        const { repeats: x, lastAt, age } = purchases;
        const total = r + s + x;
        const high = Math.max(alpha, beta);
        const second = alpha >= beta ? s + 1 : r + x;
        const at = (time: number) =>
          Math.exp(
            logHypergeometric(total, second, total + 1, Math.abs(alpha - beta) / (high + time)) -
              total * Math.log(high + time),
          );
        const log =
          logGamma(r + x) -
          logGamma(r) +
          r * Math.log(alpha) +
          s * Math.log(beta) +
          Math.log((alpha + age) ** -(r + x) * (beta + age) ** -s + (s / total) * (at(lastAt) - at(age)));
        expect(paretoLogLikelihood(rowsOf([purchases]), parameters)).toBeCloseTo(log, 7);
      }
    }
  });

  test('the gradient is the slope of the likelihood', () => {
    const rows = rowsOf(ROWS);
    for (const parameters of PARETO) {
      const gradient = new Float64Array(4);
      paretoLogLikelihood(rows, parameters, gradient);
      for (const [index, name] of (['r', 'alpha', 's', 'beta'] as const).entries()) {
        const at = (factor: number) =>
          paretoLogLikelihood(rows, { ...parameters, [name]: parameters[name] * factor });
        const slope = (at(Math.exp(1e-5)) - at(Math.exp(-1e-5))) / 2e-5;
        expect(Math.abs(gradient[index]! - slope)).toBeLessThan(1e-5 * (1 + Math.abs(slope)));
      }
    }
  });

  test('the parameters of a simulated population are found again, in any unit of time', () => {
    const law: Law = { kind: 'pareto-nbd', r: 0.6, alpha: 12, s: 0.8, beta: 40 };
    const people = simulatePeople(law, { people: 8_000, arrivalDays: 100, untilDay: 400, seed: 11 });
    const inUnits = (unit: number) =>
      rowsOf(
        people.map(({ start, repeats }) => ({
          repeats: repeats.length,
          lastAt: repeats.length === 0 ? 0 : (repeats.at(-1)! - start) / unit,
          age: (400 - start) / unit,
        })),
      );
    const days = paretoNbd.fit(inUnits(1));
    const weeks = paretoNbd.fit(inUnits(7));

    for (const name of ['r', 'alpha', 's', 'beta'] as const) {
      expect(relative(days.parameters[name], law[name])).toBeLessThan(0.2);
    }
    expect(relative(weeks.parameters.alpha * 7, days.parameters.alpha)).toBeLessThan(1e-3);
    expect(relative(weeks.parameters.s, days.parameters.s)).toBeLessThan(1e-3);
  });
});

describe.each([
  {
    name: 'BG/NBD',
    active: (row: Purchases, h: number) => bgNbd.probabilityActive(GEOMETRIC[0]!, row, h),
    alive: (row: Purchases) => bgNbd.probabilityAlive(GEOMETRIC[0]!, row),
  },
  {
    name: 'MBG/NBD',
    active: (row: Purchases, h: number) => mbgNbd.probabilityActive(GEOMETRIC[0]!, row, h),
    alive: (row: Purchases) => mbgNbd.probabilityAlive(GEOMETRIC[0]!, row),
  },
  {
    name: 'Pareto/NBD',
    active: (row: Purchases, h: number) => paretoNbd.probabilityActive(PARETO[0]!, row, h),
    alive: (row: Purchases) => paretoNbd.probabilityAlive(PARETO[0]!, row),
  },
])('P(active) of $name', ({ active, alive }) => {
  test('it grows with the horizon and never above P(alive)', () => {
    for (const row of ROWS) {
      let before = 0;
      for (const horizon of [0.1, 1, 7, 39, 400]) {
        const now = active(row, horizon);
        expect(now).toBeGreaterThan(before);
        expect(now).toBeLessThanOrEqual(alive(row));
        before = now;
      }
    }
  });
});
