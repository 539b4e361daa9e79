import { SluiceError, type RetentionQuery } from '@sluice/contracts';
import type { DataView, QueryScope } from '../ask/query-scope.js';
import { cutIntoBuckets, type CalendarBucket } from '../time/buckets.js';
import type { TimeRange } from '../time/range.js';

const DAY_MS = 86_400_000;
/** Longer than each period, whatever clocks do. */
const LONGEST_MS = { day: 2 * DAY_MS, week: 9 * DAY_MS, month: 33 * DAY_MS };

const MAX_ROWS = 366;
/** As many as a question may ask for. */
const MAX_COLUMNS = 60;

/** The shape of a table of retention: what its rows and columns are. */
export interface RetentionTable {
  /** What the rows cover. */
  range: TimeRange;
  /** The periods in which cohorts come, cut to the range. */
  rows: readonly CalendarBucket[];
  /** Periods from the first row to the last column of the last row: nothing looks further. */
  periods: number;
  /**
   * Calendar clock: the periods in which people come back. The first are those of the rows. A triangle ends with the range;
   * columns of a rectangle are whole periods.
   */
  returns: readonly (CalendarBucket & { cutShort: boolean })[];
  /** Columns of a row; no row has more than the first. */
  columnsOf: (row: number) => number;
}

/**
 * The table that a question means. A range that is given by one end, or by none, has `periods` rows.
 * @throws SluiceError invalid_query, too_many_buckets
 */
export function retentionTable(
  query: RetentionQuery,
  scope: Pick<QueryScope, 'range' | 'zone'>,
): RetentionTable {
  if (query.clock !== 'calendar' && query.period !== 'day') {
    throw new SluiceError('invalid_query', {
      message: 'Clocks of 24 hours count days: `period` must be `day`.',
      field: '/period',
    });
  }
  const calendar = { interval: query.period, weekStart: query.week_start, zone: scope.zone };
  const longestMs = LONGEST_MS[query.period];
  const range = rangeOf(query, scope);
  const rows = cutIntoBuckets(range, calendar);
  if (rows.length > MAX_ROWS) {
    throw new SluiceError('too_many_buckets', {
      message: `The range has ${rows.length} cohorts; ${MAX_ROWS} is the limit. Ask for longer periods.`,
      field: '/period',
    });
  }
  const { columns } = query;
  if (columns === undefined && rows.length > MAX_COLUMNS) {
    throw new SluiceError('too_many_buckets', {
      message: `A triangle of this range has ${rows.length} columns; ${MAX_COLUMNS} is the limit. Say how many columns.`,
      field: '/columns',
    });
  }
  const periods = columns === undefined ? rows.length : rows.length + columns - 1;
  const whole = cutIntoBuckets(
    { fromMs: range.fromMs, toMs: range.toMs + (columns ?? 1) * longestMs },
    calendar,
  ).slice(0, periods);
  return {
    range,
    rows,
    periods,
    returns: whole.map((bucket) => {
      const endMs = columns === undefined ? Math.min(bucket.endMs, range.toMs) : bucket.endMs;
      return { ...bucket, endMs, cutShort: endMs < bucket.endMs };
    }),
    columnsOf: (row) => columns ?? rows.length - row,
  };
}

function rangeOf(query: RetentionQuery, { range, zone }: Pick<QueryScope, 'range' | 'zone'>): TimeRange {
  if (query.from !== undefined && query.to !== undefined) return range;
  const calendar = { interval: query.period, weekStart: query.week_start, zone };
  const reachMs = (query.periods + 1) * LONGEST_MS[query.period];
  if (query.from !== undefined) {
    const { fromMs } = range;
    const units = cutIntoBuckets({ fromMs, toMs: fromMs + reachMs }, calendar);
    return { fromMs, toMs: units[query.periods - 1]!.endMs };
  }
  const { toMs } = range;
  const units = cutIntoBuckets({ fromMs: Math.max(toMs - reachMs, 0), toMs }, calendar);
  return { fromMs: (units.at(-query.periods) ?? units[0]!).startMs, toMs };
}

/** Whether the period of a cell has ended for the whole cohort, and everything in it is counted. */
export function isMature(
  table: RetentionTable,
  { row, column }: { row: number; column: number },
  { clock }: Pick<RetentionQuery, 'clock'>,
  { completeThroughMs }: Pick<DataView, 'completeThroughMs'>,
): boolean {
  if (completeThroughMs === undefined) return false;
  if (clock === 'calendar') {
    const { endMs, cutShort } = table.returns[row + column]!;
    return !cutShort && endMs <= completeThroughMs;
  }
  const cohortEndMs = table.rows[row]!.endMs;
  return cohortEndMs + (column === 0 ? 0 : (column + 1) * DAY_MS) <= completeThroughMs;
}
