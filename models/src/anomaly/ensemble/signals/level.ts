import { createFadingMean, createWindow, inUnitsOf } from '../moving-mean.js';
import type { StateMemory } from '../state-memory.js';
import type { Signal } from './signal.js';

/** Distance of the mean of the last values from the long mean, in long spreads. */
export function createLevelSignal(state: StateMemory, length: number, memory: number): Signal {
  const recent = createWindow(state, length);
  const long = createFadingMean(state, memory);
  return {
    step({ value }) {
      recent.add(value);
      const distance = inUnitsOf(Math.abs(recent.mean() - long.mean()), long.spread());
      const isKnown = long.count() > 2;
      long.add(value);
      return isKnown ? distance : 0;
    },
  };
}
