import { BUCKET_MS, type WatchInterval } from '@sluice/models/anomaly';
import { createLocalOffsets } from '../enrich/local-day.js';

/** A bucket of a watched series. */
export interface WatchBucket {
  startMs: number;
  /** Not included. */
  endMs: number;
}

/** The buckets of an interval. They follow each other without a gap. */
export interface WatchClock {
  /** Start of the bucket that an instant lies in. */
  startOf(ms: number): number;
  /** Start of the bucket after the one that an instant lies in. */
  nextAfter(ms: number): number;
}

const QUARTER_MS = BUCKET_MS.quarter_hour;

/**
 * Hours and days are those of the zone, as in answers: a day is as long as it was, an hour that clocks show twice is two
 * buckets, and one within which they are changed by half an hour is, too. Zones move their clocks at whole quarter-hours
 * (UTC), so shorter buckets are the same everywhere.
 */
export function createWatchClock(interval: WatchInterval, timezone: string): WatchClock {
  const stepMs = BUCKET_MS[interval];
  if (stepMs <= QUARTER_MS) {
    const startOf = (ms: number): number => Math.floor(ms / stepMs) * stepMs;
    return { startOf, nextAfter: (ms) => startOf(ms) + stepMs };
  }
  const offsetAt = createLocalOffsets(timezone);
  const isSame = (a: number, b: number): boolean => {
    const [offsetA, offsetB] = [offsetAt(a), offsetAt(b)];
    if (interval === 'hour' && offsetA !== offsetB) return false;
    return Math.floor((a + offsetA) / stepMs) === Math.floor((b + offsetB) / stepMs);
  };
  return {
    startOf(ms) {
      let startMs = Math.floor(ms / QUARTER_MS) * QUARTER_MS;
      while (isSame(startMs - QUARTER_MS, ms)) startMs -= QUARTER_MS;
      return startMs;
    },
    nextAfter(ms) {
      let nextMs = Math.floor(ms / QUARTER_MS) * QUARTER_MS + QUARTER_MS;
      while (isSame(nextMs, ms)) nextMs += QUARTER_MS;
      return nextMs;
    },
  };
}

/** The buckets from the one at `fromMs` up to and without `toMs`, `most` of them at most. */
export function bucketsBetween(clock: WatchClock, fromMs: number, toMs: number, most: number): WatchBucket[] {
  const buckets: WatchBucket[] = [];
  let startMs = fromMs;
  while (startMs < toMs && buckets.length < most) {
    const endMs = clock.nextAfter(startMs);
    if (endMs > toMs) break;
    buckets.push({ startMs, endMs });
    startMs = endMs;
  }
  return buckets;
}
