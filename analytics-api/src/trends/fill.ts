import type { TrendsGroup } from '@sluice/contracts';
import type { CalendarBucket } from '../time/buckets.js';
import { OTHER_KEY, readGroupKey } from './fields.js';
import type { NumberRow } from './questions.js';

export interface MarkedBucket extends CalendarBucket {
  /** Every event accepted before the end of the bucket is counted. */
  complete: boolean;
}

export function markComplete(
  buckets: readonly CalendarBucket[],
  completeThroughMs: number | undefined,
): MarkedBucket[] {
  return buckets.map((bucket) => ({
    ...bucket,
    complete: completeThroughMs !== undefined && bucket.endMs <= completeThroughMs,
  }));
}

export interface FilledSeries {
  total: number | null;
  values: (number | null)[];
  groups: TrendsGroup[];
}

/**
 * Puts the rows of a series into its buckets. Where there is no row, the number is zero if the bucket is complete, and not
 * known otherwise. Groups come in the order of `kept`; what was counted as other comes last.
 */
export function fillSeries(
  rows: readonly NumberRow[],
  buckets: readonly MarkedBucket[],
  kept: readonly string[],
): FilledSeries {
  const isComplete = buckets.every(({ complete }) => complete);
  const overall = new Map<number, number>();
  const byGroup = new Map<string, Map<number, number>>();
  const totals = new Map<string, number>();
  let total = 0;
  for (const { slot, over_all_slots, grp, over_all_groups, value } of rows) {
    if (over_all_groups === 1) {
      if (over_all_slots === 1) total = value;
      else overall.set(slot, value);
    } else if (over_all_slots === 1) {
      totals.set(grp, value);
    } else {
      const slots = byGroup.get(grp) ?? new Map<number, number>();
      byGroup.set(grp, slots.set(slot, value));
    }
  }
  const known = (value: number | undefined, complete: boolean): number | null =>
    value === undefined || value === 0 ? (complete ? 0 : null) : value;
  const valuesOf = (slots: ReadonlyMap<number, number>): (number | null)[] =>
    buckets.map(({ startMs, complete }) => known(slots.get(startMs), complete));

  const keys = totals.has(OTHER_KEY) ? [...kept, OTHER_KEY] : kept;
  return {
    total: known(total, isComplete),
    values: valuesOf(overall),
    groups: keys.map((key) => ({
      ...readGroupKey(key),
      total: known(totals.get(key), isComplete),
      values: valuesOf(byGroup.get(key) ?? new Map()),
    })),
  };
}
