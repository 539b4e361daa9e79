import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareDelivery, isExact } from './compare.js';
import type { Stored } from './compare.js';
import { createTally, type Tally } from './tally.js';

function tallyOf(numbers: readonly number[]): Tally {
  const tally = createTally();
  for (const n of numbers) tally.add(n);
  return tally;
}

/** The same in both stores. */
function storedOf(numbers: readonly number[]): Stored {
  return { raw: tallyOf(numbers), columnar: tallyOf(numbers) };
}

describe('compareDelivery', () => {
  it('finds nothing wrong when each accepted message is stored once and counted once', () => {
    const comparison = compareDelivery(tallyOf([0, 1, 5]), storedOf([5, 0, 1]), 3);
    expect(comparison).toMatchObject({ accepted: 3, landed: 3, rolledUp: 3, lost: 0, duplicated: 0 });
    expect(isExact(comparison)).toBe(true);
  });

  it('names what is lost and what is doubled', () => {
    const comparison = compareDelivery(tallyOf([0, 1, 2, 3]), storedOf([0, 0, 0, 2, 3]), 3);
    expect(comparison).toMatchObject({
      landed: 3,
      lost: 1,
      lostNumbers: [1],
      duplicated: 2,
      duplicatedNumbers: [0],
    });
    expect(isExact(comparison)).toBe(false);
  });

  it('counts what is stored but not rolled up as lost, and counts beyond the stored rows as doubled', () => {
    expect(compareDelivery(tallyOf([0, 1]), storedOf([0, 1]), 1)).toMatchObject({ lost: 1, duplicated: 0 });
    expect(compareDelivery(tallyOf([0, 1]), storedOf([0, 1]), 4)).toMatchObject({ lost: 0, duplicated: 2 });
  });

  it('counts what only one of the stores has as lost', () => {
    const onlyRaw = { raw: tallyOf([0, 1]), columnar: tallyOf([0]) };
    expect(compareDelivery(tallyOf([0, 1]), onlyRaw, 1)).toMatchObject({
      landed: 2,
      lost: 1,
      lostNumbers: [1],
    });
    const onlyColumnar = { raw: tallyOf([0]), columnar: tallyOf([0, 1]) };
    expect(compareDelivery(tallyOf([0, 1]), onlyColumnar, 2)).toMatchObject({ landed: 1, lost: 1 });
  });

  it('does not hold it against anyone that a message without an answer is stored', () => {
    const comparison = compareDelivery(tallyOf([0]), storedOf([0, 1]), 2);
    expect(comparison).toMatchObject({ landed: 1, lost: 0, duplicated: 0, unconfirmed: 1 });
    expect(isExact(comparison)).toBe(true);
  });

  it('is exact only when every accepted message is stored once and the counts agree', () => {
    const numbers = fc.array(fc.nat(30), { maxLength: 40 });
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(30)), numbers, fc.nat(45), (accepted, stored, rolledUp) => {
        const once = new Set(stored).size === stored.length;
        const right = once && accepted.every((n) => stored.includes(n)) && rolledUp === new Set(stored).size;
        expect(isExact(compareDelivery(tallyOf(accepted), storedOf(stored), rolledUp))).toBe(right);
      }),
    );
  });
});

describe('createTally', () => {
  it('counts like a map does', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5_000)), (numbers) => {
        const tally = tallyOf(numbers);
        expect(tally.total).toBe(numbers.length);
        expect(tally.distinct).toBe(new Set(numbers).size);
        for (const n of numbers) expect(tally.countOf(n)).toBe(numbers.filter((other) => other === n).length);
      }),
    );
  });
});
