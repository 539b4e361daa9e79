import { describe, expect, it } from 'vitest';
import { balanceMinutes, distanceFrom, sumMinutes } from './balance.js';

const minute = new Date('2024-01-01T00:00:00Z');
const row = {
  minute,
  logged: 10,
  landed: 7,
  duplicates: 2,
  dead_lettered: 1,
  rejected: 4,
  erased: 0,
  raw_rows: 7,
  pending_rows: 0,
};
const at = (value: number) => new Map([[minute.getTime(), value]]);
const later = (landed: number, atMost = landed) => new Map([[minute.getTime(), { landed, at_most: atMost }]]);

describe('the balance of a minute', () => {
  it('holds when everything is where it belongs', () => {
    expect(balanceMinutes([row], at(7), later(7))[0]).toMatchObject({
      balanced: true,
      difference: { ledger: 0, raw: 0, columnar: 0 },
    });
  });

  it('holds while a batch is on its way, in part or whole', () => {
    for (const columnar of [4, 5, 7]) {
      expect(balanceMinutes([{ ...row, pending_rows: 3 }], at(columnar), later(7))[0]!.balanced).toBe(true);
    }
  });

  it('holds when more landed between the readings', () => {
    expect(balanceMinutes([row], at(9), later(9))[0]!.balanced).toBe(true);
  });

  it.each([
    ['a message that is nowhere', { ...row, landed: 6, raw_rows: 6 }, 6, { ledger: 1, raw: 0, columnar: 0 }],
    ['a row that is gone from Postgres', { ...row, raw_rows: 6 }, 7, { ledger: 0, raw: -1, columnar: 0 }],
    ['a row that never came to ClickHouse', row, 6, { ledger: 0, raw: 0, columnar: -1 }],
    ['a row that ClickHouse has twice', row, 8, { ledger: 0, raw: 0, columnar: 1 }],
  ])('shows %s', (_what, stored, columnar, difference) => {
    const [found] = balanceMinutes([stored], at(columnar), later(7));
    expect(found).toMatchObject({ balanced: false, difference });
  });

  it('holds for messages that were erased', () => {
    expect(
      balanceMinutes([{ ...row, landed: 5, erased: 2, raw_rows: 5 }], at(5), later(5))[0]!.balanced,
    ).toBe(true);
  });

  it('holds while somebody is gone from Postgres and not yet from ClickHouse', () => {
    const cut = { ...row, landed: 5, erased: 2, raw_rows: 5 };
    for (const columnar of [5, 6, 7]) {
      expect(balanceMinutes([cut], at(columnar), later(5, 7))[0]!.balanced).toBe(true);
    }
    expect(balanceMinutes([cut], at(7), later(5))[0]!.balanced).toBe(false);
  });

  it('shows rows of a minute that the ledger does not know', () => {
    expect(balanceMinutes([], at(1), new Map())[0]).toMatchObject({
      balanced: false,
      difference: { columnar: 1 },
    });
  });

  it('is not restored by an opposite difference in another minute', () => {
    const later = { ...row, minute: new Date('2024-01-01T00:01:00Z') };
    const receipts = new Map([
      [minute.getTime(), 6],
      [later.minute.getTime(), 8],
    ]);
    const landed = new Map([...receipts.keys()].map((key) => [key, { landed: 7, at_most: 7 }]));
    expect(sumMinutes(balanceMinutes([row, later], receipts, landed)).balanced).toBe(false);
  });
});

describe('the distance from a range', () => {
  it('is signed, and zero inside', () => {
    expect([
      distanceFrom(1, 2, 4),
      distanceFrom(2, 2, 4),
      distanceFrom(4, 2, 4),
      distanceFrom(7, 2, 4),
    ]).toEqual([-1, 0, 0, 3]);
  });
});
