import { describe, expect, it } from 'vitest';
import { splitBacklog } from './tail-events.js';

const batches = (...rows: number[]) =>
  rows.map((count, n) => ({ batch_id: n, partition: 0, to_offset: n + 1, rows: count }));

describe('a backlog', () => {
  it('is taken whole when it fits', () => {
    expect(splitBacklog(batches(10, 20))).toEqual({ skipped: 0, kept: batches(10, 20) });
  });

  it('loses its oldest batches when it does not, and says how many rows they had', () => {
    const { skipped, kept } = splitBacklog(batches(3_000, 4_000, 900));
    expect(skipped).toBe(3_000);
    expect(kept.map(({ batch_id }) => batch_id)).toEqual([1, 2]);
  });

  it('keeps its newest batch however large', () => {
    expect(splitBacklog(batches(1, 9_000)).kept.map(({ batch_id }) => batch_id)).toEqual([1]);
  });
});
