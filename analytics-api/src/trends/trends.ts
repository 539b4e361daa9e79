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
import { bucketAnswers, markedBuckets, type MarkedBucket } from '../time/marked-buckets.js';
import { periodFrom, previousPeriod } from '../time/previous-period.js';
import { resolveRange, type TimeRange } from '../time/range.js';
import { bandOf } from './band.js';
import { fill, type FoundSeries, type Values } from './fill.js';
import { findNumbers, findOverall, findTogether, trailingBuckets } from './find-numbers.js';
import { forecastOf } from './forecast.js';
import { readFormula, type Formula } from './formula.js';
import { ADDITIVE, COUNTING, DEFINITIONS } from './measures.js';
import { chooseSource } from './plan.js';
import { seriesRows, type SeriesPlan } from './series-rows.js';

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
    for (const indexes of askedTogether(query)) {
      const answers = await answerSeries(query, indexes, { scope, buckets, previousBuckets });
      for (const [place, index] of indexes.entries()) {
        const answer = answers[place]!;
        series[index] = {
          ...answer,
          ...(await expectationsOf(query, index, answer.values, { scope, buckets })),
        };
      }
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

/** The places of the series, those together that one pass over the rows can answer: what is measured of one property of the same events. */
function askedTogether(query: TrendsQuery): number[][] {
  const together = new Map<string, number[]>();
  for (const [index, { event, type, filters, property, measure }] of query.series.entries()) {
    const canShare = property !== undefined && !ADDITIVE.has(measure) && query.breakdown === undefined;
    const rows = JSON.stringify(canShare ? [event, type, filters, property] : index);
    together.set(rows, [...(together.get(rows) ?? []), index]);
  }
  return [...together.values()];
}

/** Series of the same rows. */
async function answerSeries(
  query: TrendsQuery,
  indexes: readonly number[],
  { scope, buckets, previousBuckets }: Periods,
): Promise<TrendsSeriesAnswer[]> {
  const plans = indexes.map((index): SeriesPlan => {
    const series = query.series[index]!;
    const source = chooseSource(series, query, [...buckets, ...(previousBuckets ?? [])]);
    return { scope, query, series, index, source };
  });
  const [plan] = plans;
  if (plans.length === 1) {
    const now = await findNumbers(plan!, buckets, undefined);
    const before =
      previousBuckets === undefined ? undefined : await findNumbers(plan!, previousBuckets, now.keys);
    return [answerOf(plan!, { buckets, previousBuckets, ...now, before: before?.found })];
  }
  const now = await findTogether(plans, buckets);
  const before = previousBuckets === undefined ? undefined : await findTogether(plans, previousBuckets);
  return plans.map((one, place) =>
    answerOf(one, { buckets, previousBuckets, found: now[place]!, keys: [], before: before?.[place] }),
  );
}

function answerOf(
  { query, series, index, source }: SeriesPlan,
  numbers: Omit<Periods, 'scope'> & {
    found: FoundSeries;
    keys: readonly string[];
    before: FoundSeries | undefined;
  },
): TrendsSeriesAnswer {
  const { buckets, previousBuckets, found, keys, before } = numbers;
  const isCounting = COUNTING.has(series.measure);
  const valuesOf = (pick: (found: FoundSeries) => ReturnType<FoundSeries['groups']['get']>) => ({
    ...fill(pick(found), buckets, isCounting),
    ...(before === undefined ? {} : { previous: fill(pick(before), previousBuckets!, isCounting) }),
  });
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
    ...valuesOf(({ overall }) => overall),
    ...(query.breakdown === undefined
      ? {}
      : {
          groups: keys.map((key) => ({
            ...readGroupKey(key),
            ...valuesOf(({ groups }) => groups.get(key)),
          })),
        }),
  };
}

/** What was, and what is to be, expected of a series, where that is asked for. */
async function expectationsOf(
  query: TrendsQuery,
  index: number,
  values: readonly (number | null)[],
  { scope, buckets }: Pick<Periods, 'scope' | 'buckets'>,
): Promise<Pick<TrendsSeriesAnswer, 'band' | 'forecast'>> {
  const { bands, forecast } = query;
  const series = query.series[index]!;
  const plan: SeriesPlan = { scope, query, series, index, source: chooseSource(series, query, buckets) };
  const readValues = async (of: readonly MarkedBucket[]): Promise<(number | null)[]> =>
    fill(await findOverall(plan, of), of, COUNTING.has(series.measure)).values;
  return {
    ...(bands ? { band: await bandOf(plan, buckets, values, readValues) } : {}),
    ...(forecast === undefined ? {} : { forecast: await forecastOf(plan, forecast.buckets, readValues) }),
  };
}

export const letterOf = (index: number): string => String.fromCharCode(65 + index);

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
  const { sql, statement, keyOf } = seriesRows(plan, window, 'all');
  const bound = statement.bind('String', key);
  return {
    sql: `select person from (${sql}) where ${keyOf('group_value')} = ${bound} group by person`,
    params: statement.params,
  };
}
