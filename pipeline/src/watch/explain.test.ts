import { describe, expect, it } from 'vitest';
import { comparedTimes, pickEvidence } from './explain.js';

const DAY_MS = 86_400_000;
const row = (field: string, value: string, observed: number, before: number) => ({
  field,
  value,
  observed,
  before,
});

describe('what explains a change', () => {
  it('is the value that has more of the change than of everything', () => {
    const rows = [
      row('country', 'DE', 10, 400),
      row('country', 'FR', 98, 400),
      row('country', 'US', 205, 800),
      row('browser', 'Chrome', 160, 800),
      row('browser', 'Safari', 153, 800),
    ];
    expect(pickEvidence(rows, 4)).toEqual([
      { field: 'country', value: 'DE', observed: 10, expected: 100, share: 90 / 87 },
    ]);
  });

  it('is nothing when all is gone', () => {
    expect(pickEvidence([row('country', 'DE', 0, 400), row('country', 'FR', 0, 1_200)], 4)).toEqual([]);
  });

  it('is nothing when nothing changed', () => {
    expect(pickEvidence([row('country', 'DE', 100, 400)], 4)).toEqual([]);
  });

  it('shows three values of a field and eight in all', () => {
    const fields = ['a', 'b', 'c', 'd'].flatMap((field) => [
      row(field, 'rest', 1_000, 4_000),
      ...Array.from({ length: 5 }, (_, index) => row(field, `new-${index}`, 100, 0)),
    ]);
    const picked = pickEvidence(fields, 4);
    expect(picked).toHaveLength(8);
    expect(picked.filter(({ field }) => field === 'a')).toHaveLength(3);
  });

  it('is found by the same time of the last four weeks, as far as the series goes back', () => {
    const fromMs = 100 * DAY_MS;
    const toMs = fromMs + 900_000;
    const back = (firstMs: number) =>
      comparedTimes({ fromMs, toMs, firstMs }).map((time) => (fromMs - time.fromMs) / DAY_MS);
    expect(back(0)).toEqual([7, 14, 21, 28]);
    expect(back(fromMs - 15 * DAY_MS)).toEqual([7, 14]);
    expect(back(fromMs - 3 * DAY_MS)).toEqual([1, 2, 3]);
    expect(back(fromMs - DAY_MS / 2)).toEqual([]);
  });

  it('is not looked for by comparing an incident with itself', () => {
    const fromMs = 100 * DAY_MS;
    const times = comparedTimes({ fromMs, toMs: fromMs + 3 * DAY_MS, firstMs: fromMs - 6 * DAY_MS });
    expect(times.map((time) => (fromMs - time.fromMs) / DAY_MS)).toEqual([3, 4, 5, 6]);
  });
});
