import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBodyMemory, type LentBytes } from './body-memory.js';

function filled(length: number, value: number): Buffer {
  return Buffer.alloc(length, value);
}

describe('memory of bodies', () => {
  it('puts the chunks one behind the other', () => {
    const { bytes } = createBodyMemory().gather([Buffer.from('ab'), Buffer.from('c')], 3);
    expect(bytes.toString()).toBe('abc');
  });

  it('never writes over what was not given back, in whatever order things come and go', () => {
    const step = fc.record({ size: fc.nat(300_000), giveBack: fc.option(fc.nat(1_000)) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const memory = createBodyMemory();
        const lent: { bytes: LentBytes; size: number; value: number }[] = [];
        steps.forEach(({ size, giveBack }, n) => {
          const value = n % 256;
          lent.push({ bytes: memory.gather([filled(size, value)], size), size, value });
          if (giveBack === null) return;
          const [gone] = lent.splice(giveBack % lent.length, 1);
          gone!.bytes.giveBack();
          // Twice is once.
          gone!.bytes.giveBack();
        });
        for (const { bytes, size, value } of lent) {
          expect(bytes.bytes.equals(filled(size, value))).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('uses memory again once everything in it was given back', () => {
    const memory = createBodyMemory();
    const buffers = new Set<ArrayBufferLike>();
    for (let n = 0; n < 1_000; n++) {
      const lent = memory.gather([filled(50_000, n % 256)], 50_000);
      buffers.add(lent.bytes.buffer);
      lent.giveBack();
    }
    expect(buffers.size).toBeLessThanOrEqual(2);
  });
});
