import type { Bucket } from '@sluice/contracts';
import { cutIntoBuckets, type CalendarBucket, type CalendarOptions } from './buckets.js';
import { isoOf, type TimeRange } from './range.js';

export interface MarkedBucket extends CalendarBucket {
  /** Every event accepted before the end of the bucket is counted. */
  complete: boolean;
}

/** The buckets of a range, each with whether it is complete. */
export function markedBuckets(
  range: TimeRange,
  options: CalendarOptions,
  completeThroughMs: number | undefined,
): MarkedBucket[] {
  return cutIntoBuckets(range, options).map((bucket) => ({
    ...bucket,
    complete: completeThroughMs !== undefined && bucket.endMs <= completeThroughMs,
  }));
}

export function bucketAnswers(buckets: readonly MarkedBucket[]): Bucket[] {
  return buckets.map(({ startMs, endMs, label, complete, partial }) => ({
    start: isoOf(startMs),
    end: isoOf(endMs),
    label,
    complete,
    partial,
  }));
}

/** A count that is zero, or missing, is zero only where everything is counted; else it is not known. */
export function knownCount(value: number | undefined, complete: boolean): number | null {
  return value === undefined || value === 0 ? (complete ? 0 : null) : value;
}
