import { createHeightSignal } from './signals/height.js';
import { createLevelSignal } from './signals/level.js';
import { createNeighboursSignal } from './signals/neighbours.js';
import { createRelativeEntropySignal } from './signals/relative-entropy.js';
import { createRestlessnessSignal } from './signals/restlessness.js';
import { createRangeRuler, createSpreadRuler } from './signals/ruler.js';
import { createSeasonalSignal } from './signals/seasonal.js';
import type { Moment } from './signals/signal.js';
import { createStepSignal } from './signals/step.js';
import type { StateMemory } from './state-memory.js';
import { createTailSketch } from './tail-sketch.js';

export interface EnsembleScore {
  /** How unusual the moment is, 0 or more; 0 while nothing can be said. Learns the moment. */
  step(moment: Moment): number;
}

/** Points that the long means look back on: a day and a bit of five minutes each. */
const LONG_MEMORY = 333;
const SHORT = 12;
const MIDDLE = 24;
const LONG = 48;
const POWER = 3;
/** Twice the longest view: before, everything is new. */
const WARM_UP_POINTS = 2 * LONG;

/**
 * Several views of a series, all of the same weight. What each gives is turned into a surprise by all it gave before, -log10
 * of the probability of as much or more. They are put together by their power mean, in which one view that is very
 * surprised counts more than many that are a little: see Vovk and Wang, "Combining p-values via averaging", 2020.
 */
export function createEnsembleScore(state: StateMemory): EnsembleScore {
  const entropies = [SHORT, LONG].flatMap((length) => [
    createRelativeEntropySignal(state, createSpreadRuler(state, LONG_MEMORY), length),
    createRelativeEntropySignal(state, createRangeRuler(state), length),
  ]);
  const views = [
    ...entropies,
    createLevelSignal(state, SHORT, LONG_MEMORY),
    createStepSignal(state, MIDDLE, LONG_MEMORY),
    createHeightSignal(state, LONG_MEMORY),
    createRestlessnessSignal(state, MIDDLE, LONG_MEMORY),
    createNeighboursSignal(state, SHORT, LONG_MEMORY),
    createSeasonalSignal(state, LONG, SHORT, LONG_MEMORY),
  ].map((signal) => ({ signal, sketch: createTailSketch(state) }));
  const seen = state.doubles(1);
  return {
    step(moment) {
      let sum = 0;
      for (const { signal, sketch } of views) {
        const nonconformity = signal.step(moment);
        const surprise = sketch.surprise(nonconformity);
        sketch.add(nonconformity);
        sum += surprise ** POWER;
      }
      seen[0]! += 1;
      return seen[0]! <= WARM_UP_POINTS ? 0 : (sum / views.length) ** (1 / POWER);
    },
  };
}
