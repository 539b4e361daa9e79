import type { ClickHouse } from '@sluice/warehouse';
import pg from 'pg';
import type { Row } from './ask-panel.js';

/** The role that dashboards read with. */
const READER = 'sluice_readonly';

const NUMBERS_OF_ANY_SIZE = new Set<number>([pg.types.builtins.INT8, pg.types.builtins.NUMERIC]);

type TypeId = Parameters<typeof pg.types.getTypeParser>[0];

/** Asks Postgres as a dashboard may: as the role of readers. Numbers of any size come as numbers. */
export async function openPostgresReader(
  url: string,
): Promise<{ ask: (sql: string) => Promise<Row[]>; close: () => Promise<void> }> {
  const client = new pg.Client({
    connectionString: url,
    types: {
      getTypeParser: (oid: TypeId, format?: 'text' | 'binary'): unknown =>
        NUMBERS_OF_ANY_SIZE.has(oid) ? Number : pg.types.getTypeParser(oid, format),
    },
  });
  await client.connect();
  await client.query(`set role ${READER}`);
  return { ask: async (sql) => (await client.query<Row>(sql)).rows, close: () => client.end() };
}

/** Asks ClickHouse. Its 64-bit numbers come as numbers, its times as Date. */
export function createClickHouseReader({ client }: ClickHouse): (sql: string) => Promise<Row[]> {
  return async (query) => {
    const result = await client.query({
      query,
      format: 'JSON',
      clickhouse_settings: { readonly: '1', output_format_json_quote_64bit_integers: 0 },
    });
    const { meta = [], data } = await result.json<Row>();
    const times = meta.filter(({ type }) => type.startsWith('DateTime')).map(({ name }) => name);
    return data.map((row) => {
      for (const name of times) row[name] = new Date(`${String(row[name]).replace(' ', 'T')}Z`);
      return row;
    });
  };
}
