import { createRandom } from '../random/index.js';

/** Series for tests: they follow from their seed. */
export interface SimulatedSeries {
  /** Expected events of the bucket that begins then. */
  mean(startMs: number): number;
  /** A count drawn around the mean, or around a multiple of it. */
  draw(startMs: number, factor?: number): number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/**
 * Negative binomial counts with a rhythm of the UTC day and week.
 *
 * @param mean events a bucket, on average
 * @param dispersion variance = mean + dispersion·mean²
 */
export function simulateCounts(seed: number, mean: number, dispersion = 0): SimulatedSeries {
  const random = createRandom(seed);
  const [height, peak, weekend] = [0.3 + 0.5 * random(), 24 * random(), 0.4 + 0.5 * random()];
  const meanAt = (startMs: number): number => {
    const hour = (startMs % DAY_MS) / HOUR_MS;
    const weekday = (Math.floor(startMs / DAY_MS) + 4) % 7;
    const wave = Math.exp(height * Math.cos((2 * Math.PI * (hour - peak)) / 24) - height / 3);
    return mean * wave * (weekday === 0 || weekday === 6 ? weekend : 1.1);
  };
  return {
    mean: meanAt,
    draw(startMs, factor = 1) {
      const at = meanAt(startMs) * factor;
      return at === 0
        ? 0
        : drawPoisson(random, dispersion === 0 ? at : at * dispersion * drawGamma(random, 1 / dispersion));
    },
  };
}

/** By waiting times, in portions whose exponential is a number. */
function drawPoisson(random: () => number, mean: number): number {
  let count = 0;
  for (let left = mean; left > 0; left -= 500) {
    const limit = Math.exp(-Math.min(left, 500));
    for (let product = random(); product > limit; product *= random()) count++;
  }
  return count;
}

/** Marsaglia and Tsang 2000, for shapes from 1 up. */
function drawGamma(random: () => number, shape: number): number {
  const d = shape - 1 / 3;
  for (;;) {
    const x = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - random()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}
