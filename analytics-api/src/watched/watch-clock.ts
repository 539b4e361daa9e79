import { BUCKET_MS, type WatchInterval } from '@sluice/models/anomaly';
import { firstInstantAt, type OffsetSegment, type Zone } from '../time/zone.js';

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

const HOUR_MS = BUCKET_MS.hour;
const DAY_MS = BUCKET_MS.day;
/** Offsets are looked up for so long at once, and for some days around it. */
const STRETCH_MS = 64 * DAY_MS;
const AROUND_MS = 4 * DAY_MS;

/**
 * Hours and days are those of the zone, as in answers (`time/buckets.ts`): a day is as long as it was, an hour that clocks
 * show twice is two buckets, and one within which they are changed by half an hour is, too. Zones move their clocks at whole
 * quarter-hours (UTC), so shorter buckets are the same everywhere.
 */
export function createWatchClock(interval: WatchInterval, zone: Zone): WatchClock {
  if (interval === 'hour') return createHours(zone);
  if (interval === 'day') return createDays(zone);
  const stepMs = BUCKET_MS[interval];
  const startOf = (ms: number): number => Math.floor(ms / stepMs) * stepMs;
  return { startOf, nextAfter: (ms) => startOf(ms) + stepMs };
}

function createHours(zone: Zone): WatchClock {
  const segmentsAround = createSegments(zone);
  const hourOf = (ms: number): WatchBucket => {
    const { fromMs, toMs, offsetMs } = segmentsAround(ms).find((segment) => ms < segment.toMs)!;
    const floorMs = Math.floor((ms + offsetMs) / HOUR_MS) * HOUR_MS - offsetMs;
    return { startMs: Math.max(floorMs, fromMs), endMs: Math.min(floorMs + HOUR_MS, toMs) };
  };
  return { startOf: (ms) => hourOf(ms).startMs, nextAfter: (ms) => hourOf(ms).endMs };
}

function createDays(zone: Zone): WatchClock {
  const segmentsAround = createSegments(zone);
  const dayOf = (ms: number): WatchBucket => {
    const segments = segmentsAround(ms);
    let dayMs = Math.floor((ms + zone.offsetAt(ms)) / DAY_MS) * DAY_MS;
    let startMs = firstInstantAt(segments, dayMs)!;
    for (;;) {
      dayMs += DAY_MS;
      const endMs = firstInstantAt(segments, dayMs)!;
      if (endMs > ms) return { startMs, endMs };
      // Midnight was there before clocks were set back behind it.
      startMs = endMs;
    }
  };
  return { startOf: (ms) => dayOf(ms).startMs, nextAfter: (ms) => dayOf(ms).endMs };
}

/** Offsets around an instant. Those of one stretch are kept: buckets are asked for one after the other. */
function createSegments(zone: Zone): (ms: number) => readonly OffsetSegment[] {
  let kept: { stretch: number; segments: readonly OffsetSegment[] } | undefined;
  return (ms) => {
    const stretch = Math.floor(ms / STRETCH_MS);
    if (kept?.stretch !== stretch) {
      const fromMs = stretch * STRETCH_MS;
      kept = { stretch, segments: zone.segments(fromMs - AROUND_MS, fromMs + STRETCH_MS + AROUND_MS) };
    }
    return kept.segments;
  };
}

/** The whole buckets from the one at `fromMs` up to and without `toMs`, `most` of them at most. */
export function bucketsBetween(
  clock: WatchClock,
  fromMs: number,
  toMs: number,
  most = Infinity,
): WatchBucket[] {
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
