import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createUuidV7Source } from './uuid-v7.js';

const FORM = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

it('makes UUIDs of version 7 that begin with the time of the call', () => {
  const at = Date.UTC(2026, 4, 1, 12, 30, 15, 678);
  const id = createUuidV7Source(() => at)();
  expect(id).toMatch(FORM);
  expect(parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(at);
});

it('keeps ids distinct and in the order of the calls, whatever the clock does', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1_000, max: 1_010 }), { maxLength: 200 }), (times) => {
      let now = 0;
      const create = createUuidV7Source(() => now);
      const ids = times.map((ms) => {
        now = ms;
        return create();
      });
      expect(ids).toEqual([...new Set(ids)].sort());
    }),
  );
});

it('makes more ids in one millisecond than its counter holds', () => {
  const create = createUuidV7Source(() => 5);
  const ids = Array.from({ length: 10_000 }, create);
  expect(ids).toEqual([...new Set(ids)].sort());
  for (const id of ids) expect(id).toMatch(FORM);
});
