import type { Bots, EventType } from '@sluice/contracts';
import type { WatchInterval } from '@sluice/models/anomaly';
import { z } from 'zod';
import type { ClickHouseQuestion } from '../query-port/run-query.js';
import { botConditions } from '../sql/filter-sql.js';
import { timeCondition, type Statement } from '../sql/statement.js';
import { slotSql } from '../time/slot-sql.js';
import type { WatchBucket } from './watch-clock.js';

/** What the series of one watch have in common. */
export type Counted =
  | { of: 'events'; type: EventType | null; bots: Bots }
  /** Sums of revenue, by currency. */
  | { of: 'revenue'; bots: Bots };

const valueRow = z.object({ name: z.string(), start: z.int(), value: z.number() });

/**
 * Numbers by name and bucket: from the rollup by quarters of an hour where buckets are whole
 * quarters, else from single events. What has none of the names comes together under the empty one, when that is wanted.
 */
export function askWatchedCounts(
  statement: Statement,
  counted: Counted,
  series: { interval: WatchInterval; names: readonly string[]; others: boolean },
  buckets: readonly WatchBucket[],
): ClickHouseQuestion<z.infer<typeof valueRow>> {
  const { interval, names, others } = series;
  const range = { fromMs: buckets[0]!.startMs, toMs: buckets.at(-1)!.endMs };
  const slots = buckets.map((bucket) => ({ ...bucket, label: '', partial: false }));
  const table = tableOf(counted, interval);
  const key = counted.of === 'revenue' ? 'currency' : 'event';
  const listed = `${key} in ${statement.bind('Array(String)', names)}`;
  return {
    name: `watched-${counted.of}`,
    row: valueRow,
    params: statement.params,
    sql: `
      select if(${listed}, toString(${key}), '') as name, ${slotSql(statement, table.atMs, slots)} as start,
        ${table.value} as value
      from {db:Identifier}.${table.name}
      where ${[
        'project_id = {project:UInt32}',
        timeCondition(statement, table.time, range),
        ...(others ? [] : [listed]),
        ...conditionsOf(counted, statement),
      ].join(' and ')}
      group by name, start`,
  };
}

/** After whatever a time can be: the end of what DateTime holds. */
const LATEST_MS = 0xffff_ffff * 1_000;

const beginRow = z.object({ name: z.string(), first: z.int(), size: z.int() });

export interface Beginnings {
  range: { fromMs: number; toMs?: number | undefined };
  event?: string | null | undefined;
  currency?: string | undefined;
  by: 'name' | 'all';
  limit: number;
}

/** When each name first appeared in a range, milliseconds, as exactly as its table says; most frequent first. */
export function askBeginnings(
  statement: Statement,
  counted: Counted,
  { range, event = null, currency, by, limit }: Beginnings,
): ClickHouseQuestion<z.infer<typeof beginRow>> {
  const table = tableOf(counted, 'quarter_hour');
  const key = counted.of === 'revenue' ? 'currency' : 'event';
  return {
    name: `watched-${counted.of}-begin`,
    row: beginRow,
    params: statement.params,
    sql: `
      select ${by === 'name' ? `toString(${key})` : `''`} as name, toInt64(min(${table.atMs})) as first,
        toInt64(${counted.of === 'revenue' ? 'count()' : table.value}) as size
      from {db:Identifier}.${table.name}
      where ${[
        'project_id = {project:UInt32}',
        timeCondition(statement, table.time, { ...range, toMs: range.toMs ?? LATEST_MS }),
        ...(event === null ? [] : [`event = ${statement.bind('String', event)}`]),
        ...(currency === undefined ? [] : [`currency = ${statement.bind('String', currency)}`]),
        ...(by === 'name' && counted.of === 'events' ? [`event != ''`] : []),
        ...conditionsOf(counted, statement),
      ].join(' and ')}
      group by name
      having size > 0
      order by size desc, name
      limit ${statement.bind('UInt32', limit)}`,
  };
}

function tableOf(
  counted: Counted,
  interval: WatchInterval,
): { name: string; time: string; atMs: string; value: string } {
  const raw = { name: 'events', time: 'timestamp', atMs: 'toUnixTimestamp64Milli(timestamp)' };
  if (counted.of === 'revenue') return { ...raw, value: 'toFloat64(sum(revenue))' };
  if (interval === 'minute' || interval === 'five_minutes') return { ...raw, value: 'count()' };
  return {
    name: 'counts_15m',
    time: 'bucket',
    atMs: 'toInt64(toUnixTimestamp(bucket)) * 1000',
    value: 'sum(counts_15m.events)',
  };
}

function conditionsOf(counted: Counted, statement: Statement): string[] {
  return [
    ...(counted.of === 'revenue' ? ['revenue is not null'] : []),
    ...(counted.of === 'events' && counted.type !== null
      ? [`type = ${statement.bind('String', counted.type)}`]
      : []),
    ...botConditions(counted.bots),
  ];
}
