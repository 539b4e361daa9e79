import { createBands, horizonOf, horizonsOf } from './bands.js';
import { CANDIDATES, type Learner } from './candidates.js';
import type { Backtest } from './forecast.js';
import type { Scale } from './scale.js';
import type { Season } from './season.js';

export interface Combined {
  expected: number;
  within80: { lower: number; upper: number };
  within95: { lower: number; upper: number };
}

/** Forecasts of single buckets that a back-test makes, about, all origins together. */
const MAX_FORECASTS = 7_000;
const MAX_ORIGINS = 100;
const MIN_ORIGINS = 30;
/** How sharply better candidates are preferred: weights go with this power of their mean error. */
const PREFERENCE = 4;
/** Errors fade, so that a candidate that had to wait for its year is not held back by the time before. */
const KEEP = Math.exp(-1 / 300);
/** What counts as an error of nothing. */
const LEAST_ERROR = 1e-6;
/** Bands that must have been put to the test before their share says something. */
const MIN_TESTED = 20;

interface Pending {
  step: number;
  candidates: Float64Array;
  combined: Combined | { expected: number };
}

/**
 * Walks through the history once. From some buckets on the way it foresees; when the bucket foreseen is reached, the errors
 * are noted: they weigh the candidates, and they are the bands, of every later forecast. So each forecast, in the back-test
 * as at the end, knows what was known by then and nothing else. Undefined when too much is unknown for bands.
 */
export function backtest(options: {
  values: readonly (number | null)[];
  steps: number;
  season: Season;
  scale: Scale;
  learner: Learner;
}): { combined: Combined[]; score: Backtest } | undefined {
  const { values, steps, season, scale, learner } = options;
  const bands = createBands(steps);
  const errors = Array.from({ length: horizonsOf(steps) }, () => ({
    n: 0,
    sums: new Float64Array(CANDIDATES.length),
  }));
  const pending = new Map<number, Pending[]>();
  const stride = strideOf(values.length - season.minTrain, steps, season.length);
  const score = { origins: 0, off: 0, naiveOff: 0, tested: 0, within80: 0, within95: 0 };

  function weightsAt(step: number): Float64Array {
    const { n, sums } = errors[horizonOf(step, steps)]!;
    // Before anything is known of them, all but the naive one count the same.
    const weights = Float64Array.from(sums, (sum, index) =>
      n === 0 ? Number(index > 0) : (sum / n + LEAST_ERROR) ** -PREFERENCE,
    );
    const whole = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => weight / whole);
  }

  function combine(foreseen: readonly Float64Array[], step: number): Combined | { expected: number } {
    const weights = weightsAt(step);
    let expected = 0;
    foreseen.forEach((one, index) => {
      expected += weights[index]! * one[step - 1]!;
    });
    const [near, far] = [bands.reach(step, expected, 0.8), bands.reach(step, expected, 0.95)];
    if (near === undefined || far === undefined) return { expected };
    const bandOf = ({ below, above }: { below: number; above: number }) => ({
      lower: scale.from(scale.to(expected) - below),
      upper: scale.from(scale.to(expected) + above),
    });
    return { expected, within80: bandOf(near), within95: bandOf(far) };
  }

  function settle(index: number): void {
    const value = values[index] ?? null;
    const due = pending.get(index) ?? [];
    pending.delete(index);
    if (value === null) return;
    const scaled = scale.to(value);
    for (const { step, candidates, combined } of due) {
      const seen = errors[horizonOf(step, steps)]!;
      seen.n = seen.n * KEEP + 1;
      candidates.forEach((expected, which) => {
        seen.sums[which] = seen.sums[which]! * KEEP + Math.abs(scaled - scale.to(expected));
      });
      bands.note(step, combined.expected, scaled - scale.to(combined.expected));
      score.off += Math.abs(value - combined.expected);
      score.naiveOff += Math.abs(value - candidates[0]!);
      if (!('within80' in combined)) continue;
      const isIn = ({ lower, upper }: { lower: number; upper: number }): boolean =>
        value >= lower - 1e-9 && value <= upper + 1e-9;
      score.tested += 1;
      score.within80 += Number(isIn(combined.within80));
      score.within95 += Number(isIn(combined.within95));
    }
  }

  function foreseeFrom(last: number): void {
    const within = Math.min(steps, values.length - 1 - last);
    const foreseen = learner.foresee(within);
    score.origins += 1;
    for (let step = 1; step <= within; step += 1) {
      const due = pending.get(last + step) ?? [];
      const candidates = Float64Array.from(foreseen, (one) => one[step - 1]!);
      due.push({ step, candidates, combined: combine(foreseen, step) });
      pending.set(last + step, due);
    }
  }

  learner.learn();
  while (learner.seen < values.length) {
    const last = learner.seen - 1;
    if (learner.seen >= season.minTrain && (learner.seen - season.minTrain) % stride === 0) foreseeFrom(last);
    settle(learner.seen);
    learner.learn();
  }
  bands.renew();
  const foreseen = learner.foresee(steps);
  const combined: Combined[] = [];
  for (let step = 1; step <= steps; step += 1) {
    const point = combine(foreseen, step);
    if (!('within80' in point)) return undefined;
    combined.push(point);
  }
  const { origins, off, naiveOff, tested, within80, within95 } = score;
  const share = (inside: number): number | null => (tested < MIN_TESTED ? null : inside / tested);
  return {
    combined,
    score: {
      origins,
      scaledError: naiveOff > 0 ? off / naiveOff : null,
      coverage80: share(within80),
      coverage95: share(within95),
    },
  };
}

/** Buckets between two origins: with no factor in common with the season, so that they fall on all of its places. */
function strideOf(available: number, steps: number, season: number): number {
  const origins = Math.min(MAX_ORIGINS, Math.max(MIN_ORIGINS, Math.floor(MAX_FORECASTS / steps)));
  let stride = Math.max(1, Math.floor(available / origins));
  while (stride > 1 && greatestCommonDivisor(stride, season) > 1) stride -= 1;
  return stride;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
