import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partitionOf } from './port.js';

describe('partitionOf', () => {
  it('names a partition that exists, always the same one', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.integer({ min: 1, max: 256 }),
        (key, partitionCount) => {
          const partition = partitionOf(key, partitionCount);
          expect(partition).toBeGreaterThanOrEqual(0);
          expect(partition).toBeLessThan(partitionCount);
          expect(partitionOf(key, partitionCount)).toBe(partition);
        },
      ),
    );
  });

  it('does not change from version to version', () => {
    expect(['1:', '1:user-1', '2:user-1', '1:日本'].map((key) => partitionOf(key, 12))).toEqual([
      6, 7, 0, 11,
    ]);
  });

  it('spreads devices evenly', () => {
    const counts = new Array<number>(12).fill(0);
    for (let i = 0; i < 12_000; i++) counts[partitionOf(`1:device-${i}`, 12)]!++;
    expect(Math.min(...counts)).toBeGreaterThan(800);
    expect(Math.max(...counts)).toBeLessThan(1_200);
  });
});
