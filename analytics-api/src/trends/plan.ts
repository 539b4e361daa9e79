import type { Breakdown, Filter, Interval, Measure, TrendsQuery, TrendsSeries } from '@sluice/contracts';
import type { CalendarBucket } from '../time/buckets.js';
import type { TimeRange } from '../time/range.js';
import { fieldOf, isRolledUp } from './fields.js';

export type TrendsSource = 'counts_15m' | 'user_days' | 'events';

/** One series, ready to be asked: where to read it from and what to count. */
export interface SeriesPlan {
  source: TrendsSource;
  projectId: number;
  /** Name of the ClickHouse database. */
  database: string;
  range: TimeRange;
  /** Starts of the buckets, milliseconds, ascending. */
  startsMs: readonly number[];
  series: TrendsSeries;
  filters: readonly Filter[];
  breakdown: Breakdown | undefined;
  bots: TrendsQuery['bots'];
}

const QUARTER_MS = 900_000;

/**
 * The table that answers a series. The rollups have quarters of an hour, names and types; whatever looks closer is counted
 * from single events. All zones of today keep their offsets in whole quarters, but a range need not start at one. People
 * by the hour come from single events, too: one day of a person falls into 24 buckets, which costs more than the few
 * events of that day.
 */
export function chooseSource(options: {
  measure: Measure;
  interval: Interval;
  filters: readonly Filter[];
  breakdown: Breakdown | undefined;
  buckets: readonly CalendarBucket[];
  source: TrendsQuery['source'];
}): TrendsSource {
  const { measure, interval, filters, breakdown, buckets, source } = options;
  if (source === 'raw') return 'events';
  const fields = [...filters.map(fieldOf), ...(breakdown === undefined ? [] : [breakdown])];
  if (!fields.every(isRolledUp)) return 'events';
  if (!buckets.every(({ startMs, endMs }) => startMs % QUARTER_MS === 0 && endMs % QUARTER_MS === 0)) {
    return 'events';
  }
  if (measure === 'count') return 'counts_15m';
  return interval === '15m' || interval === 'hour' ? 'events' : 'user_days';
}
