import type { Interval } from '@sluice/contracts';
import type { WatchInterval } from '@sluice/models/anomaly';
import type { ForecastInterval } from '@sluice/models/forecast';
import { cutIntoBuckets, MAX_BUCKETS, type CalendarOptions } from '../time/buckets.js';
import type { MarkedBucket } from '../time/marked-buckets.js';

const DAY_MS = 86_400_000;

/** Intervals of questions as models name them; others have no band. */
export const WATCHED_AS: Partial<Record<Interval | 'total', WatchInterval>> = {
  minute: 'minute',
  '15m': 'quarter_hour',
  hour: 'hour',
  day: 'day',
};

/** Intervals that can be foreseen, and from how much history at most. */
export const FORESEEN: Partial<Record<Interval | 'total', { interval: ForecastInterval; days: number }>> = {
  '15m': { interval: 'quarter_hour', days: 49 },
  hour: { interval: 'hour', days: 112 },
  day: { interval: 'day', days: 3 * 365 },
  week: { interval: 'week', days: 5 * 365 },
  month: { interval: 'month', days: 10 * 366 },
};

/** Days that a monitor learns from before the range. */
export const LEARNED_DAYS: Record<WatchInterval, number> = {
  minute: 3,
  five_minutes: 14,
  quarter_hour: 35,
  hour: 35,
  day: 112,
};

/** The whole buckets of the days up to an instant, as many as there may be in one answer beside `beside` others. */
export function wholeBucketsBefore(
  endMs: number,
  days: number,
  calendar: CalendarOptions,
  { beside = 0, bucketMs }: { beside?: number; bucketMs: number },
): MarkedBucket[] {
  const room = Math.max(0, MAX_BUCKETS - beside - 2) * bucketMs;
  const fromMs = Math.max(0, endMs - Math.min(days * DAY_MS, room));
  if (fromMs >= endMs) return [];
  return cutIntoBuckets({ fromMs, toMs: endMs }, calendar)
    .filter(({ partial }) => !partial)
    .map((bucket) => ({ ...bucket, complete: true }));
}

/** So many whole buckets from the end of another on. */
export function bucketsAfter(
  startMs: number,
  count: number,
  calendar: CalendarOptions,
  bucketMs: number,
): ReturnType<typeof cutIntoBuckets> {
  // Months and days differ in length, and a clock can be changed.
  const toMs = startMs + (count + 1) * bucketMs * 1.05 + 2 * DAY_MS;
  const sparse = Math.min(toMs, startMs + (MAX_BUCKETS - 1) * bucketMs);
  return cutIntoBuckets({ fromMs: startMs, toMs: sparse }, calendar)
    .filter(({ partial }) => !partial)
    .slice(0, count);
}

export const BUCKET_LENGTH_MS: Record<Interval, number> = {
  minute: 60_000,
  '15m': 900_000,
  hour: 3_600_000,
  day: DAY_MS,
  week: 7 * DAY_MS,
  month: 31 * DAY_MS,
};
