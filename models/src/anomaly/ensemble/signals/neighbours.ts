import { createFadingMean, inUnitsOf } from '../moving-mean.js';
import type { StateMemory } from '../state-memory.js';
import type { Signal } from './signal.js';

const REMEMBERED = 200;
const KEEP_EVERY = 3;
const NEAREST = 5;

/**
 * Mean distance of the last values, as a shape, to the nearest of the shapes remembered, for each value and in long
 * spreads (Burnaev and Ishimtsev, "Conformalized density- and distance-based anomaly detection in time-series data", 2016).
 */
export function createNeighboursSignal(state: StateMemory, length: number, memory: number): Signal {
  const [SEEN, KEPT, FIRST] = [0, 1, 2];
  const own = state.doubles(3);
  const values = state.doubles(length);
  const shapes = state.singles(REMEMBERED * length);
  const long = createFadingMean(state, memory);
  // What follows is filled anew at each point and so no part of the state.
  const shape = new Float64Array(length);
  const nearest = new Float64Array(NEAREST);

  const meanDistance = (count: number): number => {
    nearest.fill(Number.POSITIVE_INFINITY);
    for (let index = 0; index < count; index++) {
      const farthest = nearest[NEAREST - 1]!;
      let squares = 0;
      for (let at = 0, from = index * length; at < length && squares < farthest; at++, from++) {
        const difference = shape[at]! - shapes[from]!;
        squares += difference * difference;
      }
      if (squares >= farthest) continue;
      let place = NEAREST - 1;
      for (; place > 0 && nearest[place - 1]! > squares; place--) nearest[place] = nearest[place - 1]!;
      nearest[place] = squares;
    }
    let sum = 0;
    for (const squares of nearest) sum += Math.sqrt(squares);
    return sum / NEAREST / Math.sqrt(length);
  };

  return {
    step({ value }) {
      // Shapes are kept in single precision: what all values have in common would take their digits.
      if (own[SEEN] === 0) own[FIRST] = value;
      values[own[SEEN]! % length] = value - own[FIRST]!;
      own[SEEN]! += 1;
      long.add(value);
      const seen = own[SEEN]!;
      if (seen < length) return 0;
      for (let at = 0; at < length; at++) shape[at] = values[(seen + at) % length]!;
      const count = Math.min(own[KEPT]!, REMEMBERED);
      const distance = count < 2 * NEAREST ? 0 : inUnitsOf(meanDistance(count), long.spread());
      if (seen % KEEP_EVERY === 0) {
        shapes.set(shape, (own[KEPT]! % REMEMBERED) * length);
        own[KEPT]! += 1;
      }
      return distance;
    },
  };
}
