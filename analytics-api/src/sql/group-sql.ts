import type { Breakdown, ChurnHorizon, FieldBreakdown, GroupName } from '@sluice/contracts';
import { bandSql, churnSource } from './churn-sql.js';
import { columnSql, propertySql, SESSION_SQL, textSql, type ValueSql } from './field-sql.js';
import { filterConditions, traitSource, type FilterContext } from './filter-sql.js';

export const NONE_KEY = 'n';
export const OTHER_KEY = 'o';
const VALUE_PREFIX = 'v';

/** How rows of events fall into groups. */
export interface GroupSql {
  /** What tells the groups of rows apart: of a column the column as it is, since spelling out a key for every row costs more than counting the rows. */
  value: string;
  /** The key of a group, from an expression for what tells it apart. */
  keyOf: KeyOf;
  /** Joins to put after the source and its people, or nothing. */
  joins: string;
}

export type KeyOf = (value: string) => string;

/** Where rows have the key of their group. */
export const isKey: KeyOf = (value) => value;

/** Groups by a field. Their keys are one letter for their kind, then the value, so that no value can look like another group. */
export function fieldGroupSql(breakdown: FieldBreakdown, context: FilterContext): GroupSql {
  const { statement, person } = context;
  if ('churn' in breakdown) return churnGroupSql(breakdown.churn.horizon, context);
  if (breakdown.column !== undefined) {
    const { text } = columnSql(breakdown.column);
    return { value: text, keyOf: (value) => keyOf(textSql(value)), joins: '' };
  }
  if (breakdown.property !== undefined) {
    return { value: keyOf(propertySql(breakdown.property)), keyOf: isKey, joins: '' };
  }
  const joined = statement.alias('grouped');
  if (breakdown.user_property !== undefined) {
    const trait = traitSource(statement, breakdown.user_property);
    return {
      value: `ifNull(${joined}.key, '${NONE_KEY}')`,
      keyOf: isKey,
      joins: `left any join (select person as of_person, concat('${VALUE_PREFIX}', newest.1) as key from (${trait})) as ${joined} on ${person} = ${joined}.of_person`,
    };
  }
  return {
    value: `ifNull(${joined}.key, '${NONE_KEY}')`,
    keyOf: isKey,
    joins: `left any join (
      select session_id as of_session, ${keyOf(SESSION_SQL[breakdown.session!])} as key
      from {db:Identifier}.sessions final where project_id = {project:UInt32}) as ${joined} on session_id = ${joined}.of_session`,
  };
}

function churnGroupSql(horizon: ChurnHorizon, context: FilterContext): GroupSql {
  const { statement, person } = context;
  const joined = statement.alias('grouped');
  const source = churnSource(statement, context.churn('/breakdown/churn'), horizon);
  return {
    value: `ifNull(${joined}.key, '${NONE_KEY}')`,
    keyOf: isKey,
    joins: `left any join (
      select person as of_person, concat('${VALUE_PREFIX}', ${bandSql('probability')}) as key
      from (${source})) as ${joined} on ${person} = ${joined}.of_person`,
  };
}

/** Keys of all cohorts that the person of a row is in, as an array: a row counts in each of them. */
export function cohortKeysSql(cohorts: readonly string[], context: FilterContext): string {
  const keys = cohorts.map((name, index) => {
    const [condition] = filterConditions([{ cohort: name }], context, `/breakdown/cohorts/${index}`);
    return `if(${condition!}, ${context.statement.bind('String', VALUE_PREFIX + name)}, '')`;
  });
  return `arrayFilter(k -> k != '', [${keys.join(', ')}])`;
}

/** All values but the kept ones as one group. */
export function keptKey(key: string, kept: readonly string[], context: FilterContext): string {
  const name = context.statement.alias('group_key');
  return `if(has(${context.statement.bind('Array(String)', kept)}, ${key} as ${name}), ${name}, '${OTHER_KEY}')`;
}

/** The key of the group that a value makes. */
export function keyOf(value: ValueSql): string {
  return `if(${value.isSet}, concat('${VALUE_PREFIX}', ${value.text}), '${NONE_KEY}')`;
}

export function isCohortBreakdown(breakdown: Breakdown): breakdown is { cohorts: string[] } {
  return 'cohorts' in breakdown;
}

/** Whether a person's group is the same whatever event is looked at. */
export function isPeopleBreakdown(breakdown: Breakdown): boolean {
  return 'churn' in breakdown || isCohortBreakdown(breakdown) || breakdown.user_property !== undefined;
}

export function readGroupKey(key: string): GroupName {
  if (key === NONE_KEY) return { kind: 'none', value: null };
  if (key === OTHER_KEY) return { kind: 'other', value: null };
  return { kind: 'value', value: key.slice(VALUE_PREFIX.length) };
}

export function groupKeyOf({ kind, value }: GroupName): string {
  if (kind === 'none') return NONE_KEY;
  return kind === 'other' ? OTHER_KEY : VALUE_PREFIX + (value ?? '');
}
