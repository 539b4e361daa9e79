import type { TrendsQuery, TrendsSeries } from '@sluice/contracts';
import type { QueryScope } from '../ask/query-scope.js';
import { eventRows, type PersonlessContext } from '../sql/event-rows.js';
import {
  botConditions,
  filterConditions,
  selectorConditions,
  type FilterContext,
} from '../sql/filter-sql.js';
import {
  cohortKeysSql,
  fieldGroupSql,
  isCohortBreakdown,
  isKey,
  isPeopleBreakdown,
  keptKey,
  type GroupSql,
  type KeyOf,
} from '../sql/group-sql.js';
import { withPeople } from '../sql/people-sql.js';
import { timeCondition, type Statement } from '../sql/statement.js';
import type { CalendarBucket } from '../time/buckets.js';
import { daySlotSql, slotSql } from '../time/slot-sql.js';
import { measuredNumber, OF_PEOPLE } from './measures.js';
import type { TrendsSource } from './plan.js';

/** How rows fall into groups: not at all, each value its own, all but the kept ones together, or only those. */
export type Grouping = 'none' | 'all' | { kept: readonly string[] } | { rest: readonly string[] };

export interface SeriesRows {
  statement: Statement;
  /** Rows `slot`, `group_value` and what the measure needs: `n`, `person`, `session_id`, `x`. */
  sql: string;
  /** The key of a group, from `group_value`. */
  keyOf: KeyOf;
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
  const rowsOf = source === 'events' ? fromEvents : source === 'counts_15m' ? fromCounts : fromDays;
  return { statement, ...rowsOf(plan, context, buckets, grouping) };
}

function fromEvents(
  plan: SeriesPlan,
  outer: PersonlessContext,
  buckets: readonly CalendarBucket[],
  grouping: Grouping,
): Pick<SeriesRows, 'sql' | 'keyOf'> {
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
  const { value, keyOf, joins, conditions } = groupOf(plan, context, grouping);
  const number = measuredNumber(series, `${field}/property`);
  const columns = [
    `${slotSql(outer.statement, 'toUnixTimestamp64Milli(timestamp)', buckets)} as slot`,
    `${value} as group_value`,
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
  return { sql: select(columns, `${from} ${joins}`, all), keyOf };
}

function isOfPeople(breakdown: TrendsQuery['breakdown']): boolean {
  return breakdown !== undefined && isPeopleBreakdown(breakdown);
}

function fromCounts(
  plan: SeriesPlan,
  outer: PersonlessContext,
  buckets: readonly CalendarBucket[],
  grouping: Grouping,
): Pick<SeriesRows, 'sql' | 'keyOf'> {
  const { statement, range } = outer;
  const context: FilterContext = { ...outer, person: '0' };
  const { value, keyOf, conditions } = groupOf(plan, context, grouping);
  const sql = select(
    [
      `${slotSql(statement, 'toInt64(toUnixTimestamp(bucket)) * 1000', buckets)} as slot`,
      `${value} as group_value`,
      'events as n',
    ],
    '{db:Identifier}.counts_15m',
    [...rollupConditions(plan, context), timeCondition(statement, 'bucket', range), ...conditions],
  );
  return { sql, keyOf };
}

function fromDays(
  plan: SeriesPlan,
  outer: PersonlessContext,
  buckets: readonly CalendarBucket[],
  grouping: Grouping,
): Pick<SeriesRows, 'sql' | 'keyOf'> {
  const { statement } = outer;
  const { from, person } = withPeople(statement, `{db:Identifier}.${plan.source}`);
  const context: FilterContext = { ...outer, person };
  const { value, keyOf, joins, conditions } = groupOf(plan, context, grouping);
  const days = daySlotSql(statement, buckets);
  const sql = select(
    [`${days.slot} as slot`, `${value} as group_value`, 'events as n', `${person} as person`],
    `${from} ${joins}`,
    [...rollupConditions(plan, context), 'actor_hash != 0', ...days.conditions, ...conditions],
  );
  return { sql, keyOf };
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
): GroupSql & { conditions: string[] } {
  const byKey = { keyOf: isKey, joins: '', conditions: [] };
  if (breakdown === undefined || grouping === 'none') return { ...byKey, value: `''` };
  if (isCohortBreakdown(breakdown)) {
    return { ...byKey, value: `arrayJoin(${cohortKeysSql(breakdown.cohorts, context)})` };
  }
  const { value, keyOf, joins } = fieldGroupSql(breakdown, context);
  if (grouping === 'all') return { value, keyOf, joins, conditions: [] };
  const key = keyOf(value);
  if ('kept' in grouping) return { ...byKey, value: keptKey(key, grouping.kept, context), joins };
  const kept = context.statement.bind('Array(String)', grouping.rest);
  return { ...byKey, value: `''`, joins, conditions: [`not has(${kept}, ${key})`] };
}

function select(columns: readonly string[], from: string, conditions: readonly string[]): string {
  return `
      select ${columns.join(', ')}
      from ${from}
      where ${conditions.join('\n        and ')}`;
}
