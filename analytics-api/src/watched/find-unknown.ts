import { askUnknownMinutes } from '../questions/unknown-minutes.js';
import type { WatchedSources } from './watched-sources.js';
import type { WatchBucket } from './watch-clock.js';

/** Starts of buckets in which messages were received of which it is not known what became. What is counted in them is no number. */
export async function findUnknownBuckets(
  projectId: number,
  buckets: readonly WatchBucket[],
  { lookUp }: Pick<WatchedSources, 'lookUp'>,
): Promise<ReadonlySet<number>> {
  const range = { fromMs: buckets[0]!.startMs, toMs: buckets.at(-1)!.endMs };
  const minutes = await lookUp(askUnknownMinutes(projectId, range));
  const unknown = new Set<number>();
  let place = 0;
  // Both are in the order of time.
  for (const { minute } of minutes) {
    while (place < buckets.length && buckets[place]!.endMs <= minute.getTime()) place += 1;
    if (place < buckets.length) unknown.add(buckets[place]!.startMs);
  }
  return unknown;
}
