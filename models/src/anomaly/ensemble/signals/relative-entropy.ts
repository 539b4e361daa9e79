import type { StateMemory } from '../state-memory.js';
import { LEVELS, type Ruler } from './ruler.js';
import type { Signal } from './signal.js';

/** Points after which a value weighs 1/e in the distribution of all. */
const MEMORY = 10_000;
/** What each level counts before any value was seen (Krichevsky and Trofimov). */
const PRIOR = 0.5;

/**
 * Relative entropy of the levels of the last values to those of all values: sees any change of their distribution, of its
 * place, its width or its form (Wang et al., "Statistical techniques for online anomaly detection in data centers", 2011).
 */
export function createRelativeEntropySignal(state: StateMemory, ruler: Ruler, length: number): Signal {
  const [SEEN, TOTAL] = [0, 1];
  const own = state.doubles(2);
  const levels = state.doubles(length);
  const recent = state.doubles(LEVELS);
  const all = state.doubles(LEVELS);
  const fading = Math.exp(-1 / MEMORY);
  return {
    step({ value }) {
      const level = ruler.levelOf(value);
      const seen = own[SEEN]!;
      const place = seen % length;
      if (seen >= length) recent[levels[place]!]! -= 1;
      levels[place] = level;
      recent[level]! += 1;
      own[SEEN] = seen + 1;
      let entropy = 0;
      if (seen > length) {
        const total = own[TOTAL]! + PRIOR * LEVELS;
        for (let index = 0; index < LEVELS; index++) {
          const share = recent[index]! / length;
          if (share > 0) entropy += share * Math.log((share * total) / (all[index]! + PRIOR));
        }
      }
      for (let index = 0; index < LEVELS; index++) all[index]! *= fading;
      all[level]! += 1;
      own[TOTAL] = own[TOTAL]! * fading + 1;
      return Math.max(0, entropy);
    },
  };
}
