import { createFadingMean, inUnitsOf } from '../moving-mean.js';
import type { StateMemory } from '../state-memory.js';
import type { Signal } from './signal.js';

/** How much the last values differ from their own moving mean, to how much values usually do. */
export function createRestlessnessSignal(state: StateMemory, length: number, memory: number): Signal {
  const moving = createFadingMean(state, length / 2);
  const recent = createFadingMean(state, length);
  const long = createFadingMean(state, memory);
  return {
    step({ value }) {
      const distance = moving.count() === 0 ? 0 : Math.abs(value - moving.mean());
      moving.add(value);
      recent.add(distance);
      const ratio = inUnitsOf(recent.mean(), long.mean());
      const isKnown = long.count() > 2;
      long.add(distance);
      return isKnown ? ratio : 0;
    },
  };
}
