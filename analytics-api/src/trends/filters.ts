import { SluiceError, type Filter } from '@sluice/contracts';
import { fieldOf, fieldSql, type FieldSql } from './fields.js';

/** Collects values to bind; what it returns is the only form in which they reach the SQL. */
export interface Binder {
  bind(type: string, value: unknown): string;
}

export function createBinder(params: Record<string, unknown>): Binder {
  let count = 0;
  return {
    bind(type, value) {
      const name = `v${count++}`;
      params[name] = value;
      return `{${name}:${type}}`;
    },
  };
}

/** The conditions of filters, as SQL that is true or false, never null. */
export function filterConditions(filters: readonly Filter[], binder: Binder): string[] {
  return filters.map((filter, index) => {
    const sql = fieldSql(fieldOf(filter));
    switch (filter.operator) {
      case 'is':
        return isAnyOf(sql, filter.values, binder, index);
      case 'is_not':
        return `not (${isAnyOf(sql, filter.values, binder, index)})`;
      case 'contains':
        return containsAny(sql, filter.values, binder);
      case 'not_contains':
        return `not (${containsAny(sql, filter.values, binder)})`;
      case 'starts_with':
        return `(${sql.isSet} and arrayExists(x -> startsWith(${sql.text}, x), ${binder.bind('Array(String)', filter.values)}))`;
      case 'is_set':
        return `(${sql.isSet})`;
      case 'is_not_set':
        return `not (${sql.isSet})`;
      case 'gt':
      case 'gte':
      case 'lt':
      case 'lte':
        return `ifNull(${sql.number!} ${COMPARISONS[filter.operator]} ${binder.bind('Float64', filter.value)}, false)`;
    }
  });
}

const COMPARISONS = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

function isAnyOf(
  sql: FieldSql,
  values: readonly (string | number | boolean)[],
  binder: Binder,
  index: number,
): string {
  const numbers = values.filter((value) => typeof value === 'number');
  const texts = values.filter((value) => typeof value !== 'number').map(String);
  const alternatives: string[] = [];
  if (texts.length > 0) {
    alternatives.push(`(${sql.isSet} and has(${binder.bind('Array(String)', texts)}, ${sql.text}))`);
  }
  if (numbers.length > 0) {
    if (sql.number === undefined) {
      throw new SluiceError('invalid_query', {
        message: 'A column holds text: it cannot be compared with a number.',
        field: `/filters/${index}/values`,
      });
    }
    const bound = binder.bind('Array(Float64)', numbers);
    alternatives.push(`(isNotNull(${sql.number}) and has(${bound}, assumeNotNull(${sql.number})))`);
  }
  return `(${alternatives.join(' or ')})`;
}

function containsAny(sql: FieldSql, values: readonly string[], binder: Binder): string {
  const bound = binder.bind('Array(String)', values);
  return `(${sql.isSet} and arrayExists(x -> positionCaseInsensitiveUTF8(${sql.text}, x) > 0, ${bound}))`;
}
