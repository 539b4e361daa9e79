import type { WatchInterval } from '@sluice/models/anomaly';
import type pg from 'pg';
import { z } from 'zod';
import type { AskClickHouse } from './ask-clickhouse.js';
import { askHealth } from './ask-health.js';
import type { SeriesMetric, Watch } from './watched-series.js';
import type { WatchBucket } from './watch-clock.js';

/** One number a bucket; null: it cannot be known, which is not zero. Shorter than the buckets: the others are not final. */
export type Values = (number | null)[];

export interface SavedQuestion {
  projectId: number;
  /** IANA zone of the project. */
  timezone: string;
  name: string;
  parameters: Readonly<Record<string, string | string[]>>;
  /** Which of the answer's numbers; null: the first or only one. */
  series: string | null;
  interval: WatchInterval;
  fromMs: number;
  toMs: number;
}

/**
 * Asks a saved query for one number a bucket between two instants: numbers by the starts of their buckets, null where there
 * is nothing to measure. Buckets at the end whose numbers may still change are left out.
 * @throws SluiceError when the question fails, or does not give one number a bucket.
 */
export type AskSaved = (question: SavedQuestion, signal: AbortSignal) => Promise<Map<number, number | null>>;

export interface Sources {
  ask: AskClickHouse;
  pool: pg.Pool;
  logId: string;
  /** ClickHouse database of the live generation. */
  database: string;
  /** Without it saved queries cannot be watched. */
  askSaved: AskSaved | undefined;
  stopping: AbortSignal;
}

/**
 * The numbers of several series of one watch in closed buckets that follow each other, in one statement for all of them.
 * Where nothing was counted in a bucket, it is zero.
 * @throws when the question fails: a failure is never a number.
 */
export async function askValues(
  watch: Watch,
  series: readonly SeriesMetric[],
  buckets: readonly WatchBucket[],
  sources: Sources,
): Promise<Values[]> {
  switch (watch.metric.kind) {
    case 'events':
    case 'every_event':
      return askCounts(watch, series as SeriesOf<'events'>[], buckets, sources);
    case 'revenue':
      return askRevenue(watch, series as SeriesOf<'revenue'>[], buckets, sources);
    case 'health':
      return askHealth(watch.projectId, series as SeriesOf<'health'>[], buckets, sources);
    case 'saved':
      return Promise.all(
        (series as SeriesOf<'saved'>[]).map((one) => askSavedValues(watch, one, buckets, sources)),
      );
  }
}

export type SeriesOf<K extends SeriesMetric['kind']> = Extract<SeriesMetric, { kind: K }>;

/** Conditions on robots, as questions have them. */
export const BOT_CONDITIONS = {
  include: [],
  exclude: ['not is_bot'],
  only: ['is_bot'],
} as const;

const countRow = z.object({ name: z.string(), start: z.int(), value: z.number() });

/** Counts by quarter-hour are rolled up; shorter buckets are counted from single events. */
async function askCounts(
  watch: Watch,
  series: readonly SeriesOf<'events'>[],
  buckets: readonly WatchBucket[],
  { ask, database }: Sources,
): Promise<Values[]> {
  const [first] = series;
  if (first === undefined) return [];
  const isRaw = watch.interval === 'minute' || watch.interval === 'five_minutes';
  const table = isRaw ? 'events' : 'counts_15m';
  const time = isRaw ? 'timestamp' : 'bucket';
  const count = isRaw ? 'count()' : 'sum(counts_15m.events)';
  const names = series.map(({ event }) => event).filter((event) => event !== null);
  const wantsAll = names.length < series.length;
  const conditions = [
    'project_id = {project:UInt32}',
    `${time} >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')`,
    `${time} < fromUnixTimestamp64Milli({to:Int64}, 'UTC')`,
    ...(wantsAll ? [] : ['event in {names:Array(String)}']),
    ...(first.type === null ? [] : ['type = {type:String}']),
    ...BOT_CONDITIONS[first.bots],
  ];
  const rows = await ask({
    sql: `
      select if(event in {names:Array(String)}, toString(event), '') as name,
        toInt64(roundDown(toInt64(toUnixTimestamp(${time})), {starts:Array(Int64)})) as start, ${count} as value
      from {db:Identifier}.${table}
      where ${conditions.join(' and ')}
      group by name, start`,
    params: { ...rangeParams(watch.projectId, database, buckets), names, type: first.type ?? '' },
    row: countRow,
  });
  const all = new Map<number, number>();
  for (const { start, value } of rows) all.set(start, (all.get(start) ?? 0) + value);
  const byName = groupByName(rows);
  return series.map(({ event }) => zerosWith(buckets, event === null ? all : byName.get(event)));
}

async function askRevenue(
  watch: Watch,
  series: readonly SeriesOf<'revenue'>[],
  buckets: readonly WatchBucket[],
  { ask, database }: Sources,
): Promise<Values[]> {
  const [first] = series;
  if (first === undefined) return [];
  const rows = await ask({
    sql: `
      select toString(currency) as name,
        toInt64(roundDown(toInt64(toUnixTimestamp(timestamp)), {starts:Array(Int64)})) as start,
        toFloat64(sum(revenue)) as value
      from {db:Identifier}.events
      where ${[
        'project_id = {project:UInt32}',
        `timestamp >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')`,
        `timestamp < fromUnixTimestamp64Milli({to:Int64}, 'UTC')`,
        'revenue is not null',
        'currency in {names:Array(String)}',
        ...BOT_CONDITIONS[first.bots],
      ].join(' and ')}
      group by name, start`,
    params: {
      ...rangeParams(watch.projectId, database, buckets),
      names: series.map(({ currency }) => currency),
    },
    row: countRow,
  });
  const byName = groupByName(rows);
  return series.map(({ currency }) => zerosWith(buckets, byName.get(currency)));
}

async function askSavedValues(
  watch: Watch,
  { name, parameters, series }: SeriesOf<'saved'>,
  buckets: readonly WatchBucket[],
  { askSaved, stopping }: Sources,
): Promise<Values> {
  if (askSaved === undefined) throw new Error('Saved queries cannot be asked here.');
  const { projectId, timezone, interval } = watch;
  const range = { fromMs: buckets[0]!.startMs, toMs: buckets.at(-1)!.endMs };
  const found = await askSaved(
    { projectId, timezone, name, parameters, series, interval, ...range },
    stopping,
  );
  const starts = buckets.map(({ startMs }) => startMs);
  const firstLeftOut = starts.findIndex((startMs) => !found.has(startMs));
  const final = firstLeftOut === -1 ? starts : starts.slice(0, firstLeftOut);
  if (found.size !== final.length) {
    throw new Error(`The buckets in the answer of ${name} are not those of the watch.`);
  }
  return final.map((startMs) => found.get(startMs) ?? null);
}

function rangeParams(project: number, db: string, buckets: readonly WatchBucket[]): Record<string, unknown> {
  return {
    project,
    db,
    from: buckets[0]!.startMs,
    to: buckets.at(-1)!.endMs,
    starts: buckets.map(({ startMs }) => startMs / 1_000),
  };
}

function groupByName(rows: readonly z.infer<typeof countRow>[]): Map<string, Map<number, number>> {
  const byName = new Map<string, Map<number, number>>();
  for (const { name, start, value } of rows) {
    const starts = byName.get(name) ?? new Map<number, number>();
    byName.set(name, starts.set(start, value));
  }
  return byName;
}

/** `found` by start of the bucket in seconds. */
function zerosWith(buckets: readonly WatchBucket[], found: ReadonlyMap<number, number> | undefined): Values {
  return buckets.map(({ startMs }) => found?.get(startMs / 1_000) ?? 0);
}
