import type { WatchInterval } from '@sluice/models/anomaly';
import { askWatchedCounts, type Counted } from './ask-counts.js';
import type { SeriesOf } from './measured.js';
import type { WatchedSources } from './watched-sources.js';
import type { WatchBucket } from './watch-clock.js';

/** One number a bucket; null: it cannot be known, which is not zero. Shorter than the buckets: the others are not final. */
export type Values = (number | null)[];

/**
 * The numbers of several series of one watch in closed buckets that follow each other, in one statement for all of them.
 * Where nothing was counted in a bucket, it is zero.
 * @throws when the question fails: a failure is never a number.
 */
export async function readCountedValues(
  series: readonly SeriesOf<'events'>[] | readonly SeriesOf<'revenue'>[],
  { interval, buckets }: { interval: WatchInterval; buckets: readonly WatchBucket[] },
  { statement, ask }: Pick<WatchedSources, 'statement' | 'ask'>,
): Promise<Values[]> {
  const [first] = series;
  if (first === undefined) return [];
  const counted: Counted =
    first.kind === 'revenue'
      ? { of: 'revenue', bots: first.bots }
      : { of: 'events', type: first.type, bots: first.bots };
  const keys = series.map((one) => (one.kind === 'revenue' ? one.currency : one.event));
  const names = keys.filter((name) => name !== null);
  const others = names.length < series.length;
  const rows = await ask(askWatchedCounts(statement(), counted, { interval, names, others }, buckets), {
    // Of each bucket a row for each name, and one for all others.
    maxRows: (names.length + 1) * buckets.length,
  });
  const values = new Map<string | null, Map<number, number>>();
  const add = (name: string | null, start: number, value: number): void => {
    const slots = values.get(name) ?? new Map<number, number>();
    values.set(name, slots.set(start, (slots.get(start) ?? 0) + value));
  };
  for (const { name, start, value } of rows) {
    add(name, start, value);
    if (others) add(null, start, value);
  }
  return keys.map((name) => {
    const slots = values.get(name);
    return buckets.map(({ startMs }) => slots?.get(startMs) ?? 0);
  });
}

/** The numbers of a saved query; see `AskSaved`. */
export async function readSavedValues(
  { name, parameters, series }: SeriesOf<'saved'>,
  of: { projectId: number; timezone: string; interval: WatchInterval; buckets: readonly WatchBucket[] },
  { saved, signal }: Pick<WatchedSources, 'saved'> & { signal: AbortSignal },
): Promise<Values> {
  const { buckets, ...about } = of;
  const range = { fromMs: buckets[0]!.startMs, toMs: buckets.at(-1)!.endMs };
  const found = await saved.numbers({ ...about, ...range, name, parameters, series }, signal);
  const starts = buckets.map(({ startMs }) => startMs);
  const firstLeftOut = starts.findIndex((startMs) => !found.has(startMs));
  const final = firstLeftOut === -1 ? starts : starts.slice(0, firstLeftOut);
  if (found.size !== final.length) {
    throw new Error(`The buckets in the answer of ${name} are not those of the watch.`);
  }
  return final.map((startMs) => found.get(startMs) ?? null);
}
