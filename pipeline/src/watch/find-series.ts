import type { WatchMetricOf } from '@sluice/contracts';
import { z } from 'zod';
import { BOT_CONDITIONS, type Sources } from './ask-values.js';
import type { SeriesMetric, Watch } from './watched-series.js';

/** A series that a watch has. */
export interface FoundSeries {
  /** Which one within the watch; empty for the only or total one. */
  series: string;
  metric: SeriesMetric;
  /** When there was first something to count or to measure, as far as was looked. */
  firstMs: number;
}

const MAX_CURRENCIES = 5;

/**
 * The series of a watch that have begun, those with the most first. Looks at what happened from `fromMs` on. Before its
 * first event nobody can say whether a series is silent or not there yet, so it has not begun.
 */
export async function findSeries(watch: Watch, fromMs: number, sources: Sources): Promise<FoundSeries[]> {
  const { metric } = watch;
  switch (metric.kind) {
    case 'events': {
      const firstMs = await firstEventAt(watch.projectId, metric, fromMs, sources);
      const { event, type, bots } = metric;
      return firstMs === undefined
        ? []
        : [{ series: '', metric: { kind: 'events', event, type, bots }, firstMs }];
    }
    case 'every_event':
      return findEveryEvent(watch.projectId, metric, fromMs, sources);
    case 'revenue':
      return findCurrencies(watch.projectId, metric, fromMs, sources);
    case 'health': {
      const firstMs = await firstReceiptAt(watch.projectId, fromMs, sources);
      return firstMs === undefined
        ? []
        : metric.signals.map((signal) => ({ series: signal, metric: { kind: 'health', signal }, firstMs }));
    }
    case 'saved': {
      const anything = { event: null, type: null, bots: 'include' } as const;
      const firstMs = await firstEventAt(watch.projectId, anything, fromMs, sources);
      const { name, parameters, series } = metric;
      return firstMs === undefined
        ? []
        : [{ series: '', metric: { kind: 'saved', name, parameters, series: series ?? null }, firstMs }];
    }
  }
}

const firstRow = z.object({ first: z.int(), events: z.int() });

async function firstEventAt(
  project: number,
  of: Pick<WatchMetricOf<'events'>, 'event' | 'type' | 'bots'>,
  fromMs: number,
  { ask, database }: Sources,
): Promise<number | undefined> {
  const conditions = [
    'project_id = {project:UInt32}',
    `bucket >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')`,
    ...(of.event === null ? [] : ['event = {event:String}']),
    ...(of.type === null ? [] : ['type = {type:String}']),
    ...BOT_CONDITIONS[of.bots],
  ];
  const [row] = await ask({
    sql: `
      select toInt64(toUnixTimestamp(min(bucket))) as first, sum(counts_15m.events) as events
      from {db:Identifier}.counts_15m where ${conditions.join(' and ')}`,
    params: { project, db: database, from: fromMs, event: of.event ?? '', type: of.type ?? '' },
    row: firstRow,
  });
  return row === undefined || row.events === 0 ? undefined : row.first * 1_000;
}

const eventRow = firstRow.extend({ name: z.string() });

async function findEveryEvent(
  project: number,
  { limit, bots }: WatchMetricOf<'every_event'>,
  fromMs: number,
  sources: Sources,
): Promise<FoundSeries[]> {
  const total = await firstEventAt(project, { event: null, type: null, bots }, fromMs, sources);
  if (total === undefined) return [];
  const rows = await sources.ask({
    sql: `
      select toString(event) as name, toInt64(toUnixTimestamp(min(bucket))) as first, sum(counts_15m.events) as events
      from {db:Identifier}.counts_15m
      where ${[
        'project_id = {project:UInt32}',
        `bucket >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')`,
        `event != ''`,
        ...BOT_CONDITIONS[bots],
      ].join(' and ')}
      group by event
      order by events desc, name
      limit {limit:UInt32}`,
    params: { project, db: sources.database, from: fromMs, limit },
    row: eventRow,
  });
  return [
    { series: '', metric: { kind: 'events', event: null, type: null, bots }, firstMs: total },
    ...rows.map(({ name, first }): FoundSeries => ({
      series: name,
      metric: { kind: 'events', event: name, type: null, bots },
      firstMs: first * 1_000,
    })),
  ];
}

async function findCurrencies(
  project: number,
  { currency, bots }: WatchMetricOf<'revenue'>,
  fromMs: number,
  { ask, database }: Sources,
): Promise<FoundSeries[]> {
  const rows = await ask({
    sql: `
      select toString(currency) as name, toInt64(toUnixTimestamp(min(timestamp))) as first, count() as events
      from {db:Identifier}.events
      where ${[
        'project_id = {project:UInt32}',
        `timestamp >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')`,
        'revenue is not null',
        ...(currency === undefined ? [] : ['currency = {currency:String}']),
        ...BOT_CONDITIONS[bots],
      ].join(' and ')}
      group by currency
      order by events desc, name
      limit {limit:UInt32}`,
    params: { project, db: database, from: fromMs, currency: currency ?? '', limit: MAX_CURRENCIES },
    row: eventRow,
  });
  return rows.map(({ name, first }) => ({
    series: name,
    metric: { kind: 'revenue', currency: name, bots },
    firstMs: first * 1_000,
  }));
}

async function firstReceiptAt(
  projectId: number,
  fromMs: number,
  { pool }: Sources,
): Promise<number | undefined> {
  const found = await pool.query<{ first: Date | null }>(
    'select min(minute) as first from ledger where project_id = $1 and minute >= to_timestamp($2 / 1000.0)',
    [projectId, fromMs],
  );
  return found.rows[0]?.first?.getTime();
}
