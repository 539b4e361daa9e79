import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { areaError, areaUnderCurve, calibrationTable, measure } from './measures.js';

const cases = fc.array(
  // Few values, so that there are equal ones.
  fc.record({ score: fc.integer({ min: 0, max: 6 }).map((n) => n / 6), happened: fc.constantFrom(0, 1) }),
  { minLength: 2, maxLength: 50 },
);

describe('areaUnderCurve', () => {
  test('it is the share of pairs in the right order, equal ones counted half', () => {
    fc.assert(
      fc.property(cases, (list) => {
        let [right, pairs] = [0, 0];
        for (const one of list) {
          for (const other of list) {
            if (one.happened !== 1 || other.happened !== 0) continue;
            pairs += 1;
            right += one.score > other.score ? 1 : one.score === other.score ? 0.5 : 0;
          }
        }
        const area = areaUnderCurve(
          list.map((one) => one.score),
          list.map((one) => one.happened),
        );
        if (pairs === 0) expect(area).toBeNull();
        else expect(area).toBeCloseTo(right / pairs, 12);
      }),
    );
  });

  test('its error, where there is no order, is that of the rank sum', () => {
    expect(areaError({ auc: 0.5, people: 109, happened: 51 })).toBeCloseTo(
      Math.sqrt(110 / (12 * 51 * 58)),
      12,
    );
    expect(areaError({ auc: null, people: 5, happened: 0 })).toBe(0);
  });
});

describe('measure', () => {
  test('probabilities that are right in every group have no calibration error', () => {
    const predicted = Array.from({ length: 100 }, (_, i) => Math.floor(i / 10) / 10 + 0.1);
    const happened = predicted.map((p, i) => (i % 10 < Math.round(p * 10) ? 1 : 0));
    expect(measure(predicted, happened).ece).toBeCloseTo(0, 12);
    expect(calibrationTable(predicted, happened)).toHaveLength(10);
  });

  test('error, squared error, loss and lift are those worked by hand', () => {
    const predicted = [0.9, 0.8, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1];
    const happened = [1, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    const measures = measure(predicted, happened);

    expect(measures.brier).toBeCloseTo((0.01 + 0.64 + 0.49 + 0.04 + 6 * 0.01) / 10, 12);
    expect(measures.ece).toBeCloseTo((0.1 + 0.8 + 0.7 + 0.2 + 6 * 0.1) / 10, 12);
    expect(measures.logLoss).toBeCloseTo(
      -(Math.log(0.9) + Math.log(0.2) + Math.log(0.3) + Math.log(0.8) + 6 * Math.log(0.9)) / 10,
      12,
    );
    expect(measures.liftTopDecile).toBeCloseTo(5, 12);
    expect(measures).toMatchObject({ people: 10, happened: 2 });
  });

  test('equal probabilities lift nobody', () => {
    const happened = Array.from({ length: 37 }, (_, i) => (i % 5 === 0 ? 1 : 0));
    expect(
      measure(
        happened.map(() => 0.2),
        happened,
      ).liftTopDecile,
    ).toBeCloseTo(1, 9);
  });

  test('what cannot be said is null', () => {
    expect(measure([0.1, 0.9], [0, 0])).toMatchObject({ auc: null, liftTopDecile: null });
  });
});
