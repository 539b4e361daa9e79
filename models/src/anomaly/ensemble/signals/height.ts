import { createFadingMean, inUnitsOf } from '../moving-mean.js';
import type { StateMemory } from '../state-memory.js';
import type { Signal } from './signal.js';

/** How far the value lies above the long mean, in long spreads; 0 below it. */
export function createHeightSignal(state: StateMemory, memory: number): Signal {
  const long = createFadingMean(state, memory);
  return {
    step({ value }) {
      const distance = inUnitsOf(Math.max(0, value - long.mean()), long.spread());
      const isKnown = long.count() > 2;
      long.add(value);
      return isKnown ? distance : 0;
    },
  };
}
