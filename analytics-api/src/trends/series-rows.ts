import type { TrendsQuery, TrendsSeries } from '@sluice/contracts';
import type { QueryScope } from '../ask/query-scope.js';
import { eventRows, type PersonlessContext } from '../sql/event-rows.js';
import {
  botConditions,
  filterConditions,
  selectorConditions,
  type FilterContext,
} from '../sql/filter-sql.js';
import { cohortKeysSql, fieldGroupSql, isCohortBreakdown, keptKey, OTHER_KEY } from '../sql/group-sql.js';
import { withPeople } from '../sql/people-sql.js';
import { timeCondition, type Statement } from '../sql/statement.js';
import type { CalendarBucket } from '../time/buckets.js';
import { daySlotSql, slotSql } from '../time/slot-sql.js';
import { measuredNumber, OF_PEOPLE } from './measures.js';
import type { TrendsSource } from './plan.js';

/** How rows fall into groups: not at all, each value its own, all but the kept ones together, only those, or in two: the kept ones and the rest. */
export type Grouping =
  'none' | 'all' | { kept: readonly string[] } | { rest: readonly string[] } | { split: readonly string[] };

export interface SeriesRows {
  statement: Statement;
  /** Rows `slot`, `grp` and what the measure needs: `n`, `person`, `session_id`, `x`. */
  sql: string;
}

export interface SeriesPlan {
  scope: QueryScope;
  query: TrendsQuery;
  series: TrendsSeries;
  /** Place of the series in the question. */
  index: number;
  source: TrendsSource;
}

/** The rows that a series counts in some buckets, which follow each other without a gap. */
export function seriesRows(
  plan: SeriesPlan,
  buckets: readonly CalendarBucket[],
  grouping: Grouping,
): SeriesRows {
  const { scope, source } = plan;
  const range = { fromMs: buckets[0]!.startMs, toMs: buckets.at(-1)!.endMs };
  const context = { ...scope.statement(), range };
  const { statement } = context;
  if (source === 'events') return { statement, sql: fromEvents(plan, context, buckets, grouping) };
  if (source === 'counts_15m') return { statement, sql: fromCounts(plan, context, buckets, grouping) };
  return { statement, sql: fromDays(plan, context, buckets, grouping) };
}

function fromEvents(
  plan: SeriesPlan,
  outer: PersonlessContext,
  buckets: readonly CalendarBucket[],
  grouping: Grouping,
): string {
  const { series, query, index } = plan;
  const field = `/series/${index}`;
  const { from, person, where, context } = eventRows(outer, {
    selectors: [{ selector: series, field }],
    filters: query.filters,
    bots: query.bots,
    range: outer.range,
    ofSomebody: OF_PEOPLE.has(series.measure),
    needsPeople: OF_PEOPLE.has(series.measure) || (grouping !== 'none' && isOfPeople(query.breakdown)),
  });
  const { key, joins, conditions } = groupOf(plan, context, grouping);
  const number = measuredNumber(series, `${field}/property`);
  const columns = [
    `${slotSql(outer.statement, 'toUnixTimestamp64Milli(timestamp)', buckets)} as slot`,
    `${key} as grp`,
    '1 as n',
    ...(OF_PEOPLE.has(series.measure) ? [`${person} as person`] : []),
    ...(series.measure === 'unique_sessions' ? ['session_id'] : []),
    ...(number === undefined ? [] : [`assumeNotNull(${number}) as x`]),
  ];
  const all = [
    where,
    ...conditions,
    ...(series.measure === 'unique_sessions'
      ? [`session_id != toUUID('00000000-0000-0000-0000-000000000000')`]
      : []),
    ...(number === undefined ? [] : [`isNotNull(${number})`]),
  ];
  return select(columns, `${from} ${joins}`, all);
}

function isOfPeople(breakdown: TrendsQuery['breakdown']): boolean {
  return breakdown !== undefined && (isCohortBreakdown(breakdown) || breakdown.user_property !== undefined);
}

function fromCounts(
  plan: SeriesPlan,
  outer: PersonlessContext,
  buckets: readonly CalendarBucket[],
  grouping: Grouping,
): string {
  const { statement, range } = outer;
  const context: FilterContext = { ...outer, person: '0' };
  const { key, conditions } = groupOf(plan, context, grouping);
  return select(
    [
      `${slotSql(statement, 'toInt64(toUnixTimestamp(bucket)) * 1000', buckets)} as slot`,
      `${key} as grp`,
      'events as n',
    ],
    '{db:Identifier}.counts_15m',
    [...rollupConditions(plan, context), timeCondition(statement, 'bucket', range), ...conditions],
  );
}

function fromDays(
  plan: SeriesPlan,
  outer: PersonlessContext,
  buckets: readonly CalendarBucket[],
  grouping: Grouping,
): string {
  const { statement } = outer;
  const { from, person } = withPeople(statement, `{db:Identifier}.${plan.source}`);
  const context: FilterContext = { ...outer, person };
  const { key, joins, conditions } = groupOf(plan, context, grouping);
  const days = daySlotSql(statement, buckets);
  return select(
    [`${days.slot} as slot`, `${key} as grp`, 'events as n', `${person} as person`],
    `${from} ${joins}`,
    [...rollupConditions(plan, context), 'actor_hash != 0', ...days.conditions, ...conditions],
  );
}

function rollupConditions({ series, query, index }: SeriesPlan, context: FilterContext): string[] {
  return [
    'project_id = {project:UInt32}',
    ...selectorConditions(series, context, `/series/${index}`),
    ...botConditions(query.bots),
    ...filterConditions(query.filters, context),
  ];
}

function groupOf(
  { query: { breakdown } }: SeriesPlan,
  context: FilterContext,
  grouping: Grouping,
): { key: string; joins: string; conditions: string[] } {
  if (breakdown === undefined || grouping === 'none') return { key: `''`, joins: '', conditions: [] };
  if (isCohortBreakdown(breakdown)) {
    return { key: `arrayJoin(${cohortKeysSql(breakdown.cohorts, context)})`, joins: '', conditions: [] };
  }
  const { key, joins } = fieldGroupSql(breakdown, context);
  if (grouping === 'all') return { key, joins, conditions: [] };
  if ('kept' in grouping) return { key: keptKey(key, grouping.kept, context), joins, conditions: [] };
  if ('split' in grouping) {
    const kept = context.statement.bind('Array(String)', grouping.split);
    return { key: `if(has(${kept}, ${key}), 'kept', '${OTHER_KEY}')`, joins, conditions: [] };
  }
  const kept = context.statement.bind('Array(String)', grouping.rest);
  return { key: `''`, joins, conditions: [`not has(${kept}, ${key})`] };
}

function select(columns: readonly string[], from: string, conditions: readonly string[]): string {
  return `
      select ${columns.join(', ')}
      from ${from}
      where ${conditions.join('\n        and ')}`;
}
