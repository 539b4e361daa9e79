import { createFadingMean, createWindow, inUnitsOf } from '../moving-mean.js';
import type { StateMemory } from '../state-memory.js';
import type { Signal } from './signal.js';

/** Difference between the mean of the last values and of as many before them, in units of what it usually is. */
export function createStepSignal(state: StateMemory, length: number, memory: number): Signal {
  const after = createWindow(state, length);
  const before = createWindow(state, length);
  const squares = createFadingMean(state, memory);
  return {
    step({ value }) {
      const passed = after.add(value);
      if (!Number.isNaN(passed)) before.add(passed);
      if (!before.isFull()) return 0;
      const difference = Math.abs(after.mean() - before.mean());
      const distance = inUnitsOf(difference, Math.sqrt(squares.mean()));
      const isKnown = squares.count() > 2;
      squares.add(difference * difference);
      return isKnown ? distance : 0;
    },
  };
}
