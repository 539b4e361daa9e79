import type { WatchInterval } from '@sluice/models/anomaly';
import type { WatchClock } from './watch-clock.js';

/** How long after its end a bucket is judged, unless the watch says otherwise: most of what comes late is in it then. */
export const DEFAULT_LATENESS_MS: Readonly<Record<WatchInterval, number>> = {
  minute: 30_000,
  five_minutes: 60_000,
  quarter_hour: 120_000,
  hour: 300_000,
  day: 1_800_000,
};

/**
 * Every bucket that ends at or before this instant is closed: all that was accepted until its end and its lateness is
 * queryable.
 */
export function closedUntil(clock: WatchClock, completeThroughMs: number, latenessMs: number): number {
  return clock.startOf(completeThroughMs - latenessMs);
}
