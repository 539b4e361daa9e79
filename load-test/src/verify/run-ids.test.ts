import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRunIds, instantOf, runOf } from './run-ids.js';

const run = fc.stringMatching(/^[0-9a-f]{9}$/);
const number = fc.integer({ min: 0, max: 2 ** 40 - 1 });
const instant = fc.integer({ min: 0, max: 2 ** 48 - 1 });

describe('createRunIds', () => {
  it('makes UUIDv7s whose time and number can be read back', () => {
    fc.assert(
      fc.property(run, number, instant, (name, n, instantMs) => {
        const ids = createRunIds(name);
        const id = ids.idOf(n, instantMs);
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(instantOf(id)).toBe(instantMs);
        expect(runOf(id)?.numberOf(id)).toBe(n);
        expect(runOf(id)?.idOf(n, instantMs)).toBe(id);
        expect(ids.numberOf(id)).toBe(n);
        expect(ids.numberOf(`node-next-${instantMs}-${id}`)).toBe(n);
      }),
    );
  });

  it('does not take the ids of another run, or anything else, for its own', () => {
    const ids = createRunIds('0123456ab');
    expect(ids.numberOf(createRunIds('0123456ac').idOf(7, 1))).toBeUndefined();
    expect(ids.numberOf('')).toBeUndefined();
    expect(ids.numberOf('not-an-id-of-any-run-whatsoever-at-all')).toBeUndefined();
    expect(ids.numberOf(crypto.randomUUID())).toBeUndefined();
  });
});
