import { createLocalDays } from '../enrich/local-day.js';

const DAY_MS = 86_400_000;
const QUARTER_MS = 900_000;
const QUARTERS = 96;

/**
 * Into which local days the UTC days of a stretch fall: all of one up to a quarter of an hour, all of the next from it on.
 * No local day both begins and ends within one UTC day.
 */
export interface LocalDays {
  /** First UTC day, days since 1970; the arrays go on from it, day by day. */
  firstDay: number;
  lastDay: number;
  /** The local day in which each UTC day begins, and the one in which it ends. */
  before: number[];
  after: number[];
  /** The first quarter of an hour that belongs to the later one; 96 where there is none. */
  change: number[];
  /** Whether local days are those of UTC. */
  isUtc: boolean;
}

export function createLocalDayTable(timezone: string, firstDay: number, lastDay: number): LocalDays {
  const dayOf = createLocalDays(timezone);
  const table: LocalDays = { firstDay, lastDay, before: [], after: [], change: [], isUtc: true };
  for (let day = firstDay; day <= lastDay; day += 1) {
    const startMs = day * DAY_MS;
    const before = dayOf(startMs);
    const after = dayOf(startMs + (QUARTERS - 1) * QUARTER_MS);
    table.before.push(before);
    table.after.push(after);
    table.change.push(before === after ? QUARTERS : firstQuarterAfter(before, startMs, dayOf));
    if (before !== day || after !== day) table.isUtc = false;
  }
  return table;
}

function firstQuarterAfter(before: number, startMs: number, dayOf: (ms: number) => number): number {
  let low = 0;
  let high = QUARTERS - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (dayOf(startMs + middle * QUARTER_MS) === before) low = middle;
    else high = middle;
  }
  return high;
}

/** The last local day that has ended by an instant, days since 1970. */
export function lastWholeDay(timezone: string, epochMs: number): number {
  return createLocalDays(timezone)(epochMs) - 1;
}
