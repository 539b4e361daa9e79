import { createProfile, type Profile } from './profile.js';
import type { Scale } from './scale.js';
import type { Place, Season } from './season.js';

/** The forecasts that are combined. The seasonal naive one is the yardstick as well. */
export const CANDIDATES = ['naive', 'short', 'middle', 'long', 'trend', 'yearly'] as const;
export type Candidate = (typeof CANDIDATES)[number];
const NAIVE = 0;
const TREND = 4;
const YEARLY = 5;

/** An odd value moves the models no more than one this many times as far out as values usually are. */
const CLIP = 5;
/** A trend may not do more than double or halve. */
const MAX_TREND = Math.log(2);

/** Learns a series, bucket by bucket, and foresees what follows what it has seen. */
export interface Learner {
  /** Buckets seen. */
  readonly seen: number;
  learn(): void;
  /** What each candidate expects so many buckets after the last one seen. */
  foresee(steps: number): Float64Array[];
  profile: Profile;
}

export function createLearner(options: {
  /** Shifted, so that none is negative; null: not known. */
  values: readonly (number | null)[];
  /** Of the values and of what is to be foreseen behind them. */
  places: readonly Place[];
  season: Season;
  scale: Scale;
}): Learner {
  const { values, places, season, scale } = options;
  const { memories, warmUp } = season;
  const profile = createProfile(season);
  const keeps = memories.map((memory) => Math.exp(-1 / memory));
  const sums = new Float64Array(4);
  const shares = new Float64Array(4);
  const level = (index: number): number => (shares[index]! > 0 ? sums[index]! / shares[index]! : 0);
  const keepSpread = Math.exp(-1 / Math.max(season.length, 7));
  let spread = 0;
  let spreadWeight = 0;
  let seen = 0;

  function meet(value: number, share: number): void {
    for (let index = 0; index < 4; index += 1) {
      sums[index] = sums[index]! * keeps[index]! + value;
      shares[index] = shares[index]! * keeps[index]! + share;
    }
  }

  /** The first profile is made of the first weeks as a whole: their mean is the level of each. */
  function warm(): void {
    const first = values.slice(0, warmUp);
    const known = first.filter((value) => value !== null);
    const mean = known.reduce((sum, value) => sum + value, 0) / Math.max(known.length, 1);
    first.forEach((value, index) => {
      if (value !== null) profile.see(places[index]!, value, mean);
    });
    first.forEach((value, index) => {
      if (value !== null) meet(value, profile.at(places[index]!, mean));
    });
    seen = first.length;
  }

  /** Pulled towards what was expected when it is far out: an outage is no new level until it lasts. */
  function tamed(value: number, expected: number): number {
    const off = scale.to(value) - scale.to(expected);
    const usual = spreadWeight > 0 ? spread / spreadWeight : Infinity;
    const kept = spreadWeight < 20 ? off : Math.max(-CLIP * usual, Math.min(CLIP * usual, off));
    spread = spread * keepSpread + Math.abs(kept);
    spreadWeight = Math.min(spreadWeight * keepSpread + 1, 1e9);
    return kept === off ? value : scale.from(scale.to(expected) + kept);
  }

  /** Mean of the buckets around a place of last year, without the shares of their places. */
  function around(index: number): number | undefined {
    let sum = 0;
    let share = 0;
    for (let at = index - season.yearMargin; at <= index + season.yearMargin; at += 1) {
      if (at < 0 || at >= seen) return undefined;
      const value = values[at];
      if (value === null || value === undefined) continue;
      sum += value;
      share += profile.at(places[at]!, level(2));
    }
    return share > 0 && sum > 0 ? sum / share : undefined;
  }

  function yearlyRatio(step: number): number | undefined {
    const { year, yearMargin } = season;
    if (year === undefined) return undefined;
    const last = seen - 1;
    const steps = step + yearMargin > year ? year - yearMargin : step;
    const then = around(last + steps - year);
    const base = around(last - year);
    return then === undefined || base === undefined ? undefined : then / base;
  }

  return {
    profile,
    get seen() {
      return seen;
    },
    learn() {
      if (seen === 0) {
        warm();
        return;
      }
      const value = values[seen] ?? null;
      const place = places[seen]!;
      seen += 1;
      if (value === null) return;
      const share = profile.at(place, level(2));
      const taken = tamed(value, level(1) * share);
      meet(taken, share);
      profile.see(place, taken, level(2));
    },
    foresee(steps) {
      const expected = CANDIDATES.map(() => new Float64Array(steps));
      const [middleLevel, longLevel, slowLevel] = [level(1), level(2), level(3)];
      const growth =
        longLevel > 0 && slowLevel > 0 ? Math.log(longLevel / slowLevel) / (memories[3] - memories[2]) : 0;
      const damp = Math.exp(-1 / (2 * memories[3]));
      const period = season.length;
      let ahead = memories[2];
      for (let step = 1; step <= steps; step += 1) {
        const share = profile.at(places[seen - 1 + step]!, longLevel);
        for (let index = 0; index < 3; index += 1) expected[index + 1]![step - 1] = level(index) * share;
        ahead += damp ** step;
        const trend = Math.max(-MAX_TREND, Math.min(MAX_TREND, growth * ahead));
        expected[TREND]![step - 1] = longLevel * Math.exp(trend) * share;
        const ratio = yearlyRatio(step);
        expected[YEARLY]![step - 1] = middleLevel * share * Math.min(4, Math.max(0.25, ratio ?? 1));
        // The same place of the last whole season that is known.
        let at = seen - 1 + step - period * Math.ceil(step / period);
        while (at >= 0 && (values[at] ?? null) === null) at -= period;
        expected[NAIVE]![step - 1] = at >= 0 ? values[at]! : longLevel * share;
      }
      return expected;
    },
  };
}
