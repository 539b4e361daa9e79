import type { WatchClock } from './watch-clock.js';

const DAY_MS = 86_400_000;
/** Names are looked for at least so far back, whatever history is judged. */
const LEAST_SEARCH_DAYS = 7;

/**
 * What a watch that begins when everything before `sinceMs` is closed looks back at: from `searchMs` on for its series, and
 * at no bucket before `firstMs`.
 */
export function historyOf(
  clock: WatchClock,
  { sinceMs, backfillDays }: { sinceMs: number; backfillDays: number },
): { searchMs: number; firstMs: number } {
  return {
    searchMs: sinceMs - Math.max(backfillDays, LEAST_SEARCH_DAYS) * DAY_MS,
    firstMs: clock.nextAfter(sinceMs - backfillDays * DAY_MS),
  };
}

/** The first bucket of a series: of the one that it began within, only a part is counted. */
export function firstBucketOf(
  clock: WatchClock,
  { firstMs, begunMs }: { firstMs: number; begunMs: number },
): number {
  return Math.max(firstMs, clock.nextAfter(begunMs));
}
