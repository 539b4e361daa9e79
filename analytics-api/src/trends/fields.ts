import type { Breakdown, EventColumn, Filter } from '@sluice/contracts';
import { propertyColumn } from '@sluice/warehouse';

/** What a filter or a breakdown looks at. */
export type Field = { column: EventColumn } | { property: string | readonly string[] };

/** Columns that the rollups keep, too. */
const ROLLED_UP: ReadonlySet<EventColumn> = new Set(['event', 'type']);

export function isRolledUp(field: Field): boolean {
  return 'column' in field && ROLLED_UP.has(field.column);
}

export interface FieldSql {
  /** The value as text. */
  text: string;
  /** True where an event has the value. */
  isSet: string;
  /** The value as a number, null when it is none; undefined for columns, which hold text. */
  number: string | undefined;
}

/** The SQL of a field: names come from a closed list, or are quoted by the warehouse. */
export function fieldSql(field: Field): FieldSql {
  if ('column' in field) {
    return { text: field.column, isSet: `${field.column} != ''`, number: undefined };
  }
  const path = typeof field.property === 'string' ? [field.property] : field.property;
  const text = propertyColumn(path, 'string');
  return {
    text: `assumeNotNull(${text})`,
    isSet: `isNotNull(${text})`,
    number: propertyColumn(path, 'number'),
  };
}

export const NONE_KEY = 'n';
export const OTHER_KEY = 'o';
const VALUE_PREFIX = 'v';

/** A group's key in SQL: one letter for its kind, then the value, so that no value can look like another group. */
export function groupKeySql(breakdown: Breakdown): string {
  const { text, isSet } = fieldSql(breakdown);
  return `if(${isSet}, concat('${VALUE_PREFIX}', ${text}), '${NONE_KEY}')`;
}

export interface GroupName {
  kind: 'value' | 'none' | 'other';
  value: string | null;
}

export function readGroupKey(key: string): GroupName {
  if (key === NONE_KEY) return { kind: 'none', value: null };
  if (key === OTHER_KEY) return { kind: 'other', value: null };
  return { kind: 'value', value: key.slice(VALUE_PREFIX.length) };
}

export function fieldOf(filter: Filter): Field {
  return 'column' in filter ? { column: filter.column } : { property: filter.property };
}
