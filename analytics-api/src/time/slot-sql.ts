import type { Statement } from '../sql/statement.js';
import type { CalendarBucket } from './buckets.js';

const DAY_MS = 86_400_000;

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

/** How rows of days with masks of quarters fall into buckets. */
export interface DaySlotSql {
  /** A join to put behind the table, or nothing. */
  join: string;
  /** Conditions on the row, all of which must hold. */
  conditions: string[];
  /** Start of the bucket, milliseconds. */
  slot: string;
}

/**
 * For tables with `day`, `slots_am` and `slots_pm`: a row falls into every bucket in which it has a quarter. All bounds of
 * buckets must be whole quarters.
 */
export function daySlotSql(statement: Statement, buckets: readonly CalendarBucket[]): DaySlotSql {
  const fromMs = statement.bind('Int64', buckets[0]!.startMs);
  const toMs = statement.bind('Int64', buckets.at(-1)!.endMs);
  const days = [
    `day >= toDate(fromUnixTimestamp64Milli(${fromMs}, 'UTC'))`,
    `day <= toDate(fromUnixTimestamp64Milli(${toMs} - 1, 'UTC'))`,
  ];
  if (buckets.every(({ startMs, endMs }) => startMs % DAY_MS === 0 && endMs % DAY_MS === 0)) {
    return {
      join: '',
      conditions: days,
      slot: slotSql(statement, 'toInt64(toUInt16(day)) * 86400000', buckets),
    };
  }
  // A bucket covers quarters lo to hi - 1 of a UTC day; bits of the two masks say in which quarters somebody was active.
  const starts = statement.bind('Array(Int64)', startsOf(buckets));
  return {
    slot: 'span.slot',
    conditions: [...days, '(bitAnd(slots_am, span.am) != 0 or bitAnd(slots_pm, span.pm) != 0)'],
    join: `inner join (
        select
          slot,
          toDate(toUInt16(day_number)) as span_day,
          toUInt64(greatest(intDiv(slot, 900000) - day_number * 96, 0)) as lo,
          toUInt64(least(intDiv(slot_end, 900000) - day_number * 96, 96)) as hi,
          bitShiftLeft(toUInt64(1), least(hi, 48)) - bitShiftLeft(toUInt64(1), least(lo, 48)) as am,
          bitShiftLeft(toUInt64(1), greatest(hi, 48) - 48) - bitShiftLeft(toUInt64(1), greatest(lo, 48) - 48) as pm
        from (
          select
            arrayJoin(arrayZip(${starts}, arrayPushBack(arrayPopFront(${starts}), ${toMs}))) as bounds,
            bounds.1 as slot,
            bounds.2 as slot_end,
            arrayJoin(range(intDiv(slot, 86400000), intDiv(slot_end - 1, 86400000) + 1)) as day_number
        )
      ) as span on day = span.span_day`,
  };
}
