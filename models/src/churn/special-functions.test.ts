import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { logHypergeometric } from './hypergeometric.js';
import { digamma, logAddExp, logBeta, logGamma, logistic, logOdds } from './special-functions.js';

const positive = fc.double({ min: 0.05, max: 60, noNaN: true });

describe('logGamma and its kin', () => {
  test('the gamma function of whole numbers are factorials', () => {
    let logFactorial = 0;
    for (let n = 1; n <= 150; n += 1) {
      expect(logGamma(n)).toBeCloseTo(logFactorial, 9);
      logFactorial += Math.log(n);
    }
    expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.PI) / 2, 13);
  });

  test('each follows its recurrence', () => {
    fc.assert(
      fc.property(positive, positive, (x, y) => {
        expect(logGamma(x + 1) - logGamma(x)).toBeCloseTo(Math.log(x), 10);
        expect(digamma(x + 1) - digamma(x)).toBeCloseTo(1 / x, 10);
        expect(logBeta(x + 1, y) - logBeta(x, y)).toBeCloseTo(Math.log(x / (x + y)), 9);
      }),
    );
  });

  test('digamma is the slope of logGamma', () => {
    fc.assert(
      fc.property(positive, (x) => {
        const step = 1e-5 * x;
        const slope = (logGamma(x + step) - logGamma(x - step)) / (2 * step);
        expect(Math.abs(slope - digamma(x))).toBeLessThan(1e-6 * (1 + Math.abs(slope)));
      }),
    );
  });

  test('sums of exponentials far out of range stay exact', () => {
    expect(logAddExp(-5_000, -5_000)).toBeCloseTo(-5_000 + Math.log(2), 12);
    expect(logAddExp(3_000, -3_000)).toBe(3_000);
    expect(logAddExp(Number.NEGATIVE_INFINITY, -7)).toBe(-7);
  });

  test('log-odds and logistic undo each other', () => {
    for (const p of [1e-5, 0.2, 0.5, 0.99]) expect(logistic(logOdds(p))).toBeCloseTo(p, 12);
    expect(Number.isFinite(logOdds(0)) && Number.isFinite(logOdds(1))).toBe(true);
  });
});

describe('logHypergeometric', () => {
  const argument = fc.double({ min: 0, max: 0.9999, noNaN: true });

  test('it is a power where the second and third parameter are the same', () => {
    fc.assert(
      fc.property(positive, positive, fc.double({ min: 0, max: 0.95, noNaN: true }), (a, b, z) => {
        const exact = -a * Math.log1p(-z);
        expect(Math.abs(logHypergeometric(a, b, b, z) - exact)).toBeLessThan(1e-10 * (1 + exact));
      }),
    );
  });

  test('it is a logarithm and an area tangent where it should be, up to z near 1', () => {
    fc.assert(
      fc.property(argument, (z) => {
        fc.pre(z > 1e-3);
        expect(logHypergeometric(1, 1, 2, z)).toBeCloseTo(Math.log(-Math.log1p(-z) / z), 9);
        const root = Math.sqrt(z);
        expect(logHypergeometric(0.5, 1, 1.5, z)).toBeCloseTo(Math.log(Math.atanh(root) / root), 9);
      }),
    );
  });

  test('its two ways agree, and Euler’s transformation holds', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.1, max: 30, noNaN: true }),
        fc.double({ min: 0.1, max: 10, noNaN: true }),
        fc.double({ min: 0.1, max: 30, noNaN: true }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (more, b, a, z) => {
          // c above a and b, so that both sides have positive series: (1−z)^(c−a−b) ₂F₁(c−a, c−b; c; z).
          const c = a + b + more;
          const direct = logHypergeometric(a, b, c, z);
          const transformed = (c - a - b) * Math.log1p(-z) + logHypergeometric(c - a, c - b, c, z);
          expect(Math.abs(direct - transformed)).toBeLessThan(1e-7 * (1 + Math.abs(direct)));
        },
      ),
    );
  });

  test('it does not overflow', () => {
    expect(logHypergeometric(900, 800, 800, 0.9)).toBeCloseTo(-900 * Math.log(0.1), 6);
  });
});
