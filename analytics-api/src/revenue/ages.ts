import { SluiceError, type RevenueQuery } from '@sluice/contracts';
import { MAX_NUMBERS, type QueryScope } from '../ask/query-scope.js';
import { cutIntoBuckets, type CalendarBucket } from '../time/buckets.js';

const DAY_MS = 86_400_000;
/** Longer than any of them ever is. */
const LONGEST_MS = { day: 2 * DAY_MS, week: 8 * DAY_MS, month: 32 * DAY_MS };

export interface AgePeriods {
  /** From the one that the range starts in to the last that people who came in the range can be asked about. */
  periods: CalendarBucket[];
  /** How many of them have ended, with every event in them counted. Always the first ones. */
  ended: number;
}

/**
 * The local periods by which people who came in a range get older.
 * @throws SluiceError too_many_buckets
 */
export function agePeriods(
  ltv: NonNullable<RevenueQuery['ltv']>,
  weekStart: RevenueQuery['week_start'],
  { range, zone, completeThroughMs }: QueryScope,
): AgePeriods {
  const calendar = { interval: ltv.period, weekStart, zone };
  // The last one is cut short, and is always behind those that are needed.
  const toMs = range.toMs + (ltv.periods + 1) * LONGEST_MS[ltv.period];
  const all = cutPeriods({ fromMs: range.fromMs, toMs }, calendar);
  const inRange = all.filter(({ startMs }) => startMs < range.toMs).length;
  if (inRange * ltv.periods > MAX_NUMBERS) {
    throw new SluiceError('too_many_buckets', {
      message: `The range holds ${inRange} periods of this length; with ${ltv.periods} ages that is too many.`,
      field: '/ltv/period',
    });
  }
  const periods = all.slice(0, inRange + ltv.periods - 1);
  const isEnded = ({ endMs }: CalendarBucket): boolean =>
    completeThroughMs !== undefined && endMs <= completeThroughMs;
  return { periods, ended: periods.filter(isEnded).length };
}

function cutPeriods(...[range, calendar]: Parameters<typeof cutIntoBuckets>): CalendarBucket[] {
  try {
    return cutIntoBuckets(range, calendar);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    throw new SluiceError(error.code, { message: error.message, field: '/ltv/period' });
  }
}
