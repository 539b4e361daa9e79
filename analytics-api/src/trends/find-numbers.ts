import type { FieldBreakdown } from '@sluice/contracts';
import type { QueryScope } from '../ask/query-scope.js';
import { groupKeyOf, isCohortBreakdown, OTHER_KEY } from '../sql/group-sql.js';
import { cutIntoBuckets, isClockInterval, type CalendarBucket } from '../time/buckets.js';
import type { MarkedBucket } from '../time/marked-buckets.js';
import { localDate, resolveRange } from '../time/range.js';
import {
  askLargestGroups,
  askNumbers,
  askNumbersTogether,
  askRankedGroups,
  askTrailingChanges,
} from './ask-numbers.js';
import { addUp, collect, collectTrailing, type Found, type FoundSeries } from './fill.js';
import { ADDITIVE, COUNTING } from './measures.js';
import { seriesRows, type SeriesPlan } from './series-rows.js';

const DAY_MS = 86_400_000;

/**
 * Finds the numbers of a series in some buckets, and the keys of the groups to show, in their order.
 *
 * @param known Keys of another period: the same are shown here.
 */
export async function findNumbers(
  plan: SeriesPlan,
  buckets: readonly MarkedBucket[],
  known: readonly string[] | undefined,
): Promise<{ found: FoundSeries; keys: readonly string[] }> {
  const { breakdown } = plan.query;
  const ask = asker(plan, buckets);
  if (breakdown === undefined) return { found: await ask('none', 'none'), keys: [] };
  if (isCohortBreakdown(breakdown)) {
    const { overall } = await ask('none', 'none');
    const { groups } = await ask('all', 'overlapping');
    return {
      found: { overall, groups },
      keys: breakdown.cohorts.map((value) => groupKeyOf({ kind: 'value', value })),
    };
  }
  if (known === undefined && buckets.length === 1 && plan.series.measure !== 'trailing_users') {
    return overOneBucket(plan, buckets[0]!, breakdown.limit);
  }
  if (hasFewValues(breakdown) && isOwnRank(plan)) {
    return allAtOnce(plan, ask, known, breakdown.limit);
  }
  const kept =
    known?.filter((key) => key !== OTHER_KEY) ?? (await largestGroups(plan, buckets, breakdown.limit));
  const found = await ask({ kept }, 'disjoint');
  const hasOther = known?.includes(OTHER_KEY) ?? found.groups.has(OTHER_KEY);
  return { found, keys: hasOther ? [...kept, OTHER_KEY] : kept };
}

/** The numbers of a series in some buckets, without its groups. */
export async function findOverall(plan: SeriesPlan, buckets: readonly MarkedBucket[]): Promise<Found> {
  return (await asker(plan, buckets)('none', 'none')).overall;
}

/** The numbers of several series that measure one property of the same events, without groups. */
export async function findTogether(
  plans: readonly SeriesPlan[],
  buckets: readonly MarkedBucket[],
): Promise<FoundSeries[]> {
  const plan = plans[0]!;
  const rows = await plan.scope.ask(askNumbersTogether(plans, seriesRows(plan, buckets, 'none')));
  return plans.map((_plan, place) =>
    collect(
      rows.map(({ values, ...row }) => ({ ...row, grp: '', over_all_groups: 1, value: values[place]! })),
      false,
    ),
  );
}

type Ask = (
  grouping: Parameters<typeof seriesRows>[2],
  groups: Parameters<typeof askNumbers>[2],
) => Promise<FoundSeries>;

function asker(plan: SeriesPlan, buckets: readonly MarkedBucket[]): Ask {
  const { scope, series, query } = plan;
  return async (grouping, groups) => {
    const trailing = series.measure === 'trailing_users' ? trailingBuckets(plan, buckets) : undefined;
    if (trailing === undefined) {
      const isOneBucket = buckets.length === 1;
      const rows = await scope.ask(
        askNumbers(plan, seriesRows(plan, buckets, grouping), groups, { isOneBucket }),
      );
      return collect(rows, ADDITIVE.has(series.measure) || isOneBucket);
    }
    const { base, width } = trailing;
    const rows = await scope.ask(
      askTrailingChanges(
        plan,
        seriesRows(plan, base, grouping),
        base.map(({ startMs }) => startMs),
        width,
        query.breakdown !== undefined && groups !== 'none',
      ),
    );
    return collectTrailing(rows, base, buckets);
  };
}

/** Columns with so few values that all groups can be read at once. */
const FEW_VALUES: ReadonlySet<string> = new Set([
  'event',
  'type',
  'channel',
  'browser',
  'os',
  'device_type',
  'country',
  'library',
  'currency',
]);

function hasFewValues(breakdown: FieldBreakdown): boolean {
  if ('churn' in breakdown) return true;
  return breakdown.column !== undefined && FEW_VALUES.has(breakdown.column);
}

function isOwnRank({ series }: SeriesPlan): boolean {
  return series.measure !== 'trailing_users' && COUNTING.has(series.measure);
}

/** One pass for the largest groups, what is left, and all together. */
async function overOneBucket(
  plan: SeriesPlan,
  bucket: MarkedBucket,
  limit: number,
): Promise<{ found: FoundSeries; keys: readonly string[] }> {
  const rows = seriesRows(plan, [bucket], 'all');
  const { startMs } = bucket;
  const found = collect(await plan.scope.ask(askRankedGroups(plan, rows, { limit, startMs })), true);
  // Rows come in the order of the groups.
  return { found, keys: [...found.groups.keys()] };
}

/** One pass for all groups; what lies beyond the limit is added up, or where it cannot be, asked for by itself. */
async function allAtOnce(
  plan: SeriesPlan,
  ask: Ask,
  known: readonly string[] | undefined,
  limit: number,
): Promise<{ found: FoundSeries; keys: readonly string[] }> {
  const found = await ask('all', 'disjoint');
  const byRank = [...found.groups].sort(
    ([a, { total: left = 0 }], [b, { total: right = 0 }]) => right - left || (a < b ? -1 : 1),
  );
  const kept = known?.filter((key) => key !== OTHER_KEY) ?? byRank.slice(0, limit).map(([key]) => key);
  const rest = byRank.filter(([key]) => !kept.includes(key));
  if (rest.length > 0) {
    const other = ADDITIVE.has(plan.series.measure)
      ? addUp(rest.map(([, values]) => values))
      : (await ask({ rest: kept }, 'none')).overall;
    found.groups.set(OTHER_KEY, other);
  }
  const hasOther = known?.includes(OTHER_KEY) ?? rest.length > 0;
  return { found, keys: hasOther ? [...kept, OTHER_KEY] : kept };
}

async function largestGroups(
  plan: SeriesPlan,
  buckets: readonly MarkedBucket[],
  limit: number,
): Promise<string[]> {
  const base = plan.series.measure === 'trailing_users' ? trailingBuckets(plan, buckets)?.base : undefined;
  const rows = seriesRows(plan, base ?? buckets, 'all');
  return (await plan.scope.ask(askLargestGroups(plan, rows, limit))).map(({ grp }) => grp);
}

/**
 * The buckets that trailing people are counted from: those asked for and enough before them, and in how many each person
 * counts. Undefined where a bucket is as long as the trailing days: it counts the people in it.
 */
export function trailingBuckets(
  { query, series, scope: { zone } }: SeriesPlan,
  buckets: readonly MarkedBucket[],
): { base: CalendarBucket[]; width: number } | undefined {
  const days = series.trailing_days ?? 7;
  const { interval } = query;
  const first = buckets[0]!;
  const last = buckets.at(-1)!;
  if (interval === 'total') {
    const startMs = startOfTrailingDays(last.endMs, days, zone);
    return { base: [{ ...first, startMs, endMs: last.endMs }], width: 1 };
  }
  const calendar = { interval, weekStart: query.week_start, zone };
  if (isClockInterval(interval)) {
    const lengthMs = { minute: 60_000, '15m': 900_000, hour: 3_600_000 }[interval];
    const width = (days * DAY_MS) / lengthMs;
    const fromMs = first.startMs - (width - 1) * lengthMs;
    return { base: cutIntoBuckets({ fromMs, toMs: last.endMs }, calendar), width };
  }
  const isAsLong = interval === 'month' ? days <= 28 : interval === 'week' ? days <= 7 : days === 1;
  if (isAsLong || interval !== 'day') return undefined;
  const fromMs = startOfTrailingDays(first.endMs, days, zone);
  return { base: cutIntoBuckets({ fromMs, toMs: last.endMs }, calendar), width: days };
}

/** The start of the first of so many local days, the last of which holds the instant before `endMs`. */
function startOfTrailingDays(endMs: number, days: number, zone: QueryScope['zone']): number {
  const lastDay = localDate(zone, endMs - 1);
  const firstDay = new Date(Date.parse(`${lastDay}T00:00:00Z`) - (days - 1) * DAY_MS)
    .toISOString()
    .slice(0, 10);
  return resolveRange({ from: firstDay, to: lastDay }, zone, endMs).fromMs;
}
