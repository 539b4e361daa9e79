import type { StateMemory } from './state-memory.js';

/** What a value is compared with: all values seen before, older ones weighing less. */
export interface TailSketch {
  /** Weight of what was seen. */
  weight(): number;
  /** -log10 of the probability of a value at least as large, 0 while nothing was seen. Continuous, never infinite. */
  surprise(value: number): number;
  /** The value that is exceeded with this probability; NaN while nothing was seen. */
  upperQuantile(probability: number): number;
  add(value: number): void;
}

export interface TailSketchOptions {
  /** Values up to it are all the same, 0 included. Default 0.001: values are taken to be in units of their spread. */
  smallest?: number;
  /** Points after which a value weighs 1/e of a new one. Default: never. */
  memory?: number;
}

const GROUPS = 16;
const BUCKETS = GROUPS * GROUPS;
/** Each bucket ends this much above where it begins: 256 of them go over eight orders of magnitude. */
const GROWTH = 1.075;
const LOG_GROWTH = Math.log(GROWTH);
/** Beyond this share of the values the tail is a curve and no longer counted. */
const TAIL_SHARE = 0.02;
/** A curve is put through no fewer values, unless they are more than half of all. */
const TAIL_VALUES = 10;
const REFRESH_EVERY = 16;
const LARGEST_WEIGHT = 1e15;

const TOTAL = 0;
const STEP_WEIGHT = 1;
const TAIL_START = 2;
const TAIL_MEAN_EXCESS = 3;
const TAIL_WEIGHT = 4;
const SINCE_REFRESH = 5;

/**
 * A histogram of non-negative values in buckets of growing width (as in DDSketch, Masson et al., 2019), continued by a
 * curve where values become rare. Peaks over a threshold tend to an exponential distribution when they are neither bounded
 * nor heavy (Pickands–Balkema–de Haan; used for streams by Siffer et al., SPOT, 2017). Its mean is only known from the
 * few values beyond the threshold, so what is asked is the predictive distribution, which is a Pareto distribution of the
 * second kind (Lomax): heavy after few values, exponential after many. What comes out is a conformal p-value (Vovk et
 * al., 2005) where there are values to count, and an extrapolation where there are none.
 */
export function createTailSketch(memory: StateMemory, options: TailSketchOptions = {}): TailSketch {
  const { smallest = 1e-3, memory: memoryPoints } = options;
  const logSmallest = Math.log(smallest);
  const counts = memory.singles(BUCKETS);
  const groups = memory.singles(GROUPS);
  const state = memory.doubles(6);
  state[STEP_WEIGHT] = 1;
  const growth = memoryPoints === undefined ? 1 : Math.exp(1 / memoryPoints);

  const place = (value: number): number =>
    value <= smallest ? 0 : Math.min((Math.log(value) - logSmallest) / LOG_GROWTH + 1, BUCKETS - 1e-9);
  const lowerEnd = (bucket: number): number => (bucket === 0 ? 0 : smallest * GROWTH ** (bucket - 1));

  /** Weight of values above a place, linear within its bucket. */
  const weightAbove = (at: number): number => {
    const bucket = Math.floor(at);
    const group = Math.floor(bucket / GROUPS);
    let above = (1 - (at - bucket)) * counts[bucket]!;
    for (let next = bucket + 1; next < (group + 1) * GROUPS; next++) above += counts[next]!;
    for (let next = group + 1; next < GROUPS; next++) above += groups[next]!;
    return above;
  };

  const quantilePlace = (share: number): number => {
    let above = 0;
    const wanted = share * state[TOTAL]!;
    for (let group = GROUPS - 1; group >= 0; group--) {
      if (above + groups[group]! < wanted) {
        above += groups[group]!;
        continue;
      }
      for (let bucket = (group + 1) * GROUPS - 1; bucket >= group * GROUPS; bucket--) {
        const count = counts[bucket]!;
        if (count > 0 && above + count >= wanted) return bucket + 1 - (wanted - above) / count;
        above += count;
      }
    }
    return 0;
  };
  const valueAt = (at: number): number => {
    const bucket = Math.floor(at);
    const low = lowerEnd(bucket);
    return low + (at - bucket) * (lowerEnd(bucket + 1) - low);
  };

  const refreshTail = (): void => {
    const total = state[TOTAL]!;
    const share = Math.min(0.5, Math.max(TAIL_SHARE, (TAIL_VALUES * state[STEP_WEIGHT]!) / total));
    const at = quantilePlace(share);
    const start = valueAt(at);
    const first = Math.floor(at);
    let weight = 0;
    let excess = 0;
    for (let bucket = first; bucket < BUCKETS; bucket++) {
      if (counts[bucket] === 0) continue;
      const low = bucket === first ? start : lowerEnd(bucket);
      const count = bucket === first ? counts[bucket]! * (first + 1 - at) : counts[bucket]!;
      weight += count;
      excess += count * ((low + lowerEnd(bucket + 1)) / 2 - start);
    }
    state[TAIL_START] = start;
    state[TAIL_WEIGHT] = weight / state[STEP_WEIGHT]!;
    // Never thinner than the buckets can tell.
    state[TAIL_MEAN_EXCESS] = Math.max(weight > 0 ? excess / weight : 0, start * (GROWTH - 1), smallest);
  };

  return {
    weight: () => state[TOTAL]! / state[STEP_WEIGHT]!,
    surprise(value) {
      const total = state[TOTAL]!;
      if (total === 0) return 0;
      const start = state[TAIL_START]!;
      const beyond = Math.max(0, value - start);
      const counted = weightAbove(place(Math.min(value, start)));
      const one = state[STEP_WEIGHT]!;
      const share = (counted + one) / (total + one);
      if (beyond === 0) return -Math.log10(share);
      const values = Math.max(1, state[TAIL_WEIGHT]!);
      return -Math.log10(share) + values * Math.log10(1 + beyond / (values * state[TAIL_MEAN_EXCESS]!));
    },
    upperQuantile(probability) {
      const total = state[TOTAL]!;
      if (total === 0) return Number.NaN;
      const one = state[STEP_WEIGHT]!;
      const start = state[TAIL_START]!;
      const atStart = (weightAbove(place(start)) + one) / (total + one);
      if (probability >= atStart) return valueAt(quantilePlace(probability));
      const values = Math.max(1, state[TAIL_WEIGHT]!);
      return start + values * state[TAIL_MEAN_EXCESS]! * ((atStart / probability) ** (1 / values) - 1);
    },
    add(value) {
      const bucket = Math.floor(place(value));
      const weight = state[STEP_WEIGHT]!;
      counts[bucket]! += weight;
      groups[Math.floor(bucket / GROUPS)]! += weight;
      state[TOTAL]! += weight;
      state[STEP_WEIGHT] = weight * growth;
      if (weight > LARGEST_WEIGHT) rescale();
      state[SINCE_REFRESH]! += 1;
      if (state[SINCE_REFRESH]! >= Math.min(REFRESH_EVERY, state[TOTAL]! / weight / 8)) {
        refreshTail();
        state[SINCE_REFRESH] = 0;
      }
    },
  };

  function rescale(): void {
    const by = 1 / state[STEP_WEIGHT]!;
    for (const array of [counts, groups])
      for (let index = 0; index < array.length; index++) array[index]! *= by;
    state[TOTAL]! *= by;
    state[STEP_WEIGHT] = 1;
  }
}
