import {
  SluiceError,
  type FormulaAnswer,
  type GroupName,
  type Point,
  type TrendsAnswer,
  type TrendsGroup,
  type TrendsQuery,
  type TrendsSeriesAnswer,
} from '@sluice/contracts';
import { echoOf, type PeopleSql, type QuestionKind } from '../ask/query-kind.js';
import { MAX_NUMBERS, type QueryScope } from '../ask/query-scope.js';
import { groupKeyOf, isCohortBreakdown, NONE_KEY, OTHER_KEY, readGroupKey } from '../sql/group-sql.js';
import { cutIntoBuckets, isClockInterval, type CalendarBucket } from '../time/buckets.js';
import { bucketAnswers, markedBuckets, type MarkedBucket } from '../time/marked-buckets.js';
import { periodFrom, previousPeriod } from '../time/previous-period.js';
import { localDate, resolveRange, type TimeRange } from '../time/range.js';
import { bandOf } from './band.js';
import { askLargestGroups, askNumbers, askTrailingChanges } from './ask-numbers.js';
import { addUp, collect, collectTrailing, fill, type FoundSeries, type Values } from './fill.js';
import { forecastOf } from './forecast.js';
import { readFormula, type Formula } from './formula.js';
import { ADDITIVE, COUNTING, DEFINITIONS } from './measures.js';
import { chooseSource } from './plan.js';
import { seriesRows, type SeriesPlan } from './series-rows.js';

const DAY_MS = 86_400_000;

/** Numbers over time: many series, groups, formulas, and the same of another period. */
export const trends: QuestionKind<'trends'> = {
  kind: 'trends',
  async answer(query, scope): Promise<TrendsAnswer> {
    const buckets = bucketsOf(query, scope.range, scope);
    const previous = previousRange(query, scope);
    const previousBuckets = previous === undefined ? undefined : bucketsOf(query, previous, scope);
    checkSize(query, buckets.length + (previousBuckets?.length ?? 0));
    const formulas = query.formulas.map(({ formula }, index) =>
      readFormula(formula, query.series.length, `/formulas/${index}/formula`),
    );

    const series: TrendsSeriesAnswer[] = [];
    for (const index of query.series.keys()) {
      series.push(await answerSeries(query, index, { scope, buckets, previousBuckets }));
    }
    return {
      kind: 'trends',
      query: echoOf(query, scope),
      ...scope.frame({
        definition: 'Each series by itself; see its own definition.',
        additive: series.every(({ additive }) => additive),
      }),
      buckets: bucketAnswers(buckets),
      ...(previousBuckets === undefined ? {} : { previous_buckets: bucketAnswers(previousBuckets) }),
      series,
      formulas: query.formulas.map((said, index) => answerFormula(said, formulas[index]!, series)),
    };
  },
  people: peopleBehind,
};

interface Periods {
  scope: QueryScope;
  buckets: readonly MarkedBucket[];
  previousBuckets: readonly MarkedBucket[] | undefined;
}

function bucketsOf(query: TrendsQuery, range: TimeRange, scope: QueryScope): MarkedBucket[] {
  const calendar = { interval: query.interval, weekStart: query.week_start, zone: scope.zone };
  return markedBuckets(range, calendar, scope.completeThroughMs);
}

function previousRange(query: TrendsQuery, { range, zone, nowMs }: QueryScope): TimeRange | undefined {
  const { compare } = query;
  if (compare === undefined) return undefined;
  try {
    if (compare === 'previous_period') return previousPeriod(range, zone, nowMs);
    if (compare.to === undefined) return periodFrom(compare.from, range, zone, nowMs);
    return resolveRange(compare, zone, nowMs);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    throw new SluiceError(error.code, { message: error.message, field: `/compare${error.field ?? ''}` });
  }
}

async function answerSeries(
  query: TrendsQuery,
  index: number,
  periods: Periods,
): Promise<TrendsSeriesAnswer> {
  const series = query.series[index]!;
  const { scope, buckets, previousBuckets } = periods;
  const source = chooseSource(series, query, [...buckets, ...(previousBuckets ?? [])]);
  const plan: SeriesPlan = { scope, query, series, index, source };
  const { found, keys } = await findNumbers(plan, buckets, undefined);
  const before =
    previousBuckets === undefined ? undefined : (await findNumbers(plan, previousBuckets, keys)).found;
  const isCounting = COUNTING.has(series.measure);
  const valuesOf = (pick: (found: FoundSeries) => ReturnType<FoundSeries['groups']['get']>) => ({
    ...fill(pick(found), buckets, isCounting),
    ...(before === undefined ? {} : { previous: fill(pick(before), previousBuckets!, isCounting) }),
  });
  const overall = valuesOf((of) => of.overall);
  const readValues = async (of: readonly MarkedBucket[]): Promise<(number | null)[]> =>
    fill((await asker(plan, of)('none', 'none')).overall, of, isCounting).values;
  const { bands, forecast } = query;
  return {
    letter: letterOf(index),
    name: series.name ?? series.event ?? series.type ?? 'all events',
    event: series.event,
    type: series.type,
    measure: series.measure,
    definition: DEFINITIONS[series.measure],
    exact: true,
    additive:
      ADDITIVE.has(series.measure) && (query.breakdown === undefined || !isCohortBreakdown(query.breakdown)),
    source,
    ...overall,
    ...(query.breakdown === undefined
      ? {}
      : {
          groups: keys.map((key) => ({
            ...readGroupKey(key),
            ...valuesOf(({ groups }) => groups.get(key)),
          })),
        }),
    ...(bands ? { band: await bandOf(plan, buckets, overall.values, readValues) } : {}),
    ...(forecast === undefined ? {} : { forecast: await forecastOf(plan, forecast.buckets, readValues) }),
  };
}

const letterOf = (index: number): string => String.fromCharCode(65 + index);

/**
 * Finds the numbers of a series in some buckets, and the keys of the groups to show, in their order.
 *
 * @param known Keys of another period: the same are shown here.
 */
async function findNumbers(
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
  if (breakdown.column !== undefined && FEW_VALUES.has(breakdown.column) && isOwnRank(plan)) {
    return allAtOnce(plan, ask, known, breakdown.limit);
  }
  if (known === undefined && buckets.length === 1 && plan.series.measure !== 'trailing_users') {
    return overOneBucket(plan, buckets, ask, breakdown.limit);
  }
  const kept =
    known?.filter((key) => key !== OTHER_KEY) ??
    (await largestGroups(plan, buckets, breakdown.limit)).map(({ grp }) => grp);
  const found = await ask({ kept }, 'disjoint');
  const hasOther = known?.includes(OTHER_KEY) ?? found.groups.has(OTHER_KEY);
  return { found, keys: hasOther ? [...kept, OTHER_KEY] : kept };
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

function isOwnRank({ series }: SeriesPlan): boolean {
  return series.measure !== 'trailing_users' && COUNTING.has(series.measure);
}

/** Over one bucket, the largest groups come with their numbers; what is left is all together, and the rest. */
async function overOneBucket(
  plan: SeriesPlan,
  buckets: readonly MarkedBucket[],
  ask: Ask,
  limit: number,
): Promise<{ found: FoundSeries; keys: readonly string[] }> {
  const largest = await largestGroups(plan, buckets, limit + 1);
  const kept = largest.slice(0, limit);
  const groups = new Map(
    kept.map(({ grp, value }) => {
      const slots = new Map(value === null ? [] : [[buckets[0]!.startMs, value] as const]);
      return [grp, { total: value ?? undefined, slots }] as const;
    }),
  );
  const keys = kept.map(({ grp }) => grp);
  if (largest.length <= limit) {
    const { overall } = await ask('none', 'none');
    return { found: { overall, groups }, keys };
  }
  const { overall, groups: parts } = await ask({ split: keys }, 'disjoint');
  const other = parts.get(OTHER_KEY);
  if (other !== undefined) groups.set(OTHER_KEY, other);
  return { found: { overall, groups }, keys: [...keys, OTHER_KEY] };
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
): Promise<{ grp: string; value: number | null }[]> {
  const base = plan.series.measure === 'trailing_users' ? trailingBuckets(plan, buckets)?.base : undefined;
  return plan.scope.ask(askLargestGroups(plan, seriesRows(plan, base ?? buckets, 'all'), limit));
}

/**
 * The buckets that trailing people are counted from: those asked for and enough before them, and in how many each person
 * counts. Undefined where a bucket is as long as the trailing days: it counts the people in it.
 */
function trailingBuckets(
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

function answerFormula(
  said: { formula: string; name?: string | undefined },
  formula: Formula,
  series: readonly TrendsSeriesAnswer[],
): FormulaAnswer {
  const apply = (values: readonly Values[]): Values => ({
    total: formula(values.map(({ total }) => total)),
    values: (values[0]?.values ?? []).map((_value, place) =>
      formula(values.map((one) => one.values[place] ?? null)),
    ),
  });
  const compared = (of: readonly (Values & { previous?: Values | undefined })[]) => ({
    ...apply(of),
    ...(of[0]?.previous === undefined ? {} : { previous: apply(of.map(({ previous }) => previous!)) }),
  });
  // Groups are matched by their value: one that a series does not have is not known there.
  const names = new Map<string, GroupName>();
  for (const { groups = [] } of series)
    for (const { kind, value } of groups) names.set(groupKeyOf({ kind, value }), { kind, value });
  return {
    formula: said.formula,
    name: said.name ?? said.formula,
    ...compared(series),
    ...(series[0]?.groups === undefined
      ? {}
      : {
          groups: [...names].map(([key, name]): TrendsGroup => ({
            ...name,
            ...compared(series.map((one) => groupOr(one, key))),
          })),
        }),
  };
}

function groupOr(series: TrendsSeriesAnswer, key: string): Values & { previous?: Values | undefined } {
  const none = (values: Values): Values => ({ total: null, values: values.values.map(() => null) });
  return (
    series.groups?.find((group) => groupKeyOf(group) === key) ?? {
      ...none(series),
      ...(series.previous === undefined ? {} : { previous: none(series.previous) }),
    }
  );
}

function checkSize(query: TrendsQuery, bucketCount: number): void {
  const { breakdown } = query;
  const groups =
    breakdown === undefined
      ? 1
      : (isCohortBreakdown(breakdown) ? breakdown.cohorts.length : breakdown.limit) + 2;
  const numbers = bucketCount * groups * query.series.length;
  if (numbers <= MAX_NUMBERS) return;
  throw new SluiceError('too_many_buckets', {
    message: `The answer would hold ${numbers} numbers; ${MAX_NUMBERS} is the limit. Ask for fewer groups or longer buckets.`,
    field: '/breakdown/limit',
  });
}

async function peopleBehind(
  query: TrendsQuery,
  point: Point<'trends'>,
  scope: QueryScope,
): Promise<PeopleSql> {
  const series = query.series[point.series];
  const fail = (message: string, field: string): never => {
    throw new SluiceError('invalid_query', { message, field: `/point/${field}` });
  };
  if (series === undefined) return fail('There is no such series.', 'series');
  if (series.measure !== 'unique_users' && series.measure !== 'trailing_users') {
    return fail('This series does not count people: ask for unique_users.', 'series');
  }
  const buckets = bucketsOf(query, scope.range, scope);
  const source = chooseSource(series, query, buckets);
  const plan: SeriesPlan = { scope, query, series, index: point.series, source };
  let wanted: readonly MarkedBucket[] = buckets;
  if (point.bucket !== undefined) {
    const bucket = buckets.find(({ startMs }) => startMs === Date.parse(point.bucket!));
    if (bucket === undefined) return fail('No bucket starts then.', 'bucket');
    wanted = [bucket];
  }
  // The window that counts in the last of these buckets.
  const trailing = series.measure === 'trailing_users' ? trailingBuckets(plan, [wanted.at(-1)!]) : undefined;
  const window = trailing?.base ?? wanted;

  if (point.group === undefined) {
    const { sql, statement } = seriesRows(plan, window, 'none');
    return { sql: `select person from (${sql}) group by person`, params: statement.params };
  }
  if (query.breakdown === undefined) return fail('The question has no breakdown.', 'group');
  const key = groupKeyOf(point.group);
  if (key !== OTHER_KEY && key !== NONE_KEY && point.group.value === null)
    return fail('A value is missing.', 'group/value');
  if (key === OTHER_KEY) {
    const { keys } = await findNumbers(plan, buckets, undefined);
    const { sql, statement } = seriesRows(plan, window, { rest: keys.filter((one) => one !== OTHER_KEY) });
    return { sql: `select person from (${sql}) group by person`, params: statement.params };
  }
  const { sql, statement } = seriesRows(plan, window, 'all');
  const bound = statement.bind('String', key);
  return {
    sql: `select person from (${sql}) where grp = ${bound} group by person`,
    params: statement.params,
  };
}
