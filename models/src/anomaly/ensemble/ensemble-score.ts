import { createLevelSignal } from './signals/level.js';
import { createRelativeEntropySignal } from './signals/relative-entropy.js';
import { createSeasonalSignal } from './signals/seasonal.js';
import type { Moment } from './signals/signal.js';
import { createStepSignal } from './signals/step.js';
import type { StateMemory } from './state-memory.js';
import { createTailSketch } from './tail-sketch.js';

export interface EnsembleScore {
  /** -log10 of the probability of a moment at least as unusual, 0 while nothing can be said. Learns the moment. */
  step(moment: Moment): number;
}

const LONG_MEMORY = 333;
const LEAST_VALUES = 50;

/** Several views of a series, each calibrated on its own past, in one score that is calibrated in the same way. */
export function createEnsembleScore(state: StateMemory): EnsembleScore {
  const signals = [
    createLevelSignal(state, 12, LONG_MEMORY),
    createLevelSignal(state, 48, LONG_MEMORY),
    createStepSignal(state, 6, LONG_MEMORY),
    createStepSignal(state, 24, LONG_MEMORY),
    createRelativeEntropySignal(state, 12, LONG_MEMORY),
    createRelativeEntropySignal(state, 48, LONG_MEMORY),
    createSeasonalSignal(state, 48, 12, LONG_MEMORY),
  ].map((signal) => ({ signal, sketch: createTailSketch(state) }));
  const combined = createTailSketch(state);
  const own = state.doubles(1);
  return {
    step(moment) {
      let squares = 0;
      for (const { signal, sketch } of signals) {
        const nonconformity = signal.step(moment);
        const surprise = sketch.surprise(nonconformity);
        sketch.add(nonconformity);
        squares += surprise * surprise;
      }
      const score = Math.sqrt(squares / signals.length);
      own[0]! += 1;
      if (own[0]! <= LEAST_VALUES) return 0;
      const surprise = combined.surprise(score);
      combined.add(score);
      return surprise;
    },
  };
}
