import type { EventColumn, PropertyPath } from '@sluice/contracts';
import { z } from 'zod';
import type { ClickHouseQuestion } from '../query-port/run-query.js';
import { columnSql, propertySql } from '../sql/field-sql.js';
import type { Statement } from '../sql/statement.js';

const nameRow = z.object({
  event: z.string(),
  type: z.string(),
  events: z.int(),
  first_ms: z.int(),
  last_ms: z.int(),
});

/** Names and types of events that begin with a prefix, whatever the case, the most frequent first. */
export function askEventNames(
  statement: Statement,
  { prefix, limit }: { prefix: string; limit: number },
): ClickHouseQuestion<z.infer<typeof nameRow>> {
  return {
    name: 'event-names',
    sql: `
      select event, type, sum(counts_15m.events) as events,
        toUnixTimestamp(min(bucket)) * 1000 as first_ms, toUnixTimestamp(max(bucket)) * 1000 as last_ms
      from {db:Identifier}.counts_15m
      where project_id = {project:UInt32} and ${startsWith(statement, 'event', prefix)}
      group by event, type
      order by events desc, event, type
      limit ${statement.bind('UInt32', limit)}`,
    params: statement.params,
    row: nameRow,
  };
}

/** Which events are looked at: all, those of a name, or what people said of themselves. */
export type Looked = { event: string } | 'all' | 'identify';

const keyRow = z.object({ path: z.string(), types: z.array(z.string()), events: z.int() });

/**
 * Paths of properties in the newest events, as they are stored: keys are joined by dots, a dot in a key is `%2E`.
 */
export function askPropertyKeys(
  statement: Statement,
  options: { looked: Looked; newest: number; prefix: string; limit: number },
): ClickHouseQuestion<z.infer<typeof keyRow>> {
  const { looked, newest, prefix, limit } = options;
  const path = `replaceAll(pair.1, '%2E', '.')`;
  return {
    name: 'property-keys',
    sql: `
      select pair.1 as path, arraySort(groupUniqArray(pair.2)) as types, count() as events
      from (
        select arrayJoin(JSONAllPathsWithTypes(properties)) as pair
        from ${newestEvents(statement, { looked, newest, column: 'properties' })}
      )
      where ${startsWith(statement, path, prefix)}
      group by path
      order by events desc, path
      limit ${statement.bind('UInt32', limit)}`,
    params: statement.params,
    row: keyRow,
  };
}

const valueRow = z.object({ value: z.string(), events: z.int() });

/** Values in the newest events, the most frequent first. */
export function askValues(
  statement: Statement,
  options: {
    of: { column: EventColumn } | { property: PropertyPath };
    looked: Looked;
    newest: number;
    prefix: string;
    limit: number;
  },
): ClickHouseQuestion<z.infer<typeof valueRow>> {
  const { of, looked, newest, prefix, limit } = options;
  const value = 'column' in of ? columnSql(of.column) : propertySql(of.property);
  const picked = newestEvents(statement, {
    looked,
    newest,
    column: `if(${value.isSet}, ${value.text}, null) as found`,
  });
  return {
    name: 'values',
    sql: `
      select assumeNotNull(found) as value, count() as events
      from ${picked}
      where isNotNull(found) and ${startsWith(statement, 'assumeNotNull(found)', prefix)}
      group by value
      order by events desc, value
      limit ${statement.bind('UInt32', limit)}`,
    params: statement.params,
    row: valueRow,
  };
}

const lookedRow = z.object({ looked_at: z.int() });

/** How many events the other questions look at. */
export function askLookedAt(
  statement: Statement,
  options: { looked: Looked; newest: number },
): ClickHouseQuestion<z.infer<typeof lookedRow>> {
  return {
    name: 'looked-at',
    sql: `
      select least(sum(counts_15m.events), ${statement.bind('UInt64', options.newest)}) as looked_at
      from {db:Identifier}.counts_15m where ${conditions(statement, options.looked)}`,
    params: statement.params,
    row: lookedRow,
  };
}

/**
 * The newest events as a source. The counts say in which quarter of an hour the oldest of them lies, the times within it
 * which is the oldest: so only the granules that hold them are read, however many events there are.
 */
function newestEvents(
  statement: Statement,
  options: { looked: Looked; newest: number; column: string },
): string {
  const { looked, newest, column } = options;
  const where = conditions(statement, looked);
  const limit = statement.bind('UInt64', newest);
  const quarter = `(
    select max(bucket) from (
      select bucket, sum(sum(counts_15m.events)) over (order by bucket desc) as seen
      from {db:Identifier}.counts_15m where ${where} group by bucket
    ) where seen >= ${limit})`;
  const since = `(
    select min(timestamp) from (
      select timestamp from {db:Identifier}.events
      where ${where} and timestamp >= ${quarter} order by timestamp desc limit ${limit}))`;
  return `(select ${column} from {db:Identifier}.events where ${where} and timestamp >= ${since} limit ${limit})`;
}

function conditions(statement: Statement, looked: Looked): string {
  const own = 'project_id = {project:UInt32}';
  if (looked === 'all') return own;
  if (looked === 'identify') return `${own} and event = '' and type = 'identify'`;
  return `${own} and event = ${statement.bind('String', looked.event)}`;
}

function startsWith(statement: Statement, text: string, prefix: string): string {
  return prefix === ''
    ? 'true'
    : `startsWith(lowerUTF8(${text}), lowerUTF8(${statement.bind('String', prefix)}))`;
}
