import type { CalendarBucket } from '../time/buckets.js';
import { knownCount, type MarkedBucket } from '../time/marked-buckets.js';
import type { ChangeRow, NumberRow } from './ask-numbers.js';

/** Numbers of one series or group as they were found: nothing where there was nothing. */
export interface Found {
  total: number | undefined;
  /** Start of the bucket -> number. */
  slots: Map<number, number>;
}

export interface FoundSeries {
  overall: Found;
  groups: Map<string, Found>;
}

const nothing = (): Found => ({ total: undefined, slots: new Map() });

/** Sorts rows into the series and its groups. `addsUp`: where no row says the total, it is the sum of the buckets. */
export function collect(rows: readonly NumberRow[], addsUp: boolean): FoundSeries {
  const overall = nothing();
  const groups = new Map<string, Found>();
  for (const { slot, over_all_slots, grp, over_all_groups, parts, value } of rows) {
    if (parts === 0 || value === null) continue;
    let found = overall;
    if (over_all_groups === 0) {
      found = groups.get(grp) ?? nothing();
      groups.set(grp, found);
    }
    if (over_all_slots === 1) found.total = value;
    else found.slots.set(slot, value);
  }
  if (addsUp) {
    for (const found of [overall, ...groups.values()]) {
      if (found.total !== undefined || found.slots.size === 0) continue;
      found.total = [...found.slots.values()].reduce((sum, value) => sum + value, 0);
    }
  }
  return { overall, groups };
}

/** Trailing people in each bucket, from the changes between them. `base` begins before the buckets that are asked for. */
export function collectTrailing(
  rows: readonly ChangeRow[],
  base: readonly CalendarBucket[],
  wanted: readonly CalendarBucket[],
): FoundSeries {
  const overall = nothing();
  const groups = new Map<string, Found>();
  const changes = new Map<Found, Map<number, number>>();
  for (const { grp, over_all_groups, at, change } of rows) {
    let found = overall;
    if (over_all_groups === 0) {
      found = groups.get(grp) ?? nothing();
      groups.set(grp, found);
    }
    const own = changes.get(found) ?? new Map<number, number>();
    changes.set(found, own.set(at, change));
  }
  const skipped = base.length - wanted.length;
  for (const [found, own] of changes) {
    let people = 0;
    for (let place = 0; place < base.length; place += 1) {
      people += own.get(place) ?? 0;
      if (place >= skipped) found.slots.set(wanted[place - skipped]!.startMs, people);
    }
    found.total = people;
  }
  return { overall, groups };
}

export interface Values {
  total: number | null;
  values: (number | null)[];
}

/**
 * The numbers in the order of the buckets. Of a measure that counts, nothing is zero where the bucket is complete, and not
 * known otherwise; of others there is then no number.
 */
export function fill(
  found: Found | undefined,
  buckets: readonly MarkedBucket[],
  isCounting: boolean,
): Values {
  const valueOf = (value: number | undefined, complete: boolean): number | null =>
    isCounting ? knownCount(value, complete) : (value ?? null);
  return {
    total: valueOf(
      found?.total,
      buckets.every(({ complete }) => complete),
    ),
    values: buckets.map(({ startMs, complete }) => valueOf(found?.slots.get(startMs), complete)),
  };
}

/** Groups put together as one, of a measure that adds up. */
export function addUp(parts: Iterable<Found>): Found {
  const sum = nothing();
  for (const { total, slots } of parts) {
    if (total !== undefined) sum.total = (sum.total ?? 0) + total;
    for (const [slot, value] of slots) sum.slots.set(slot, (sum.slots.get(slot) ?? 0) + value);
  }
  return sum;
}
