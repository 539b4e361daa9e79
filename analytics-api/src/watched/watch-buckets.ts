import { BUCKET_MS, type WatchInterval } from '@sluice/models/anomaly';
import { cutIntoBuckets, type CalendarBucket } from '../time/buckets.js';
import type { Zone } from '../time/zone.js';

const DAY_MS = 86_400_000;

/** How long after its end a bucket is judged, unless the watch says otherwise: the watcher's defaults. */
export const LATENESS_MS: Readonly<Record<WatchInterval, number>> = {
  minute: 30_000,
  five_minutes: 60_000,
  quarter_hour: 120_000,
  hour: 300_000,
  day: 1_800_000,
};

/**
 * The closed buckets of the last days, oldest first: those of which all is counted that was accepted until their end and
 * their lateness. Hours and days are those of the zone, as in answers; shorter ones are the same everywhere, because clocks
 * are moved at whole quarters.
 */
export function closedBuckets(options: {
  interval: WatchInterval;
  zone: Zone;
  completeThroughMs: number;
  latenessMs: number;
  days: number;
}): Pick<CalendarBucket, 'startMs' | 'endMs'>[] {
  const { interval, zone, completeThroughMs, latenessMs, days } = options;
  const untilMs = completeThroughMs - latenessMs;
  const fromMs = Math.max(0, untilMs - days * DAY_MS);
  const lengthMs = BUCKET_MS[interval];
  if (interval === 'hour' || interval === 'day') {
    const range = { fromMs, toMs: Math.max(untilMs, fromMs + 1) };
    return cutIntoBuckets(range, { interval, zone, weekStart: 'monday' }).filter(({ partial }) => !partial);
  }
  const firstMs = Math.ceil(fromMs / lengthMs) * lengthMs;
  return Array.from({ length: Math.max(0, Math.floor((untilMs - firstMs) / lengthMs)) }, (_, index) => {
    const startMs = firstMs + index * lengthMs;
    return { startMs, endMs: startMs + lengthMs };
  });
}
