import { createFadingMean } from '../moving-mean.js';
import type { StateMemory } from '../state-memory.js';

/** How many levels values are sorted into. */
export const LEVELS = 8;
const SPREADS = 3;

/** Sorts values into levels, 0 to LEVELS - 1, by what it has seen of them. */
export interface Ruler {
  levelOf(value: number): number;
}

/** Levels of one width over three spreads to both sides of the long mean; what lies beyond is in the outer levels. */
export function createSpreadRuler(state: StateMemory, memory: number): Ruler {
  const long = createFadingMean(state, memory);
  return {
    levelOf(value) {
      const spread = long.spread();
      const distance = spread > 0 ? (value - long.mean()) / spread : 0;
      long.add(value);
      return toLevel((distance / SPREADS + 1) / 2);
    },
  };
}

/** Levels of one width from the least to the greatest value so far. */
export function createRangeRuler(state: StateMemory): Ruler {
  const [LEAST, GREATEST] = [0, 1];
  const own = state.doubles(2);
  own[LEAST] = Number.POSITIVE_INFINITY;
  own[GREATEST] = Number.NEGATIVE_INFINITY;
  return {
    levelOf(value) {
      own[LEAST] = Math.min(own[LEAST]!, value);
      own[GREATEST] = Math.max(own[GREATEST]!, value);
      const range = own[GREATEST] - own[LEAST];
      return range > 0 ? toLevel((value - own[LEAST]) / range) : 0;
    },
  };
}

function toLevel(share: number): number {
  return Math.max(0, Math.min(LEVELS - 1, Math.floor(share * LEVELS)));
}
