import type { Point } from '../monitor.js';

/** Series for tests, the same every time. */
export function createRandom(seed: number): () => number {
  let state = Math.imul(seed, 2_654_435_761) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
}

/** Independent values of the normal distribution with mean 0 and spread 1 (Box and Muller). */
export function createNormal(seed: number): () => number {
  const random = createRandom(seed);
  return () => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
}

export const START_MS = Date.parse('2026-03-01T00:00:00Z');
export const FIVE_MINUTES_MS = 300_000;

/** Points five minutes apart. */
export function pointsOf(length: number, valueAt: (index: number) => number | null): Point[] {
  return Array.from({ length }, (_, index) => ({
    startMs: START_MS + index * FIVE_MINUTES_MS,
    value: valueAt(index),
  }));
}

/** A rhythm of a day of 288 points around 100, with noise of spread 3. */
export function dailyPoints(length: number, seed: number): Point[] {
  const normal = createNormal(seed);
  return pointsOf(length, (index) => 100 + 20 * Math.sin((index / 288) * 2 * Math.PI) + 3 * normal());
}
