import { SluiceError, type WatchDefinition } from '@sluice/contracts';
import type { ApiContext } from '../api-context.js';
import type { QueryScope } from '../ask/query-scope.js';
import type { RequestOptions } from '../ask/run-request.js';
import { askUnknownMinutes } from '../questions/unknown-minutes.js';
import { askSavedNumbers } from '../saved/ask-saved.js';
import type { CalendarBucket } from '../time/buckets.js';
import { askBeginnings, askWatchedCounts, type Counted } from './ask-counts.js';

type Bucket = Pick<CalendarBucket, 'startMs' | 'endMs'>;

/** A series of a watch, with its numbers in closed buckets from the one after its first event on. */
export interface ReadSeries {
  series: string;
  kind: 'count' | 'level';
  points: { bucket: Bucket; value: number | null }[];
}

/** Numbers that one simulation may look at. */
export const MAX_POINTS = 250_000;
const MAX_CURRENCIES = 5;

interface Begun {
  series: string;
  firstMs: number;
}

/**
 * Reads the series that a watch would have, and their numbers in some closed buckets: what the watcher would have judged.
 * @throws SluiceError too_many_buckets, invalid_request for what cannot be read after the fact
 */
export async function readWatchedSeries(
  definition: WatchDefinition,
  options: {
    only: readonly string[] | undefined;
    buckets: readonly Bucket[];
    scope: QueryScope;
    request: Pick<RequestOptions, 'owner' | 'signal'>;
    context: ApiContext;
  },
): Promise<ReadSeries[]> {
  const { metric } = definition;
  const { buckets, scope } = options;
  const range = { fromMs: buckets[0]!.startMs, toMs: buckets.at(-1)!.endMs };
  const unknown = await unknownBuckets(scope, buckets);
  const pointsOf = (
    valueAt: (startMs: number) => number | null | undefined,
    firstMs: number,
  ): ReadSeries['points'] =>
    buckets
      // Of the bucket that it began within, only a part is counted.
      .filter(({ startMs }) => startMs > firstMs)
      .map((bucket) => ({
        bucket,
        value: unknown.has(bucket.startMs) ? null : (valueAt(bucket.startMs) ?? null),
      }));

  if (metric.kind === 'health') {
    throw new SluiceError('invalid_request', {
      message: 'How well events arrived is watched as it happens; it cannot be simulated.',
      field: '/definition/metric/kind',
    });
  }
  if (metric.kind === 'saved') {
    const everything = { of: 'events', type: null, bots: 'include' } as const;
    const [begun] = await scope.ask(
      askBeginnings(scope.statement().statement, everything, { range, by: 'all', limit: 1 }),
    );
    if (begun === undefined) return [];
    const { name, parameters, series = null } = metric;
    const found = await askSavedNumbers(
      {
        ...{ projectId: scope.projectId, timezone: scope.zone.name, name, parameters, series },
        ...{ interval: definition.interval, ...range },
      },
      options.request,
      options.context,
    );
    return [{ series: '', kind: 'level', points: pointsOf((startMs) => found.get(startMs), begun.first) }];
  }

  const counted: Counted =
    metric.kind === 'revenue'
      ? { of: 'revenue', bots: metric.bots }
      : { of: 'events', type: metric.kind === 'events' ? metric.type : null, bots: metric.bots };
  const begun = (await findBegun(definition, counted, { range, scope })).filter(
    ({ series }) => options.only?.includes(series) ?? true,
  );
  if (begun.length === 0) return [];
  if (begun.length * buckets.length > MAX_POINTS) {
    throw new SluiceError('too_many_buckets', {
      message: `${begun.length} series of ${buckets.length} buckets are more than ${MAX_POINTS} numbers: ask for fewer days or series, or longer buckets.`,
      field: '/days',
    });
  }
  const nameOf = ({ series }: Begun): string | null =>
    metric.kind === 'events' ? metric.event : series === '' && metric.kind === 'every_event' ? null : series;
  const names = begun.map(nameOf).filter((name) => name !== null);
  const others = names.length < begun.length;
  const rows = await scope.ask(
    askWatchedCounts(
      scope.statement().statement,
      counted,
      { interval: definition.interval, names, others },
      buckets,
    ),
    { maxRows: MAX_POINTS + buckets.length },
  );
  const values = new Map<string | null, Map<number, number>>();
  const add = (name: string | null, start: number, value: number): void => {
    const slots = values.get(name) ?? new Map<number, number>();
    values.set(name, slots.set(start, (slots.get(start) ?? 0) + value));
  };
  for (const { name, start, value } of rows) {
    add(name, start, value);
    if (others) add(null, start, value);
  }
  return begun.map((one) => {
    const slots = values.get(nameOf(one));
    return {
      series: one.series,
      kind: metric.kind === 'revenue' ? 'level' : 'count',
      points: pointsOf((startMs) => slots?.get(startMs) ?? 0, one.firstMs),
    };
  });
}

async function findBegun(
  { metric }: WatchDefinition,
  counted: Counted,
  { range, scope }: { range: { fromMs: number; toMs: number }; scope: QueryScope },
): Promise<Begun[]> {
  const ask = async (by: 'name' | 'all', limit: number, event?: string): Promise<Begun[]> => {
    const rows = await scope.ask(
      askBeginnings(scope.statement().statement, counted, { range, by, limit, event }),
    );
    return rows.map(({ name, first }) => ({ series: name, firstMs: first }));
  };
  switch (metric.kind) {
    case 'events':
      return ask('all', 1, metric.event ?? undefined);
    case 'every_event':
      return [...(await ask('all', 1)), ...(await ask('name', metric.limit))];
    case 'revenue': {
      const found = await ask('name', metric.currency === undefined ? MAX_CURRENCIES : 1_000);
      return found.filter(({ series }) => metric.currency === undefined || series === metric.currency);
    }
    default:
      return [];
  }
}

async function unknownBuckets(scope: QueryScope, buckets: readonly Bucket[]): Promise<ReadonlySet<number>> {
  const range = { fromMs: buckets[0]!.startMs, toMs: buckets.at(-1)!.endMs };
  const minutes = await scope.lookUp(askUnknownMinutes(scope.projectId, range));
  const unknown = new Set<number>();
  let place = 0;
  // Both are in the order of time.
  for (const { minute } of minutes) {
    while (place < buckets.length && buckets[place]!.endMs <= minute.getTime()) place += 1;
    if (place < buckets.length) unknown.add(buckets[place]!.startMs);
  }
  return unknown;
}
