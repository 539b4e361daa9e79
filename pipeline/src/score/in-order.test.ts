import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { putInOrder } from './in-order.js';

const ordered = (...values: number[]): number[] => {
  const array = Float64Array.from(values);
  putInOrder(array);
  return [...array];
};

describe('putInOrder', () => {
  it('leaves what never grows as it is, and tells neighbours that disagree their mean', () => {
    expect(ordered(0.9, 0.5, 0.1)).toEqual([0.9, 0.5, 0.1]);
    expect(ordered(0.5, 0.75, 0.1)).toEqual([0.625, 0.625, 0.1]);
    expect(ordered(0.25, 0.5, 0.75)).toEqual([0.5, 0.5, 0.5]);
    expect(ordered(0.9, 0.25, 0.75)).toEqual([0.9, 0.5, 0.5]);
  });

  it('never grows, keeps the sum, and is no further away than any other such row', () => {
    const probability = fc.double({ min: 0, max: 1, noNaN: true });
    const row = fc.array(probability, { minLength: 3, maxLength: 3 });
    const distance = (one: readonly number[], other: readonly number[]): number =>
      one.reduce((sum, value, index) => sum + (value - other[index]!) ** 2, 0);
    fc.assert(
      fc.property(row, row, (values, other) => {
        const found = ordered(...values);
        for (let i = 1; i < 3; i += 1) expect(found[i]!).toBeLessThanOrEqual(found[i - 1]! + 1e-12);
        const falling = [...other].sort((a, b) => b - a);
        expect(distance(found, values)).toBeLessThanOrEqual(distance(falling, values) + 1e-12);
      }),
    );
  });
});
