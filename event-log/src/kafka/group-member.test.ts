import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shareOut } from './group-member.js';

describe('shareOut', () => {
  it('gives each partition to one member, and none more than one partition more than another', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 60 }),
        (members, partitionCount) => {
          const shares = [...shareOut(members, partitionCount).values()];
          expect(shares.flat().sort((a, b) => a - b)).toEqual(
            Array.from({ length: partitionCount }, (_, p) => p),
          );
          const sizes = shares.map((share) => share.length);
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  it('does not depend on the order in which members joined', () => {
    expect(shareOut(['b', 'a'], 4)).toEqual(shareOut(['a', 'b'], 4));
  });
});
