import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  highestOrdinary,
  lnGamma,
  lnLowerTail,
  lnMass,
  lnMidTail,
  lnUpperTail,
  lowestOrdinary,
} from './negative-binomial.js';

const means = fc.double({ min: 0.05, max: 2_000, noNaN: true });
const spreads = fc.double({ min: 1e-4, max: 2, noNaN: true });

/** Sums of masses, by the recurrence of the distribution from its mass at zero. */
function massesUpTo(count: number, mean: number, spread: number): number[] {
  const size = 1 / spread;
  const share = mean / (size + mean);
  const masses = [(size / (size + mean)) ** size];
  for (let k = 1; k <= count; k++) masses.push((masses[k - 1]! * share * (k - 1 + size)) / k);
  return masses;
}

describe('negative binomial', () => {
  it('knows factorials', () => {
    let factorial = 1;
    for (let n = 1; n < 30; n++) {
      expect(lnGamma(n)).toBeCloseTo(Math.log(factorial), 10);
      factorial *= n;
    }
    expect(lnGamma(0.5)).toBeCloseTo(Math.log(Math.sqrt(Math.PI)), 10);
  });

  it('has tails that are sums of its masses', () => {
    for (const [mean, spread] of [
      [0.3, 0.5],
      [4, 0.01],
      [4, 1.5],
      [60, 0.05],
    ] as const) {
      const masses = massesUpTo(200, mean, spread);
      for (const count of [0, 1, 2, 5, 20, 60, 150]) {
        const below = masses.slice(0, count + 1).reduce((sum, mass) => sum + mass, 0);
        expect(Math.exp(lnLowerTail(count, mean, spread))).toBeCloseTo(below, 9);
        expect(Math.exp(lnUpperTail(count + 1, mean, spread))).toBeCloseTo(1 - below, 9);
        expect(Math.exp(lnMass(count, mean, spread))).toBeCloseTo(masses[count]!, 9);
      }
    }
  });

  it('keeps the digits of tails far below what a number can hold', () => {
    // P(X = 0) = (1 + spread·mean)^(-1/spread)
    expect(lnLowerTail(0, 5_000, 0.001)).toBeCloseTo(-1_000 * Math.log(6), 6);
    expect(lnUpperTail(100_000, 100, 0.001)).toBeLessThan(-1_000);
    expect(lnUpperTail(100_001, 100, 0.001)).toBeLessThan(lnUpperTail(100_000, 100, 0.001));
  });

  it('takes half of the mass of the count itself into a tail that is right on average', () => {
    const masses = massesUpTo(400, 3, 0.05);
    const average = masses.reduce((sum, mass, k) => sum + mass * Math.exp(lnMidTail(k, 3, 0.05, 'up')), 0);
    expect(average).toBeCloseTo(0.5, 6);
  });

  it('puts the ends of the ordinary where tails pass the limit', () => {
    fc.assert(
      fc.property(means, spreads, fc.double({ min: -14, max: -3, noNaN: true }), (mean, spread, lnTail) => {
        const highest = highestOrdinary(mean, spread, lnTail);
        const lowest = lowestOrdinary(mean, spread, lnTail);
        // To a thousandth of a count and of a logarithm: where a tail is the limit itself, either side is right.
        expect(lnUpperTail(highest, mean, spread)).toBeGreaterThan(lnTail - 0.01);
        expect(lnUpperTail(highest + 1, mean, spread)).toBeLessThan(lnTail + 0.01);
        expect(lnLowerTail(lowest, mean, spread)).toBeGreaterThan(lnTail - 0.01);
        expect(lnLowerTail(lowest - 1, mean, spread)).toBeLessThan(lnTail + 0.01);
        expect(lowest).toBeLessThanOrEqual(highest);
      }),
    );
  });
});
