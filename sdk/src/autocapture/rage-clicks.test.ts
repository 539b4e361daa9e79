import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRageDetector, type ClickAt } from './rage-clicks.js';

const DEFAULTS = { clicks: 3, withinMs: 1_000, withinPx: 30 };

function rages(clicks: readonly [x: number, atMs: number][]): boolean[] {
  const isRage = createRageDetector(DEFAULTS);
  return clicks.map(([x, atMs]) => isRage({ x, y: 0, atMs }));
}

describe('createRageDetector', () => {
  it('finds the third of three quick clicks on one spot, and none of those that follow', () => {
    expect(
      rages([
        [0, 0],
        [1, 200],
        [2, 400],
        [1, 600],
        [1, 800],
        [1, 1_000],
      ]),
    ).toEqual([false, false, true, false, false, false]);
  });

  it('starts anew after a pause', () => {
    expect(
      rages([
        [0, 0],
        [0, 100],
        [0, 200],
        [0, 1_300],
        [0, 1_400],
        [0, 1_500],
      ]),
    ).toEqual([false, false, true, false, false, true]);
  });

  it('takes slow clicks and clicks here and there for none', () => {
    expect(
      rages([
        [0, 0],
        [0, 600],
        [0, 1_200],
      ]),
    ).toEqual([false, false, false]);
    expect(
      rages([
        [0, 0],
        [100, 100],
        [0, 200],
      ]),
    ).toEqual([false, false, false]);
  });

  it('tells at most once of what no pause and no jump divides', () => {
    const click = fc.record({
      x: fc.integer({ min: 0, max: 80 }),
      y: fc.integer({ min: 0, max: 80 }),
      afterMs: fc.integer({ min: 0, max: 1_500 }),
    });
    fc.assert(
      fc.property(fc.array(click, { maxLength: 40 }), (clicks) => {
        const isRage = createRageDetector(DEFAULTS);
        let atMs = 0;
        let before: ClickAt | undefined;
        let told = 0;
        for (const { x, y, afterMs } of clicks) {
          atMs += afterMs;
          const divided =
            before === undefined || afterMs > 1_000 || Math.hypot(x - before.x, y - before.y) > 30;
          if (divided) told = 0;
          before = { x, y, atMs };
          if (isRage(before)) told++;
          expect(told).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});
