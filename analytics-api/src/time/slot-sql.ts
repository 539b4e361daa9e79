import type { Statement } from '../sql/statement.js';
import type { CalendarBucket } from './buckets.js';
import { dayBranches, numbered, type DayBranch } from './place-sql.js';

/**
 * The start (milliseconds) of the bucket that an instant (an expression, milliseconds) lies in. The instant must lie in the
 * range that the buckets cover.
 */
export function slotSql(statement: Statement, atMs: string, buckets: readonly CalendarBucket[]): string {
  const firstMs = statement.bind('Int64', buckets[0]!.startMs);
  if (buckets.length === 1) return firstMs;
  const lengthMs = buckets[0]!.endMs - buckets[0]!.startMs;
  // Buckets of one length, but for a last one that is cut short, need no search.
  const isEven = buckets.every(
    ({ startMs, endMs }, index) =>
      startMs === buckets[0]!.startMs + index * lengthMs && endMs - startMs <= lengthMs,
  );
  if (isEven) {
    const length = statement.bind('Int64', lengthMs);
    return `${firstMs} + intDiv(${atMs} - ${firstMs}, ${length}) * ${length}`;
  }
  return `roundDown(${atMs}, ${statement.bind('Array(Int64)', startsOf(buckets))})`;
}

function startsOf(buckets: readonly CalendarBucket[]): number[] {
  return buckets.map(({ startMs }) => startMs);
}

/**
 * For tables with `day`, `slots_am` and `slots_pm`: a row falls into every bucket in which it has a quarter, named by its start
 * (milliseconds). All bounds of buckets must be whole quarters.
 */
export function daySlotBranches(statement: Statement, buckets: readonly CalendarBucket[]): DayBranch[] {
  const starts = startsOf(buckets);
  return dayBranches(statement, numbered(buckets, 0), {
    shown: { type: 'Int64', of: (place) => starts[place]! },
  });
}
