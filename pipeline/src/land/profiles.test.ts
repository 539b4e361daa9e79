import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromScaled, toScaled } from './profiles.js';

describe('toScaled', () => {
  it('keeps every digit of an amount, and its sign', () => {
    expect(toScaled('12.3')).toBe(123_000n);
    expect(toScaled('-0.0001')).toBe(-1n);
    expect(toScaled('99999999999')).toBe(999_999_999_990_000n);
    expect(fromScaled(-1n)).toBe('-0.0001');
  });

  it('is undone by fromScaled', () => {
    fc.assert(fc.property(fc.bigInt(), (scaled) => toScaled(fromScaled(scaled)) === scaled));
  });
});
