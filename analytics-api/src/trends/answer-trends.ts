import {
  SluiceError,
  type Measure,
  type TrendsAnswer,
  type TrendsQuery,
  type TrendsSeriesAnswer,
} from '@sluice/contracts';
import type { QueryLimits, Rows, RunClickHouse } from '../query-port/run-query.js';
import { cutIntoBuckets } from '../time/buckets.js';
import { isoOf, resolveRange, zoneOf } from '../time/range.js';
import { fillSeries, markComplete, type MarkedBucket } from './fill.js';
import { chooseSource, type SeriesPlan } from './plan.js';
import { askLargestGroups, askNumbers } from './questions.js';

/** Numbers in one answer at most. */
const MAX_NUMBERS = 100_000;

export interface TrendsContext {
  projectId: number;
  projectTimezone: string;
  database: string;
  completeThroughMs: number | undefined;
  runClickHouse: RunClickHouse;
  /** Time for the whole answer, milliseconds. */
  timeoutMs: number;
  signal: AbortSignal;
  nowMs: number;
}

const DEFINITIONS: Record<Measure, string> = {
  count: 'Events, each counted once, by the time at which they happened.',
  unique_users:
    'Different people with at least one event, counted for each bucket and for the total by themselves. A person is a user id, or an anonymous id where there is none, after all merges known so far; events with neither id are left out.',
};

/** Answers a trends query from the rollups, or from single events where they do not reach. */
export async function answerTrends(query: TrendsQuery, context: TrendsContext): Promise<TrendsAnswer> {
  const zone = zoneOf(query.timezone ?? context.projectTimezone);
  const range = resolveRange(query, zone, context.nowMs);
  const calendar = { interval: query.interval, weekStart: query.week_start, zone };
  const buckets = markComplete(cutIntoBuckets(range, calendar), context.completeThroughMs);
  checkSize(query, buckets.length);

  const deadline = performance.now() + context.timeoutMs;
  const statistics = { rows_read: 0, bytes_read: 0, elapsed_ms: 0 };
  const ask: RunClickHouse = async (question, limits: QueryLimits = {}) => {
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) throw new SluiceError('query_timeout');
    const rows = await context.runClickHouse(question, {
      ...limits,
      timeoutMs: leftMs,
      maxRows: MAX_NUMBERS * 2,
      signal: context.signal,
    });
    addStatistics(statistics, rows);
    return rows;
  };

  const series: TrendsSeriesAnswer[] = [];
  for (const wanted of query.series) {
    const plan: SeriesPlan = {
      source: chooseSource({ ...query, breakdown: query.breakdown, measure: wanted.measure, buckets }),
      projectId: context.projectId,
      database: context.database,
      range,
      startsMs: buckets.map(({ startMs }) => startMs),
      series: wanted,
      filters: query.filters,
      breakdown: query.breakdown,
      bots: query.bots,
    };
    series.push(await answerSeries(plan, buckets, ask));
  }
  return {
    kind: 'trends',
    query: {
      kind: 'trends',
      series: query.series,
      interval: query.interval,
      week_start: query.week_start,
      from: isoOf(range.fromMs),
      to: isoOf(range.toMs),
      timezone: zone.name,
      breakdown: query.breakdown ?? null,
      filters: query.filters,
      bots: query.bots,
      source: query.source,
    },
    complete_through: context.completeThroughMs === undefined ? null : isoOf(context.completeThroughMs),
    complete: buckets.every(({ complete }) => complete),
    buckets: buckets.map(({ startMs, endMs, label, complete, partial }) => ({
      start: isoOf(startMs),
      end: isoOf(endMs),
      label,
      complete,
      partial,
    })),
    series,
    statistics,
  };
}

async function answerSeries(
  plan: SeriesPlan,
  buckets: readonly MarkedBucket[],
  ask: RunClickHouse,
): Promise<TrendsSeriesAnswer> {
  const { series, breakdown, source } = plan;
  const kept =
    breakdown === undefined
      ? []
      : (await ask(askLargestGroups(plan, breakdown.limit))).rows.map(({ grp }) => grp);
  const { rows } = await ask(askNumbers(plan, kept));
  const { total, values, groups } = fillSeries(rows, buckets, kept);
  return {
    ...series,
    definition: DEFINITIONS[series.measure],
    exact: true,
    additive: series.measure === 'count',
    source,
    total,
    values,
    ...(breakdown === undefined ? {} : { groups }),
  };
}

function checkSize(query: TrendsQuery, bucketCount: number): void {
  const groupCount = query.breakdown === undefined ? 1 : query.breakdown.limit + 2;
  const numbers = bucketCount * groupCount * query.series.length;
  if (numbers <= MAX_NUMBERS) return;
  throw new SluiceError('too_many_buckets', {
    message: `The answer would hold ${numbers} numbers; ${MAX_NUMBERS} is the limit. Ask for fewer groups or longer buckets.`,
    field: '/breakdown/limit',
  });
}

function addStatistics(sum: TrendsAnswer['statistics'], rows: Rows<unknown>): void {
  sum.rows_read += rows.rowsRead;
  sum.bytes_read += rows.bytesRead;
  sum.elapsed_ms += rows.elapsedMs;
}
