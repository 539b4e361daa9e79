import type { Breakdown, FieldBreakdown, GroupName } from '@sluice/contracts';
import { columnSql, propertySql, SESSION_SQL, type ValueSql } from './field-sql.js';
import { filterConditions, traitSource, type FilterContext } from './filter-sql.js';

export const NONE_KEY = 'n';
export const OTHER_KEY = 'o';
const VALUE_PREFIX = 'v';

/** How rows of events fall into groups: an expression for the group's key, and what to join for it. */
export interface GroupSql {
  key: string;
  /** Joins to put after the source and its people, or nothing. */
  joins: string;
}

/**
 * A group's key in SQL: one letter for its kind, then the value, so that no value can look like another group.
 *
 * @param on Expressions for the person and the session of a row.
 */
export function fieldGroupSql(breakdown: FieldBreakdown, context: FilterContext): GroupSql {
  const { statement, person } = context;
  if (breakdown.column !== undefined) return { key: keyOf(columnSql(breakdown.column)), joins: '' };
  if (breakdown.property !== undefined) return { key: keyOf(propertySql(breakdown.property)), joins: '' };
  const joined = statement.alias('grouped');
  if (breakdown.user_property !== undefined) {
    const trait = traitSource(statement, breakdown.user_property);
    return {
      key: `ifNull(${joined}.key, '${NONE_KEY}')`,
      joins: `left any join (select person as of_person, concat('${VALUE_PREFIX}', newest.1) as key from (${trait})) as ${joined} on ${person} = ${joined}.of_person`,
    };
  }
  return {
    key: `ifNull(${joined}.key, '${NONE_KEY}')`,
    joins: `left any join (
      select session_id as of_session, ${keyOf(SESSION_SQL[breakdown.session!])} as key
      from {db:Identifier}.sessions final where project_id = {project:UInt32}) as ${joined} on session_id = ${joined}.of_session`,
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

export function readGroupKey(key: string): GroupName {
  if (key === NONE_KEY) return { kind: 'none', value: null };
  if (key === OTHER_KEY) return { kind: 'other', value: null };
  return { kind: 'value', value: key.slice(VALUE_PREFIX.length) };
}

export function groupKeyOf({ kind, value }: GroupName): string {
  if (kind === 'none') return NONE_KEY;
  return kind === 'other' ? OTHER_KEY : VALUE_PREFIX + (value ?? '');
}
