import type { ClickHouse, Postgres } from '@sluice/warehouse';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a look into a store found. */
export interface Look {
  /** Columns, or files, that were searched. */
  searched: number;
  /** Rows, or files, in which an id stands. */
  found: number;
  /** Where. */
  places: string[];
}

/** Searches every column of every table of Postgres that can hold text, as text, and bytes as bytes. */
export async function lookInEveryColumn({ pool }: Postgres, ids: readonly string[]): Promise<Look> {
  const columns = await pool.query<{ table: string; column: string; type: string }>(
    `select c.relname as table, a.attname as column, format_type(a.atttypid, null) as type
     from pg_class c join pg_attribute a on a.attrelid = c.oid
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
       and a.attnum > 0 and not a.attisdropped
       and format_type(a.atttypid, null) in ('text', 'character varying', 'json', 'jsonb', 'uuid', 'bytea', 'text[]')
     order by 1, 2`,
  );
  const look: Look = { searched: columns.rows.length, found: 0, places: [] };
  for (const { table, column, type } of columns.rows) {
    const name = `"${column}"`;
    const holds =
      type === 'bytea'
        ? `position(convert_to(id, 'UTF8') in ${name}) > 0`
        : `position(id in ${name}::text) > 0`;
    const found = await pool.query<{ n: number }>(
      `select count(*)::int as n from "${table}" where exists (select from unnest($1::text[]) as id where ${holds})`,
      [ids],
    );
    note(look, `${table}.${column}`, found.rows[0]!.n);
  }
  return look;
}

/** Searches every column of every table of every generation of ClickHouse: texts for ids, numbers for their hashes. */
export async function lookInEveryGeneration({ client }: ClickHouse, ids: readonly string[]): Promise<Look> {
  const ask = async <Row>(query: string, params: Record<string, unknown> = {}): Promise<Row[]> => {
    const result = await client.query({ query, query_params: params, format: 'JSONEachRow' });
    return result.json<Row>();
  };
  const hashes = await ask<{ hash: string }>(
    'select toString(sipHash64(arrayJoin({ids: Array(String)}))) as hash',
    { ids },
  );
  const needles = [...ids, ...hashes.map(({ hash }) => hash)];
  const columns = await ask<{ database: string; table: string; name: string; type: string }>(
    `select c.database as database, c.table as table, c.name as name, c.type as type
     from system.columns c join system.tables t on t.database = c.database and t.name = c.table
     where c.database like 'sluice\\_g%' and t.engine like '%MergeTree'
       and (c.type like '%String%' or c.type like '%UInt64%' or c.type like '%JSON%' or c.type like '%UUID%')
     order by 1, 2, 3`,
  );
  const look: Look = { searched: columns.length, found: 0, places: [] };
  for (const { database, table, name } of columns) {
    const [row] = await ask<{ n: number }>(
      `select count() as n from {database: Identifier}.{table: Identifier}
       where arrayExists(id -> position(toString({name: Identifier}), id) > 0, {needles: Array(String)})`,
      { database, table, name, needles },
    );
    note(look, `${database}.${table}.${name}`, row?.n ?? 0);
  }
  return look;
}

/** Searches every file of a folder; one that is not there holds nothing. */
export async function lookInFiles(folder: string, ids: readonly string[]): Promise<Look> {
  const look: Look = { searched: 0, found: 0, places: [] };
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const bytes = await readFile(file);
    look.searched += 1;
    note(look, file, ids.some((id) => bytes.includes(id)) ? 1 : 0);
  }
  return look;
}

function note(look: Look, place: string, found: number): void {
  if (found === 0) return;
  look.found += found;
  look.places.push(`${place}: ${found}`);
}
