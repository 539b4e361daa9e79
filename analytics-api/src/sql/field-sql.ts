import type { EventColumn, Field, PropertyPath, SessionField } from '@sluice/contracts';
import { propertyColumn } from '@sluice/warehouse';

/** Columns that the rollups keep, too. */
const ROLLED_UP: ReadonlySet<EventColumn> = new Set(['event', 'type']);

/** Whether the rollups of counts and days of people can answer for a field. */
export function isRolledUp(field: Field): boolean {
  return field.column !== undefined && ROLLED_UP.has(field.column);
}

/** A value in SQL. The expressions hold no parameters. */
export interface ValueSql {
  /** The value as text. Not null where `isSet`. */
  text: string;
  /** True where there is a value. */
  isSet: string;
  /** The value as a number, null when it is none; undefined where values are text alone. */
  number: string | undefined;
}

/** A column of an event. Names come from a closed list. */
export function columnSql(column: EventColumn): ValueSql {
  return textSql(column);
}

/** A property of an event, or a trait in an identify event. Keys are quoted by the warehouse. */
export function propertySql(property: PropertyPath): ValueSql {
  const path = typeof property === 'string' ? [property] : property;
  const text = propertyColumn(path, 'string');
  return {
    text: `assumeNotNull(${text})`,
    isSet: `isNotNull(${text})`,
    number: propertyColumn(path, 'number'),
  };
}

/** Text that is empty where there is no value. */
export function textSql(expression: string): ValueSql {
  return { text: expression, isSet: `${expression} != ''`, number: undefined };
}

const number = (expression: string): ValueSql => ({
  text: `toString(${expression})`,
  isSet: 'true',
  number: `toNullable(toFloat64(${expression}))`,
});

/** A part of a tuple as a function, never as `column.part`: that is read as a column of its own, which `final` does not merge. */
const part = (column: string, name: string): ValueSql => textSql(`tupleElement(${column}, '${name}')`);

/** From the first event to the last interaction. */
export const SESSION_SECONDS =
  'greatest(toUnixTimestamp64Milli(ended_at) - toUnixTimestamp64Milli(started_at), 0) / 1000';

/** Columns of `sessions final`. */
export const SESSION_SQL: Readonly<Record<SessionField, ValueSql>> = {
  entry_path: part('entry', 'path'),
  exit_path: part('exit', 'path'),
  channel: part('source', 'channel'),
  referrer_domain: part('source', 'referrer_domain'),
  utm_source: part('source', 'utm_source'),
  utm_medium: part('source', 'utm_medium'),
  utm_campaign: part('source', 'utm_campaign'),
  country: part('client', 'country'),
  device_type: part('client', 'device_type'),
  browser: part('client', 'browser'),
  os: part('client', 'os'),
  duration_seconds: number(SESSION_SECONDS),
  pages: number('pages'),
  interactions: number('interactions'),
};
