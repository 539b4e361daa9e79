import { createFadingMean } from './moving-mean.js';
import type { StateMemory } from './state-memory.js';
import { createTailSketch } from './tail-sketch.js';

/** What is expected of the next value, to be shown to people. */
export interface Band {
  /** Null while there is too little history. */
  ahead(dayShare: number, probability: number): { expected: number; lower: number; upper: number } | null;
  learn(value: number, dayShare: number): void;
}

const SLOTS = 48;
const DAYS_REMEMBERED = 20;
const LEAST_VALUES = 20;
const LEVEL_MEMORY = 6;
const SPREAD_MEMORY = 300;

/**
 * The usual value of this time of day, moved by how the last values lay to theirs, and around it as much as residuals
 * rarely leave. A value below zero is only expected of a series that had one.
 */
export function createBand(state: StateMemory): Band {
  const [LEAST] = [0] as const;
  const own = state.doubles(1);
  own[LEAST] = Number.POSITIVE_INFINITY;
  const profile = state.doubles(SLOTS);
  const seen = state.doubles(SLOTS);
  const overall = createFadingMean(state, SPREAD_MEMORY);
  const shift = createFadingMean(state, LEVEL_MEMORY);
  const squares = createFadingMean(state, SPREAD_MEMORY);
  const residuals = createTailSketch(state);

  const usual = (slot: number): number => (seen[slot]! > 0 ? profile[slot]! : overall.mean());
  const slotOf = (dayShare: number): number => Math.floor(dayShare * SLOTS);

  return {
    ahead(dayShare, probability) {
      if (overall.count() < LEAST_VALUES) return null;
      const expected = usual(slotOf(dayShare)) + shift.mean();
      const reach = residuals.upperQuantile(probability) * Math.sqrt(squares.mean());
      const least = own[LEAST]! < 0 ? Number.NEGATIVE_INFINITY : 0;
      return {
        expected: Math.max(least, expected),
        lower: Math.max(least, expected - reach),
        upper: Math.max(least, expected + reach),
      };
    },
    learn(value, dayShare) {
      const slot = slotOf(dayShare);
      const before = usual(slot);
      if (overall.count() > 0) {
        const residual = value - before - shift.mean();
        const spread = Math.sqrt(squares.mean());
        if (spread > 0) residuals.add(Math.abs(residual) / spread);
        squares.add(residual * residual);
        shift.add(value - before);
      }
      own[LEAST] = Math.min(own[LEAST]!, value);
      seen[slot]! += 1;
      profile[slot]! += Math.max(1 / DAYS_REMEMBERED, 1 / seen[slot]!) * (value - profile[slot]!);
      overall.add(value);
    },
  };
}
