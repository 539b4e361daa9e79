import { describe, expect, it } from 'vitest';
import { createEnsembleDetector } from './ensemble-detector.js';

const START_MS = Date.parse('2026-03-01T00:00:00Z');

/** A day's rhythm with noise, and a day without it, five minutes a point. */
function exampleSeries(points: number): { startMs: number; value: number | null }[] {
  const random = createRandom(7);
  return Array.from({ length: points }, (_, index) => ({
    startMs: START_MS + index * 300_000,
    value: index % 97 === 0 ? null : 100 + 20 * Math.sin((index / 288) * 2 * Math.PI) + 10 * random(),
  }));
}

function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('ensemble detector', () => {
  it('says of a point what it said before later points were known', () => {
    const series = exampleSeries(1_500);
    const whole = createEnsembleDetector();
    const all = series.map((point) => whole.step(point));
    const part = createEnsembleDetector();
    expect(series.slice(0, 700).map((point) => part.step(point))).toEqual(all.slice(0, 700));
  });

  it('continues from a saved state as if it had never stopped', () => {
    const series = exampleSeries(1_500);
    const whole = createEnsembleDetector();
    const all = series.map((point) => whole.step(point));
    let detector = createEnsembleDetector();
    const stopped = series.map((point, index) => {
      if (index % 101 === 0) detector = createEnsembleDetector({}, detector.save());
      return detector.step(point);
    });
    expect(stopped).toEqual(all);
    expect(detector.save()).toEqual(whole.save());
  });

  it('refuses a state of another kind', () => {
    const saved = createEnsembleDetector().save();
    expect(() => createEnsembleDetector({}, saved.slice(1))).toThrow(RangeError);
  });
});
