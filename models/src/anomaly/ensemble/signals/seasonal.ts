import { createFadingMean, createWindow, inUnitsOf } from '../moving-mean.js';
import type { StateMemory } from '../state-memory.js';
import type { Signal } from './signal.js';

const DAYS_REMEMBERED = 50;

/** Distance of the mean of the last values from what this time of the day usually brings, in usual distances. */
export function createSeasonalSignal(
  state: StateMemory,
  slots: number,
  length: number,
  memory: number,
): Signal {
  const profile = state.doubles(slots);
  const seen = state.doubles(slots);
  const long = createFadingMean(state, memory);
  const residuals = createWindow(state, length);
  const squares = createFadingMean(state, memory);
  return {
    step({ value, dayShare }) {
      const slot = Math.floor(dayShare * slots);
      const residual = value - (seen[slot]! > 0 ? profile[slot]! : long.mean());
      const isKnown = squares.count() > 2;
      residuals.add(residual);
      const distance = inUnitsOf(Math.abs(residuals.mean()), Math.sqrt(squares.mean()));
      if (long.count() > 0) squares.add(residual * residual);
      seen[slot]! += 1;
      profile[slot]! += Math.max(1 / DAYS_REMEMBERED, 1 / seen[slot]!) * (value - profile[slot]!);
      long.add(value);
      return isKnown ? distance : 0;
    },
  };
}
