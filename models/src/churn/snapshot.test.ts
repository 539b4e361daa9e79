import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { emptyHistory, HISTORY_FIELDS, readHistory } from './history.js';
import { planCutoffs } from './plan-cutoffs.js';
import { createPurchaseRows } from './purchase-rows.js';
import { isSampled, keyOfPerson, trainingShare } from './sample.js';
import { createSnapshot, snapshotOf } from './snapshot.js';

const person = {
  key: 7,
  days: [100, 103, 130, 190, 197],
  events: [1, 4, 2, 1, 9],
  values: [10, 0, 5.5, 0, 100],
};

describe('readHistory', () => {
  test('a history knows nothing of what comes after its cutoff', () => {
    const history = emptyHistory();
    expect(readHistory(person, 195, history)).toBe(true);
    expect(history).toEqual({
      age: 95,
      recency: 5,
      repeats: 3,
      active7: 1,
      active30: 1,
      active90: 2,
      events: 8,
      value: 15.5,
      valueDays: 2,
    });
    expect(readHistory({ ...person, days: person.days.slice(0, 4) }, 195, emptyHistory())).toBe(true);
  });

  test('a person who comes later is not there yet', () => {
    expect(readHistory(person, 99, emptyHistory())).toBe(false);
    expect(snapshotOf([person], 99, 30).people).toBe(0);
  });

  test('the cutoff itself counts as known', () => {
    const history = emptyHistory();
    readHistory(person, 100, history);
    expect(history).toMatchObject({ age: 0, recency: 0, repeats: 0, active7: 1 });
  });
});

describe('snapshots', () => {
  test('the next active day is seen within the days followed, and no further', () => {
    expect(snapshotOf([person], 130, 60).nextActiveIn(0)).toBe(60);
    expect(snapshotOf([person], 130, 59).nextActiveIn(0)).toBe(Number.POSITIVE_INFINITY);
    expect(snapshotOf([person], 130, 0).nextActiveIn(0)).toBe(Number.POSITIVE_INFINITY);
  });

  test('rows read back as they were added, beyond the first guess of their number', () => {
    const builder = createSnapshot(10, 5, 1);
    for (let i = 0; i < 100; i += 1) {
      const history = emptyHistory();
      for (const [at, field] of HISTORY_FIELDS.entries()) history[field] = i + at;
      builder.add(i, history, i % 7 === 0 ? null : (i % 5) + 1);
    }
    const snapshot = builder.build();
    const history = emptyHistory();
    snapshot.read(83, history);
    expect(snapshot.people).toBe(100);
    expect(history).toMatchObject({ age: 83, valueDays: 91 });
    expect([snapshot.key(83), snapshot.nextActiveIn(83), snapshot.nextActiveIn(84)]).toEqual([
      83,
      4,
      Number.POSITIVE_INFINITY,
    ]);
  });
});

describe('createPurchaseRows', () => {
  test('equal rows are counted, whatever their order and number', () => {
    const row = fc.tuple(
      fc.integer({ min: 0, max: 4 }),
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: 60, max: 90 }),
    );
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 6_000, size: 'max' }), (list) => {
        const counts = new Map<string, number>();
        const builder = createPurchaseRows();
        for (const [x, lastAt, age] of list) {
          builder.add(x, lastAt, age);
          counts.set(`${x} ${lastAt} ${age}`, (counts.get(`${x} ${lastAt} ${age}`) ?? 0) + 1);
        }
        const rows = builder.build();
        expect(rows.people).toBe(list.length);
        expect(rows.length).toBe(counts.size);
        for (let i = 0; i < rows.length; i += 1) {
          const name = `${rows.levels[rows.level[i]!]} ${rows.lastAt[i]} ${rows.age[i]}`;
          expect(rows.count[i]).toBe(counts.get(name));
        }
      }),
      { numRuns: 6 },
    );
  });
});

describe('planCutoffs', () => {
  test('no cutoff is followed beyond the last day, nor lies before the first week', () => {
    const day = fc.integer({ min: 0, max: 30_000 });
    const horizons = fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(day, fc.integer({ min: 0, max: 2_000 }), horizons, (firstDay, span, of) => {
        const plan = planCutoffs({ firstDay, lastDay: firstDay + span, horizons: of });
        for (const { cutoffDay, followedDays } of plan) {
          expect(Number.isInteger(cutoffDay)).toBe(true);
          expect(cutoffDay + followedDays).toBe(firstDay + span);
          expect(cutoffDay).toBeGreaterThanOrEqual(firstDay + 7);
          expect(followedDays).toBeGreaterThan(0);
        }
        expect(new Set(plan.map(({ cutoffDay }) => cutoffDay)).size).toBe(plan.length);
        expect(plan.length).toBeLessThanOrEqual(7 * of.length);
      }),
    );
  });

  test('with a year known each horizon has a whole window to test on and whole ones before it', () => {
    const cutoffs = planCutoffs({ firstDay: 0, lastDay: 400 }).map(({ cutoffDay }) => cutoffDay);
    for (const horizon of [7, 30, 90]) {
      expect(cutoffs).toContain(400 - horizon);
      expect(cutoffs).toContain(400 - 2 * horizon);
    }
  });
});

describe('the sample of people', () => {
  test('it is the share asked for, and always the same people', () => {
    const share = trainingShare(1_000_000);
    let sampled = 0;
    for (let i = 0; i < 50_000; i += 1) {
      if (isSampled(keyOfPerson(`user-${i}`), share)) sampled += 1;
    }
    expect(sampled / 50_000).toBeCloseTo(0.2, 1);
    expect(keyOfPerson('user-1')).toBe(keyOfPerson('user-1'));
    expect(trainingShare(10)).toBe(1);
    expect(isSampled(2 ** 32 - 1, 1)).toBe(true);
  });
});
