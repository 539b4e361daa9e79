import {
  SluiceError,
  type Behaviour,
  type ChurnCondition,
  type Condition,
  type Filter,
  type Operand,
  type Times,
} from '@sluice/contracts';
import type { TimeRange } from '../time/range.js';
import { churnSource, type ChurnScores } from './churn-sql.js';
import { columnSql, propertySql, SESSION_SQL, type ValueSql } from './field-sql.js';
import { withPeople } from './people-sql.js';
import { timeCondition, type Statement } from './statement.js';

/** What a filter needs to know of the rows it is about, and of the question it stands in. */
export interface FilterContext {
  statement: Statement;
  /** Expression for the person of a row; 0 is nobody. */
  person: string;
  /** When behaviours must have happened, where a filter does not say. */
  range: TimeRange;
  /** The time that a behaviour names, in a question about `range`. */
  withinOf(within: NonNullable<Behaviour['within']>, range: TimeRange, field: string): TimeRange;
  /** The definition of a saved cohort. @throws SluiceError cohort_not_found */
  cohort(name: string, field: string): CohortDefinition;
  /** The newest scores of churn. @throws SluiceError churn_not_scored */
  churn(field: string): ChurnScores;
  nowMs: number;
}

/** Who is in a cohort: everyone who meets a filter on people, or a list of ids. */
export type CohortDefinition =
  { kind: 'live'; filter: Filter } | { kind: 'static'; userIds: readonly string[] };

/** Filters as one SQL condition that is true or false, never null. All must hold. `field` is their JSON pointer. */
export function filterConditions(
  filters: readonly Filter[],
  context: FilterContext,
  field = '/filters',
): string[] {
  return filters.map((filter, index) => filterSql(filter, context, `${field}/${index}`));
}

/** One filter as a condition that is true or false, never null. `field` is its JSON pointer. */
export function filterSql(filter: Filter, context: FilterContext, field: string): string {
  if ('and' in filter) return joined(filter.and, ' and ', context, `${field}/and`);
  if ('or' in filter) return joined(filter.or, ' or ', context, `${field}/or`);
  if ('not' in filter) return `not ${filterSql(filter.not, context, `${field}/not`)}`;
  if ('has_done' in filter) return behaviourSql(filter.has_done, context, `${field}/has_done`);
  if ('has_not_done' in filter) {
    const done = behaviourSql(filter.has_not_done, context, `${field}/has_not_done`);
    // Nobody is nobody who has not done it.
    return `(${context.person} != 0 and not ${done})`;
  }
  if ('cohort' in filter) return cohortSql(filter.cohort, context, `${field}/cohort`);
  if ('churn' in filter) return churnSql(filter.churn, context, `${field}/churn`);
  return conditionSql(filter, context, field);
}

function joined(filters: readonly Filter[], by: string, context: FilterContext, field: string): string {
  return `(${filters.map((filter, index) => filterSql(filter, context, `${field}/${index}`)).join(by)})`;
}

function conditionSql(condition: Condition, context: FilterContext, field: string): string {
  const { statement } = context;
  if (condition.column !== undefined)
    return compare(condition, columnSql(condition.column), statement, field);
  if (condition.property !== undefined)
    return compare(condition, propertySql(condition.property), statement, field);
  const [positive, isNegative] = asPositive(condition);
  const found =
    condition.session !== undefined
      ? `session_id in (
          select session_id from {db:Identifier}.sessions final
          where project_id = {project:UInt32} and ${compare(positive, SESSION_SQL[condition.session], statement, field)})`
      : peopleWithTrait(positive, context, field);
  return isNegative ? `not (${found})` : `(${found})`;
}

/** The newest value of a trait decides: one that an older identify said is no longer true. */
function peopleWithTrait(condition: Condition, { statement, person }: FilterContext, field: string): string {
  const trait = traitSource(statement, condition.user_property!);
  const newest: ValueSql = { text: 'newest.1', isSet: 'true', number: 'newest.2' };
  return `${person} in (
    select person from (${trait}) where ${compare(condition, newest, statement, field)})`;
}

/** Rows `person`, `newest` (text, and number or null): the trait of everyone who has it. */
export function traitSource(statement: Statement, property: NonNullable<Condition['user_property']>): string {
  const value = propertySql(property);
  const { from, person } = withPeople(statement, '{db:Identifier}.events');
  return `
    select ${person} as person, argMax((${value.text}, ${value.number!}), (timestamp, event_id)) as newest
    from ${from}
    where project_id = {project:UInt32} and event = '' and type = 'identify' and actor_hash != 0 and ${value.isSet}
    group by person`;
}

const POSITIVE = {
  is_not: 'is',
  not_contains: 'contains',
  not_matches: 'matches',
  is_not_set: 'is_set',
} as const;

/** A condition that rows without the value meet, as the opposite of one that they do not meet. */
function asPositive(condition: Condition): [Condition, boolean] {
  const positive = (POSITIVE as Record<string, Condition['operator'] | undefined>)[condition.operator];
  return positive === undefined
    ? [condition, false]
    : [{ ...condition, operator: positive } as Condition, true];
}

/** A condition on a value, whatever the value comes from. */
export function compare(condition: Condition, sql: ValueSql, statement: Statement, field: string): string {
  const [positive, isNegative] = asPositive(condition);
  const met = comparePositive(positive, sql, statement, field);
  return isNegative ? `not (${met})` : `(${met})`;
}

const COMPARISONS = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

function comparePositive(condition: Condition, sql: ValueSql, statement: Statement, field: string): string {
  switch (condition.operator) {
    case 'is':
      return isAnyOf(sql, condition.values, statement, field);
    case 'contains': {
      const values = statement.bind('Array(String)', condition.values);
      return `${sql.isSet} and arrayExists(x -> positionCaseInsensitiveUTF8(${sql.text}, x) > 0, ${values})`;
    }
    case 'starts_with':
      return `${sql.isSet} and arrayExists(x -> startsWith(${sql.text}, x), ${statement.bind('Array(String)', condition.values)})`;
    case 'ends_with':
      return `${sql.isSet} and arrayExists(x -> endsWith(${sql.text}, x), ${statement.bind('Array(String)', condition.values)})`;
    case 'matches':
      return `${sql.isSet} and (${condition.values
        .map((value) => `match(${sql.text}, ${statement.bind('String', value)})`)
        .join(' or ')})`;
    case 'is_set':
      return sql.isSet;
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return `ifNull(${numberOf(sql, field)} ${COMPARISONS[condition.operator]} ${statement.bind('Float64', condition.value)}, false)`;
    case 'between': {
      const [low, high] = condition.values.map((value) => statement.bind('Float64', value));
      return `ifNull(${numberOf(sql, field)} between ${low!} and ${high!}, false)`;
    }
    case 'before':
    case 'after': {
      const instant = `fromUnixTimestamp64Milli(${statement.bind('Int64', Date.parse(condition.value))}, 'UTC')`;
      const value = `parseDateTime64BestEffortOrNull(${sql.text}, 3, 'UTC')`;
      return `${sql.isSet} and ifNull(${value} ${condition.operator === 'before' ? '<' : '>'} ${instant}, false)`;
    }
    default:
      throw new Error(`${condition.operator} is no positive operator`);
  }
}

function numberOf(sql: ValueSql, field: string): string {
  if (sql.number !== undefined) return sql.number;
  throw new SluiceError('invalid_query', {
    message: 'This holds text: it cannot be compared with a number.',
    field,
  });
}

function isAnyOf(sql: ValueSql, values: readonly Operand[], statement: Statement, field: string): string {
  const numbers = values.filter((value) => typeof value === 'number');
  const texts = values.filter((value) => typeof value !== 'number').map(String);
  const alternatives: string[] = [];
  if (texts.length > 0) {
    const list = statement.bind('Array(String)', texts);
    // A plain comparison finds its place in the primary key.
    alternatives.push(
      texts.length === 1
        ? `(${sql.isSet} and ${sql.text} = ${statement.bind('String', texts[0])})`
        : `(${sql.isSet} and has(${list}, ${sql.text}))`,
    );
  }
  if (numbers.length > 0) {
    const number = numberOf(sql, `${field}/values`);
    alternatives.push(
      `(isNotNull(${number}) and has(${statement.bind('Array(Float64)', numbers)}, assumeNotNull(${number})))`,
    );
  }
  return alternatives.join(' or ');
}

function behaviourSql(behaviour: Behaviour, context: FilterContext, field: string): string {
  const { statement, person } = context;
  const { times } = behaviour;
  const range =
    behaviour.within === undefined
      ? context.range
      : context.withinOf(behaviour.within, context.range, `${field}/within`);
  // Who has never done it is not among those found: "at most n times" is the opposite of "more than n times".
  const allowsNone = (times.gte ?? 0) === 0 && (times.eq ?? 0) === 0;
  const having = allowsNone ? `not (${timesSql(times, statement)})` : timesSql(times, statement);
  const source = withPeople(statement, '{db:Identifier}.events');
  const inner: FilterContext = { ...context, person: source.person };
  const conditions = [
    'project_id = {project:UInt32}',
    'actor_hash != 0',
    ...selectorConditions(behaviour, inner, field),
    timeCondition(statement, 'timestamp', range),
  ];
  const found = `${person} in (
    select ${source.person} as person from ${source.from}
    where ${conditions.join(' and ')}
    group by person having ${having})`;
  return allowsNone ? `(${person} != 0 and not (${found}))` : `(${found})`;
}

function timesSql(times: Times, statement: Statement): string {
  const bounds = [
    times.gte === undefined ? [] : [`count() >= ${statement.bind('UInt64', times.gte)}`],
    times.lte === undefined ? [] : [`count() <= ${statement.bind('UInt64', times.lte)}`],
    times.eq === undefined ? [] : [`count() = ${statement.bind('UInt64', times.eq)}`],
  ].flat();
  return bounds.join(' and ');
}

function cohortSql(name: string, context: FilterContext, field: string): string {
  const { statement, person } = context;
  const cohort = context.cohort(name, field);
  if (cohort.kind === 'static') {
    const ids = statement.bind('Array(String)', cohort.userIds);
    const members = withPeople(statement, `(select sipHash64(arrayJoin(${ids})) as actor_hash) as members`);
    return `${person} in (select ${members.person} from ${members.from})`;
  }
  // Who is in a live cohort does not depend on the range of the question: its behaviours reach from the first day to now.
  return filterSql(cohort.filter, { ...context, range: { fromMs: 0, toMs: context.nowMs } }, field);
}

const BOUNDS = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

function churnSql(condition: ChurnCondition, context: FilterContext, field: string): string {
  const { statement, person } = context;
  const source = churnSource(statement, context.churn(field), condition.horizon);
  const bounds = Object.entries(BOUNDS).flatMap(([name, operator]) => {
    const bound = condition[name as keyof typeof BOUNDS];
    return bound === undefined ? [] : [`probability ${operator} ${statement.bind('Float32', bound)}`];
  });
  return `${person} in (select person from (${source}) where ${bounds.join(' and ')})`;
}

/** Whether a filter is about people alone, as that of a cohort must be: it holds or not, whichever event is looked at. */
export function isAboutPeople(filter: Filter): boolean {
  if ('and' in filter) return filter.and.every(isAboutPeople);
  if ('or' in filter) return filter.or.every(isAboutPeople);
  if ('not' in filter) return isAboutPeople(filter.not);
  if ('has_done' in filter || 'has_not_done' in filter || 'cohort' in filter || 'churn' in filter)
    return true;
  return filter.user_property !== undefined;
}

/** The conditions of an event selector: name, type and filters. */
export function selectorConditions(
  selector: { event: string | null; type: string | null; filters: readonly Filter[] },
  context: FilterContext,
  field: string,
): string[] {
  const { statement } = context;
  return [
    ...(selector.event === null ? [] : [`event = ${statement.bind('String', selector.event)}`]),
    ...(selector.type === null ? [] : [`type = ${statement.bind('String', selector.type)}`]),
    ...filterConditions(selector.filters, context, `${field}/filters`),
  ];
}

/** The condition on robots, if any. */
export function botConditions(bots: 'include' | 'exclude' | 'only', column = 'is_bot'): string[] {
  if (bots === 'include') return [];
  return [bots === 'only' ? column : `not ${column}`];
}
