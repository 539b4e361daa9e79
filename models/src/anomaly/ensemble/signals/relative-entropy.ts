import { createFadingMean, createWindow } from '../moving-mean.js';
import type { StateMemory } from '../state-memory.js';
import type { Signal } from './signal.js';

const LEVELS = 8;
/** So many spreads around the long mean are cut into levels; values beyond belong to the outer ones. */
const SPREADS = 4;

/**
 * Relative entropy of the levels of the last values to those of all before: sees any change of their distribution (Wang
 * et al., "Statistical techniques for online anomaly detection in data centers", 2011).
 */
export function createRelativeEntropySignal(state: StateMemory, length: number, memory: number): Signal {
  const long = createFadingMean(state, memory);
  const levels = createWindow(state, length);
  const recent = state.doubles(LEVELS);
  const all = state.doubles(LEVELS);
  const fading = 1 - 1 / (5 * memory);
  return {
    step({ value }) {
      const spread = long.spread();
      const place = spread > 0 ? (value - long.mean()) / spread / SPREADS + 0.5 : 0.5;
      long.add(value);
      const level = Math.max(0, Math.min(LEVELS - 1, Math.floor(place * LEVELS)));
      recent[level]! += 1;
      const passed = levels.add(level);
      if (!Number.isNaN(passed)) recent[passed]! -= 1;
      let entropy = 0;
      if (levels.isFull()) {
        let total = 0;
        for (const count of all) total += count;
        for (let index = 0; index < LEVELS; index++) {
          const share = recent[index]! / length;
          if (share > 0) entropy += share * Math.log((share * (total + 0.5 * LEVELS)) / (all[index]! + 0.5));
        }
      }
      for (let index = 0; index < LEVELS; index++) all[index]! *= fading;
      all[level]! += 1;
      return Math.max(0, entropy);
    },
  };
}
