import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  findBestThreshold,
  probationRows,
  PROFILE_NAMES,
  PROFILES,
  rowWorths,
  scaledSigmoid,
  scoreAt,
  type ScoredSeries,
} from './score.js';

/** 100 rows, of which the first 15 are probation; flagged rows have the score 1. */
function seriesOf(flagged: readonly number[], windows: ScoredSeries['windows'], rows = 100): ScoredSeries {
  const scores = new Float64Array(rows);
  for (const row of flagged) scores[row] = 1;
  return { name: 'made.csv', scores, windows };
}

const WINDOW = { first: 40, last: 59 };

/** 2 / (1 + e^(5y)) - 1 at the first row of a window of any width, where y is -1. */
const FIRST_ROW = 2 / (1 + Math.exp(-5)) - 1;

describe('NAB score', () => {
  it('is 0 for a detector that says nothing and 100 for one that finds every window at its first row', () => {
    for (const name of PROFILE_NAMES) {
      expect(scoreAt([seriesOf([], [WINDOW])], PROFILES[name], 1).score).toBe(0);
      expect(scoreAt([seriesOf([40], [WINDOW])], PROFILES[name], 1).score).toBe(100);
    }
  });

  it('takes the earliest detection of a window and no other', () => {
    const { score, raw, detected, falsePositives } = scoreAt(
      [seriesOf([50, 55, 59], [WINDOW])],
      PROFILES.standard,
      1,
    );
    // Row 50 of 40 to 59: y = -(59 - 50 + 1) / 20 = -0.5.
    const worth = (2 / (1 + Math.exp(-2.5)) - 1) / FIRST_ROW;
    expect(raw).toBeCloseTo(worth, 12);
    expect(score).toBeCloseTo((100 * (worth + 1)) / 2, 12);
    expect([detected, falsePositives]).toEqual([1, 0]);
  });

  it('charges a false alarm in full before the first window and far behind one, and less close behind', () => {
    const before = scoreAt([seriesOf([20], [WINDOW])], PROFILES.standard, 1);
    expect(before.raw).toBeCloseTo(-1 - 0.11, 12);
    // Row 61: two rows behind the last of a window of 20, y = 2 / 19.
    const behind = scoreAt([seriesOf([61], [WINDOW])], PROFILES.standard, 1);
    expect(behind.raw).toBeCloseTo(-1 + 0.11 * (2 / (1 + Math.exp(10 / 19)) - 1), 12);
    // Row 117: 58 rows behind, y = 58 / 19, more than 3.
    const far = scoreAt([seriesOf([117], [WINDOW], 120)], PROFILES.standard, 1);
    expect(far.raw).toBeCloseTo(-1 - 0.11, 12);
  });

  it('charges every flagged row outside of windows, and weighs it as the profile says', () => {
    const flagged = seriesOf([20, 21, 22], [WINDOW]);
    expect(scoreAt([flagged], PROFILES.standard, 1)).toMatchObject({ falsePositives: 3, detected: 0 });
    expect(scoreAt([flagged], PROFILES.standard, 1).raw).toBeCloseTo(-1.33, 12);
    expect(scoreAt([flagged], PROFILES.lowFp, 1).raw).toBeCloseTo(-1.66, 12);
    expect(scoreAt([flagged], PROFILES.lowFn, 1).raw).toBeCloseTo(-2.33, 12);
  });

  it('does not look at probation: the first 15 % of a series, 750 rows at most', () => {
    expect([probationRows(100), probationRows(4_032), probationRows(22_695)]).toEqual([15, 604, 750]);
    expect(scoreAt([seriesOf([0, 14], [WINDOW])], PROFILES.standard, 1).raw).toBe(-1);
    expect(scoreAt([seriesOf([15], [WINDOW])], PROFILES.standard, 1).raw).toBeCloseTo(-1.11, 12);
  });

  it('counts a detection within a window from the end of probation on', () => {
    const early = seriesOf([12, 18], [{ first: 10, last: 29 }]);
    // Row 12 is not looked at; row 18 has y = -12 / 20.
    const worth = (2 / (1 + Math.exp(-3)) - 1) / FIRST_ROW;
    expect(scoreAt([early], PROFILES.standard, 1).raw).toBeCloseTo(worth, 12);
  });

  it('has no score where there is no window', () => {
    expect(scoreAt([seriesOf([50], [])], PROFILES.standard, 1)).toMatchObject({
      score: Number.NaN,
      falsePositives: 1,
    });
  });

  it('gives the worth of rows between 1 and -1, falling through a window', () => {
    const worths = rowWorths(100, [WINDOW]);
    expect(worths[40]).toBe(1);
    expect(worths[39]).toBe(-1);
    for (let row = 41; row < 100; row++) expect(worths[row]).toBeLessThan(worths[row - 1]!);
    expect(scaledSigmoid(3.1)).toBe(-1);
  });

  it('finds the threshold that no other one beats', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 30, maxLength: 60 }), {
          minLength: 1,
          maxLength: 3,
        }),
        fc.constantFrom(...PROFILE_NAMES),
        (corpus, name) => {
          const series = corpus.map((scores, index) => ({
            name: `${index}.csv`,
            scores,
            windows: [
              { first: 8, last: 14 },
              { first: 20, last: 27 },
            ],
          }));
          const best = findBestThreshold(series, PROFILES[name]);
          expect(best.outcome).toEqual(scoreAt(series, PROFILES[name], best.threshold));
          for (const threshold of [0, 1, 2, 3, 4, 5, 6, Number.POSITIVE_INFINITY]) {
            expect(scoreAt(series, PROFILES[name], threshold).raw).toBeLessThanOrEqual(
              best.outcome.raw + 1e-9,
            );
          }
        },
      ),
    );
  });

  it('never gains from one more false alarm, and never loses from one more detection', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 0, max: 99 }), { maxLength: 20 }),
        fc.integer({ min: 15, max: 99 }),
        (flagged, row) => {
          const { raw } = scoreAt([seriesOf(flagged, [WINDOW])], PROFILES.standard, 1);
          const more = scoreAt([seriesOf([...flagged, row], [WINDOW])], PROFILES.standard, 1).raw;
          if (row >= WINDOW.first && row <= WINDOW.last) expect(more).toBeGreaterThanOrEqual(raw);
          else expect(more).toBeLessThanOrEqual(raw);
        },
      ),
    );
  });
});
