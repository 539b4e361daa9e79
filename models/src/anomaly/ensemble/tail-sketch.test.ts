import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createStateMemory } from './state-memory.js';
import { createTailSketch } from './tail-sketch.js';
import { createRandom } from './test-series.js';

describe('tail sketch', () => {
  it('knows the tail of what it saw, and goes on beyond it', () => {
    const random = createRandom(1);
    const sketch = createTailSketch(createStateMemory());
    for (let index = 0; index < 20_000; index++) sketch.add(-Math.log(1 - random()));
    // Of exponential values with mean 1 the surprise of v is v times log10(e).
    for (const value of [0.1, 0.5, 1, 2, 4]) {
      expect(sketch.surprise(value)).toBeGreaterThan(value * Math.LOG10E * 0.93 - 0.02);
      expect(sketch.surprise(value)).toBeLessThan(value * Math.LOG10E * 1.07 + 0.02);
    }
    expect(sketch.surprise(15)).toBeGreaterThan(15 * Math.LOG10E * 0.8);
    expect(sketch.surprise(15)).toBeLessThan(15 * Math.LOG10E * 1.2);
    expect(sketch.upperQuantile(0.5)).toBeCloseTo(Math.LN2, 1);
    expect(sketch.upperQuantile(1e-4) / Math.log(1e4)).toBeGreaterThan(0.8);
    expect(sketch.upperQuantile(1e-4) / Math.log(1e4)).toBeLessThan(1.2);
  });

  it('is surprised at most as much as few values allow', () => {
    const sketch = createTailSketch(createStateMemory());
    expect(sketch.surprise(1_000)).toBe(0);
    expect(sketch.upperQuantile(0.5)).toBeNaN();
    for (let index = 0; index < 4; index++) sketch.add(1);
    expect(sketch.surprise(2)).toBeLessThan(4);
  });

  it('is never less surprised by more, and never infinitely', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 }),
        fc.double({ min: 0, max: 1e9, noNaN: true }),
        fc.double({ min: 0, max: 1e9, noNaN: true }),
        (values, one, other) => {
          const sketch = createTailSketch(createStateMemory());
          for (const value of values) sketch.add(value);
          const [less, more] = [Math.min(one, other), Math.max(one, other)];
          expect(sketch.surprise(more)).toBeGreaterThanOrEqual(sketch.surprise(less));
          expect(sketch.surprise(less)).toBeGreaterThanOrEqual(0);
          expect(Number.isFinite(sketch.surprise(more))).toBe(true);
        },
      ),
    );
  });

  it('gives a value that is exceeded as rarely as it was asked for', () => {
    const random = createRandom(5);
    const sketch = createTailSketch(createStateMemory());
    for (let index = 0; index < 5_000; index++) sketch.add(random() * 10);
    for (const probability of [0.5, 0.1, 0.03]) {
      expect(10 ** -sketch.surprise(sketch.upperQuantile(probability))).toBeCloseTo(probability, 2);
    }
  });
});
