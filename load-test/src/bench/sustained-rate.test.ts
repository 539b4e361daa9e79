import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findSustainedRate } from './sustained-rate.js';

describe('findSustainedRate', () => {
  it('comes within a tenth below the limit, from above or from below', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1_000, max: 50_000 }),
        fc.integer({ min: 1_000, max: 50_000 }),
        async (limit, firstRate) => {
          const { best } = await findSustainedRate({
            firstRate,
            maxTrials: 50,
            hold: (rate) => Promise.resolve({ sustained: rate <= limit, drainMs: 0, worstLagMs: 0 }),
          });
          expect(best).toBeLessThanOrEqual(limit);
          expect(best * 1.12).toBeGreaterThan(limit);
        },
      ),
    );
  });

  it('stops after as many trials as it may make, and says 0 when nothing was sustained', async () => {
    const { best, trials } = await findSustainedRate({
      firstRate: 1_000,
      maxTrials: 3,
      hold: () => Promise.resolve({ sustained: false, drainMs: 9_000, worstLagMs: 0 }),
    });
    expect(best).toBe(0);
    expect(trials.map((trial) => trial.eventsPerSecond)).toEqual([1_000, 700, 490]);
  });
});
