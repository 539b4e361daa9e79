import type { StateMemory } from './state-memory.js';

/** Mean and spread of all values so far, each weighing less with every value after it. */
export interface FadingMean {
  mean(): number;
  /** Standard deviation around it. */
  spread(): number;
  count(): number;
  add(value: number): void;
}

/** Values are forgotten over `memory` of them; until so many were seen, all weigh the same. */
export function createFadingMean(state: StateMemory, memory: number): FadingMean {
  const [COUNT, MEAN, VARIANCE] = [0, 1, 2];
  const own = state.doubles(3);
  return {
    mean: () => own[MEAN]!,
    spread: () => Math.sqrt(own[VARIANCE]!),
    count: () => own[COUNT]!,
    add(value) {
      own[COUNT]! += 1;
      const share = Math.max(1 / memory, 1 / own[COUNT]!);
      const distance = value - own[MEAN]!;
      own[MEAN]! += share * distance;
      own[VARIANCE] = (1 - share) * (own[VARIANCE]! + share * distance * distance);
    },
  };
}

/** The last values, and their mean. */
export interface Window {
  isFull(): boolean;
  mean(): number;
  /** The value so many back: 0 is the last one. */
  at(back: number): number;
  /** Returns the value that falls out, NaN while none does. */
  add(value: number): number;
}

export function createWindow(state: StateMemory, length: number): Window {
  const [COUNT, SUM] = [0, 1];
  const own = state.doubles(2);
  const values = state.doubles(length);
  return {
    isFull: () => own[COUNT]! >= length,
    mean: () => own[SUM]! / Math.min(own[COUNT]!, length),
    at: (back) => values[(own[COUNT]! - 1 - back) % length]!,
    add(value) {
      const place = own[COUNT]! % length;
      const out = own[COUNT]! >= length ? values[place]! : Number.NaN;
      values[place] = value;
      own[COUNT]! += 1;
      if (place === length - 1) {
        // Summed anew once a round: rounding errors of differences would add up.
        let sum = 0;
        for (const one of values) sum += one;
        own[SUM] = sum;
      } else {
        own[SUM]! += Number.isNaN(out) ? value : value - out;
      }
      return out;
    },
  };
}

/** A distance in units of a spread. Where nothing ever varied, any distance is beyond all measure, and finite. */
export function inUnitsOf(distance: number, spread: number): number {
  const LARGEST = 1e4;
  if (distance === 0) return 0;
  return spread > 0 ? Math.min(distance / spread, LARGEST) : LARGEST;
}
