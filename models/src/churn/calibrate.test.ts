import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { calibrated, fitIsotonic, fitPlatt, poolAdjacentViolators } from './calibrate.js';
import { createRandom } from '../random/index.js';
import { logistic, logOdds } from './special-functions.js';

const cases = fc.array(
  fc.record({ predicted: fc.double({ min: 0, max: 1, noNaN: true }), happened: fc.constantFrom(0, 1) }),
  { minLength: 1, maxLength: 60 },
);

describe('poolAdjacentViolators', () => {
  const points = fc
    .array(
      fc.record({
        value: fc.double({ min: -5, max: 5, noNaN: true }),
        weight: fc.double({ min: 0.1, max: 9, noNaN: true }),
      }),
      { minLength: 1, maxLength: 30 },
    )
    .map((list) => list.map((point, at) => ({ ...point, at })));

  test('what it gives ascends and keeps weight and mean', () => {
    fc.assert(
      fc.property(points, (list) => {
        const pools = poolAdjacentViolators(list);
        const total = (of: typeof list) => of.reduce((sum, one) => sum + one.weight, 0);
        const mass = (of: typeof list) => of.reduce((sum, one) => sum + one.weight * one.value, 0);
        for (let i = 1; i < pools.length; i += 1) {
          expect(pools[i]!.value).toBeGreaterThan(pools[i - 1]!.value);
        }
        expect(total(pools)).toBeCloseTo(total(list), 9);
        expect(mass(pools)).toBeCloseTo(mass(list), 9);
        expect(poolAdjacentViolators(pools)).toEqual(pools);
      }),
    );
  });

  test('no ascending values are nearer', () => {
    fc.assert(
      fc.property(points, fc.infiniteStream(fc.double({ min: -5, max: 5, noNaN: true })), (list, stream) => {
        const errors = (valueAt: (index: number) => number) =>
          list.reduce((sum, { value, weight }, index) => sum + weight * (value - valueAt(index)) ** 2, 0);
        const fitted: number[] = [];
        let used = 0;
        for (const pool of poolAdjacentViolators(list)) {
          for (let weight = 0; weight < pool.weight - 1e-9; used += 1) {
            weight += list[used]!.weight;
            fitted.push(pool.value);
          }
        }
        const other = list.map(() => stream.next().value as number).sort((one, two) => one - two);
        expect(errors((index) => fitted[index]!)).toBeLessThanOrEqual(
          errors((index) => other[index]!) + 1e-9,
        );
      }),
    );
  });
});

describe.each([
  { name: 'isotonic', fit: fitIsotonic },
  { name: 'Platt', fit: fitPlatt },
])('calibration: $name', ({ fit }) => {
  test('it keeps the order and gives nobody 0 or 1', () => {
    fc.assert(
      fc.property(cases, (list) => {
        const calibration = fit(
          list.map((one) => one.predicted),
          list.map((one) => one.happened),
        );
        let before = 0;
        for (const p of [0, 1e-9, 0.1, 0.3, 0.31, 0.5, 0.9, 1]) {
          const now = calibrated(calibration, p);
          expect(now).toBeGreaterThanOrEqual(before);
          expect(now > 0 && now < 1).toBe(true);
          before = now;
        }
      }),
    );
  });

  test('it undoes a distortion of the log-odds', () => {
    const random = createRandom(3);
    const truth = Array.from({ length: 40_000 }, () => 0.02 + 0.9 * random());
    const happened = truth.map((p) => (random() < p ? 1 : 0));
    const calibration = fit(
      truth.map((p) => logistic(1 + 2 * logOdds(p))),
      happened,
    );
    for (const p of [0.1, 0.3, 0.5, 0.8]) {
      expect(Math.abs(calibrated(calibration, logistic(1 + 2 * logOdds(p))) - p)).toBeLessThan(0.03);
    }
  });
});
