import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatWatermark, parseWatermark } from './watermark.js';

describe('watermark', () => {
  it('reads back what it wrote', () => {
    const watermarks = fc
      .uniqueArray(
        fc.tuple(
          fc.nat(9_999),
          fc.maxSafeNat().map((n) => n % 1e15),
        ),
        { selector: ([p]) => p },
      )
      .map((pairs) => new Map(pairs));
    fc.assert(
      fc.property(watermarks, (watermark) => {
        expect(parseWatermark(formatWatermark(watermark))).toEqual(watermark);
      }),
    );
  });

  it.each(['x', '1', '1:', ':2', '1:2,', '1:2,1:3', '-1:2', '1:2.5', '1:99999999999999999'])(
    'refuses %j',
    (text) => {
      expect(parseWatermark(text)).toBeUndefined();
    },
  );
});
