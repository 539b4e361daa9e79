import type { AuditMinute } from '@sluice/contracts';
import type { StoredRow } from '../questions/audit.js';
import { isoOf } from '../time/range.js';

/**
 * How far `value` lies outside of `[atLeast, atMost]`; 0 when it lies inside. Stores are read one after the other while
 * events arrive: what was rolled up before the first reading must be there, what landed until the last one may be.
 */
export function distanceFrom(value: number, atLeast: number, atMost: number): number {
  if (value < atLeast) return value - atLeast;
  return value > atMost ? value - atMost : 0;
}

type Sums = Omit<AuditMinute, 'minute'>;

function sumsOf(counts: Omit<Sums, 'difference' | 'balanced'>, atLeast: number, atMost: number): Sums {
  const difference = {
    ledger: counts.logged - counts.landed - counts.duplicates - counts.dead_lettered - counts.erased,
    raw: counts.raw_rows - counts.landed,
    columnar: distanceFrom(counts.columnar_rows, atLeast, atMost),
  };
  return {
    ...counts,
    difference,
    balanced: difference.ledger === 0 && difference.raw === 0 && difference.columnar === 0,
  };
}

/** Minutes of the three readings side by side: the first of Postgres, ClickHouse, then the ledger once more. */
export function balanceMinutes(
  stored: readonly StoredRow[],
  receipts: ReadonlyMap<number, number>,
  landedLater: ReadonlyMap<number, { landed: number; at_most: number }>,
): AuditMinute[] {
  const byMinute = new Map(stored.map((row) => [row.minute.getTime(), row]));
  const minutes = new Set([...byMinute.keys(), ...receipts.keys()]);
  return [...minutes]
    .sort((a, b) => a - b)
    .map((minuteMs) => {
      const row = byMinute.get(minuteMs) ?? NOTHING;
      const counts = {
        logged: row.logged,
        landed: row.landed,
        duplicates: row.duplicates,
        dead_lettered: row.dead_lettered,
        rejected: row.rejected,
        erased: row.erased,
        raw_rows: row.raw_rows,
        pending_rows: row.pending_rows,
        columnar_rows: receipts.get(minuteMs) ?? 0,
      };
      const later = landedLater.get(minuteMs) ?? { landed: 0, at_most: 0 };
      const atMost = Math.max(row.raw_rows, later.at_most);
      // Rows that are erased between the readings are fewer afterwards.
      const atLeast = Math.min(row.raw_rows, later.landed) - row.pending_rows;
      return { minute: isoOf(minuteMs), ...sumsOf(counts, atLeast, atMost) };
    });
}

const NOTHING: Omit<StoredRow, 'minute'> = {
  logged: 0,
  landed: 0,
  duplicates: 0,
  dead_lettered: 0,
  rejected: 0,
  erased: 0,
  raw_rows: 0,
  pending_rows: 0,
};

/** Sums of minutes; a difference in one minute is not evened out by that of another. */
export function sumMinutes(minutes: readonly AuditMinute[]): Sums {
  const total: Sums = {
    logged: 0,
    landed: 0,
    duplicates: 0,
    dead_lettered: 0,
    rejected: 0,
    erased: 0,
    raw_rows: 0,
    pending_rows: 0,
    columnar_rows: 0,
    difference: { ledger: 0, raw: 0, columnar: 0 },
    balanced: true,
  };
  for (const minute of minutes) {
    for (const key of COUNTS) total[key] += minute[key];
    for (const key of DIFFERENCES) total.difference[key] += minute.difference[key];
    total.balanced &&= minute.balanced;
  }
  return total;
}

const COUNTS = [
  'logged',
  'landed',
  'duplicates',
  'dead_lettered',
  'rejected',
  'erased',
  'raw_rows',
  'pending_rows',
  'columnar_rows',
] as const;
const DIFFERENCES = ['ledger', 'raw', 'columnar'] as const;
