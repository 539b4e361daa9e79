import type { Statement } from '../sql/statement.js';
import type { CalendarBucket } from './buckets.js';
import { dayPlaceSql, numbered } from './place-sql.js';

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
 * For tables with `day`, `slots_am` and `slots_pm`: a row falls into every bucket in which it has a quarter, and gives a row
 * for each. All bounds of buckets must be whole quarters.
 */
export function daySlotSql(
  statement: Statement,
  buckets: readonly CalendarBucket[],
): { conditions: string[]; slot: string } {
  const { conditions, place } = dayPlaceSql(statement, numbered(buckets, 1));
  return { conditions, slot: `${statement.bind('Array(Int64)', startsOf(buckets))}[${place}]` };
}
