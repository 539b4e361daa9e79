import { ClickHouseError } from '@clickhouse/client';
import type { ClickHouse } from '@sluice/warehouse';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { IdentityChange } from '../land/identities.js';
import type { RawRow } from '../land/raw-row.js';
import { encodeText } from '../text-form.js';
import { encodePropertiesOnly, EVENT_COLUMNS } from './event-block.js';

/**
 * Inserts a set of rows into a generation's events, synchronously and under one token. However many blocks they come in,
 * ClickHouse makes one of them: repeated with the same token the insert changes neither the events nor any rollup. The token must never be used for another set of rows.
 *
 * The settings stand in the statement itself. As settings of a session they would outlive it on the embedded engine, and a
 * token that another insert inherits loses that insert.
 */
export async function insertEvents(
  clickhouse: ClickHouse,
  generation: number,
  token: string,
  blocks: readonly Buffer[],
): Promise<void> {
  const table = `${clickhouse.database(generation)}.events`;
  await insertRows(clickhouse, `${table} (${EVENT_COLUMNS.join(', ')})`, 'Native', blocks, {
    ...clickhouse.insertSettings,
    insert_deduplication_token: token,
  });
}

/** Inserts identity changes. Repeating it is harmless: of the same version, one is kept. */
export async function insertIdentities(
  clickhouse: ClickHouse,
  generation: number,
  changes: readonly IdentityChange[],
): Promise<void> {
  if (changes.length === 0) return;
  const body = changes
    .map(
      (change) =>
        `${change.projectId}\t${encodeText(change.previousId)}\t${encodeText(change.userId)}\t${change.version}\n`,
    )
    .join('');
  const table = `${clickhouse.database(generation)}.identities`;
  await insertRows(clickhouse, `${table} (project_id, previous_id, user_id, version)`, 'TabSeparated', body, {
    ...clickhouse.insertSettings,
    insert_deduplicate: 0,
  });
}

/** Rejects when ClickHouse would refuse the properties of these rows; writes nothing. */
export async function tryProperties(clickhouse: ClickHouse, rows: readonly RawRow[]): Promise<void> {
  const target = `function null('properties JSON(max_dynamic_paths = 32)')`;
  await insertRows(clickhouse, target, 'Native', [encodePropertiesOnly(rows)], {
    ...clickhouse.insertSettings,
    insert_deduplicate: 0,
  });
}

/** Inserts rows, synchronously, with the settings in the statement itself. */
export async function insertRows(
  clickhouse: ClickHouse,
  target: string,
  format: 'Native' | 'RowBinary' | 'TabSeparated',
  body: string | readonly Buffer[],
  settings: ClickHouse['insertSettings'],
): Promise<void> {
  const result = await clickhouse.client.exec({
    query: `insert into ${target} settings ${listOf(settings)} format ${format}`,
    values: Readable.from(typeof body === 'string' ? [Buffer.from(body)] : body),
  });
  // An answer that is not read keeps its connection.
  result.stream.resume();
  await finished(result.stream);
}

/**
 * Fills a rollup from some of the events once more, by the statement of its own view. Nothing is deduplicated: what was there
 * has to be deleted first, while nothing else is rolled up.
 *
 * @param events Which events: a condition in SQL, of names of columns, numbers and ids alone.
 */
export async function insertSelected(
  clickhouse: ClickHouse,
  generation: number,
  { view, table, events }: { view: string; table: string; events: string },
): Promise<void> {
  const database = clickhouse.database(generation);
  const found = await clickhouse.client.query({
    query: `select
        (select as_select from system.tables where database = {db: String} and name = {view: String}) as statement,
        (select groupArray(name) from (
          select name from system.columns where database = {db: String} and table = {table: String} order by position)) as columns`,
    query_params: { db: database, view, table },
    format: 'JSONEachRow',
  });
  const [row] = await found.json<{ statement: string; columns: string[] }>();
  if (row === undefined || row.statement === '')
    throw new Error(`ClickHouse has no view ${database}.${view}.`);
  const columns = row.columns.join(', ');
  const settings = {
    ...clickhouse.insertSettings,
    insert_deduplicate: 0,
    ...('deduplicate_insert' in clickhouse.insertSettings ? { deduplicate_insert: 'disable' } : {}),
    max_execution_time: 0,
  };
  const filters = `{'${database}.events': ${literal(events)}}`;
  await clickhouse.client.command({
    query: `insert into ${database}.${table} (${columns})
            select ${columns} from (${row.statement})
            settings ${listOf(settings)}, additional_table_filters = ${filters}`,
  });
}

function listOf(settings: Readonly<Record<string, unknown>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${literal(value)}`)
    .join(', ');
}

function literal(value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return value ? '1' : '0';
  return `'${String(value).replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** ClickHouse's codes for values that it cannot read: trying again cannot help. */
const REFUSED_DATA = new Set([
  '6', // CANNOT_PARSE_TEXT
  '25', // CANNOT_PARSE_ESCAPE_SEQUENCE
  '26', // CANNOT_PARSE_QUOTED_STRING
  '27', // CANNOT_PARSE_INPUT_ASSERTION_FAILED
  '53', // TYPE_MISMATCH
  '72', // CANNOT_PARSE_NUMBER
  '117', // INCORRECT_DATA
  '131', // TOO_LARGE_STRING_SIZE
  '306', // TOO_DEEP_RECURSION
  '636', // CANNOT_EXTRACT_TABLE_STRUCTURE
]);

/** True when ClickHouse refuses the data itself. */
export function isRefusedByClickHouse(error: unknown): boolean {
  return error instanceof ClickHouseError && REFUSED_DATA.has(error.code);
}
