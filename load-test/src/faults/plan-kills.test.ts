import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planKills, VICTIMS } from './plan-kills.js';
import { createRandom } from '@sluice/models/random';

describe('planKills', () => {
  it('strikes every victim equally often, give or take one', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 60 }), (seed, count) => {
        const plan = planKills(VICTIMS, count, createRandom(seed));
        const strikes = VICTIMS.map((victim) => plan.filter((kill) => kill.victim === victim).length);
        expect(plan).toHaveLength(count);
        expect(Math.max(...strikes) - Math.min(...strikes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('plans the same for the same seed, and something else for another', () => {
    const plan = (seed: number) => planKills(VICTIMS, 20, createRandom(seed));
    expect(plan(1)).toEqual(plan(1));
    expect(plan(1)).not.toEqual(plan(2));
  });
});

describe('createRandom', () => {
  it('spreads evenly over [0, 1)', () => {
    const random = createRandom(7);
    const tenths = Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) tenths[Math.floor(random() * 10)]!++;
    for (const count of tenths) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });
});
