import type { WatchInterval } from '@sluice/models/anomaly';
import type { WatchClock } from './watch-clock.js';

/** How long after its end a bucket is judged, unless the watch says otherwise: most of what comes late is in it then. */
const DEFAULT_LATENESS_MS: Readonly<Record<WatchInterval, number>> = {
  minute: 30_000,
  five_minutes: 60_000,
  quarter_hour: 120_000,
  hour: 300_000,
  day: 1_800_000,
};

export function latenessMsOf(watch: { interval: WatchInterval; lateness_seconds: number | null }): number {
  return watch.lateness_seconds === null
    ? DEFAULT_LATENESS_MS[watch.interval]
    : watch.lateness_seconds * 1_000;
}

/**
 * Every bucket that ends at or before this instant is closed: all that was accepted until its end and its lateness is
 * queryable. What lies ahead of the own clock has not ended, whatever others say.
 */
export function closedUntil(
  clock: WatchClock,
  at: { completeThroughMs: number; nowMs: number; latenessMs: number },
): number {
  return clock.startOf(Math.min(at.completeThroughMs, at.nowMs) - at.latenessMs);
}
