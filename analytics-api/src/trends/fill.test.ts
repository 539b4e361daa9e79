import { describe, expect, it } from 'vitest';
import { fillSeries, markComplete } from './fill.js';

const buckets = [0, 1, 2].map((n) => ({
  startMs: n * 10,
  endMs: n * 10 + 10,
  label: String(n),
  partial: false,
}));
const total = (value: number) => ({ slot: 0, over_all_slots: 1, grp: '', over_all_groups: 1, value });

describe('filling a series', () => {
  it('says zero only where a bucket is complete', () => {
    const marked = markComplete(buckets, 20);
    const { values, total: sum } = fillSeries([total(0)], marked, []);
    expect(values).toEqual([0, 0, null]);
    expect(sum).toBeNull();
  });

  it('says zero nowhere while completeness is not known', () => {
    expect(fillSeries([], markComplete(buckets, undefined), []).values).toEqual([null, null, null]);
  });

  it('takes the total as it was counted and does not add it up', () => {
    const rows = [
      { slot: 0, over_all_slots: 0, grp: '', over_all_groups: 1, value: 2 },
      { slot: 10, over_all_slots: 0, grp: '', over_all_groups: 1, value: 2 },
      total(3),
    ];
    expect(fillSeries(rows, markComplete(buckets, 30), [])).toMatchObject({ values: [2, 2, 0], total: 3 });
  });
});
