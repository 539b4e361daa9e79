import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import {
  createGeneration,
  dropGeneration,
  liveGeneration,
  migrateClickHouse,
  migratePostgres,
  openPostgres,
  requireClickHouseSchema,
  requirePostgresSchema,
  type Postgres,
} from '../src/index.js';
import { checksumOf, readMigrations, type Migration } from '../src/migrations/migration-files.js';
import { splitStatements } from '../src/migrations/split-statements.js';
import { openTestClickHouse, type TestClickHouse } from '../src/testing/index.js';

let postgres: Postgres;
let name: string;

beforeEach(async () => {
  name = `test_${randomBytes(6).toString('hex')}`;
  await onServer(`create database ${name}`);
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  postgres = await openPostgres(url.href, { max: 20 });
});

afterEach(async () => {
  await postgres.close();
  await onServer(`drop database ${name} with (force)`);
});

async function onServer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject('postgresUrl') });
  await client.connect();
  await client.query(sql);
  await client.end();
}

function migration(fileName: string, sql: string): Migration {
  return { name: fileName, sql, checksum: checksumOf(sql) };
}

async function tables(): Promise<string[]> {
  const { rows } = await postgres.pool.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') order by 1`,
  );
  return rows.map((row) => row.name);
}

describe('migratePostgres', () => {
  it('applies every file once, in order', async () => {
    const names = (await readMigrations('postgres')).map((file) => file.name);
    expect(await migratePostgres(postgres.pool)).toEqual({
      applied: names,
      version: names.at(-1),
      missingRoles: [],
    });
    const before = await tables();
    expect(await migratePostgres(postgres.pool)).toEqual({
      applied: [],
      version: names.at(-1),
      missingRoles: [],
    });
    expect(await tables()).toEqual(before);
  });

  it('lets many migrators run at once, of which one works', async () => {
    const results = await Promise.all(Array.from({ length: 8 }, () => migratePostgres(postgres.pool)));
    expect(results.filter(({ applied }) => applied.length > 0)).toHaveLength(1);
  });

  it('keeps the files before one that failed, nothing of that one, and goes on from there', async () => {
    const first = migration('0001_first', 'create table first (a int)');
    const broken = migration('0002_second', 'create table second (a int); select 1 / 0');
    await expect(migratePostgres(postgres.pool, [first, broken])).rejects.toThrow(
      /0002_second failed.*division by zero/,
    );
    expect(await tables()).toEqual(['first', 'schema_migrations']);
    const mended = migration('0002_second', 'create table second (a int)');
    expect(await migratePostgres(postgres.pool, [first, mended])).toEqual({
      applied: ['0002_second'],
      version: '0002_second',
      missingRoles: [],
    });
  });

  it('goes on after its connection was killed in the middle of a file', async () => {
    const first = migration('0001_first', 'create table first (a int)');
    const killed = migration(
      '0002_second',
      'create table second (a int); select pg_terminate_backend(pg_backend_pid())',
    );
    await expect(migratePostgres(postgres.pool, [first, killed])).rejects.toThrow(/0002_second failed/);
    const mended = migration('0002_second', 'create table second (a int)');
    expect((await migratePostgres(postgres.pool, [first, mended])).applied).toEqual(['0002_second']);
  });

  it('refuses a database that a newer version has migrated', async () => {
    const known = migration('0001_first', 'create table first (a int)');
    await migratePostgres(postgres.pool, [known, migration('0002_newer', 'create table newer (a int)')]);
    await expect(migratePostgres(postgres.pool, [known])).rejects.toThrow(/0002_newer.*use a newer one/s);
  });

  it('refuses a file that was changed after it had been applied', async () => {
    await migratePostgres(postgres.pool, [migration('0001_first', 'create table first (a int)')]);
    await expect(
      migratePostgres(postgres.pool, [migration('0001_first', 'create table other (a int)')]),
    ).rejects.toThrow(/0001_first was changed/);
  });

  it('tells who may not migrate what is missing, and nothing once it is there', async () => {
    const [first] = await readMigrations('postgres');
    await expect(requirePostgresSchema(postgres.pool)).rejects.toThrow(`Postgres lacks ${first!.name}, `);
    await migratePostgres(postgres.pool);
    await requirePostgresSchema(postgres.pool);
    await postgres.pool.query(`insert into schema_migrations (name, checksum) values ('9999_newer', 'x')`);
    await expect(requirePostgresSchema(postgres.pool)).rejects.toThrow(/does not know/);
  });
});

describe('migrateClickHouse', () => {
  let clickhouse: TestClickHouse;

  beforeAll(async () => {
    clickhouse = await openTestClickHouse();
  });

  afterAll(() => clickhouse.drop());

  async function schemaOf(generation: number): Promise<string[]> {
    const database = clickhouse.database(generation);
    const result = await clickhouse.client.query({
      query: `select replaceAll(create_table_query, {database: String}, 'DB') as sql from system.tables
              where database = {database: String} order by name`,
      query_params: { database },
      format: 'JSONEachRow',
    });
    const rows = await result.json<{ sql: string }>();
    // Targets and inner ids differ by table, not by schema.
    return rows.map(({ sql }) => sql.replace(/UUID '[^']+'/g, ''));
  }

  beforeEach(() => migratePostgres(postgres.pool));

  it('makes the first generation and puts it live, and changes nothing the second time', async () => {
    expect(await liveGeneration(postgres.pool)).toBeUndefined();
    const results = await Promise.all(
      Array.from({ length: 3 }, () => migrateClickHouse(clickhouse, postgres.pool)),
    );
    expect(results).toEqual([{ generation: 1 }, { generation: 1 }, { generation: 1 }]);
    expect(await liveGeneration(postgres.pool)).toBe(1);
    const schema = await schemaOf(1);
    expect(schema.length).toBeGreaterThan(8);
    expect(await migrateClickHouse(clickhouse, postgres.pool)).toEqual({ generation: 1 });
    expect(await schemaOf(1)).toEqual(schema);
  });

  it('tells who may not migrate that no generation is there, and nothing once one is', async () => {
    await migratePostgres(postgres.pool);
    await expect(requireClickHouseSchema(clickhouse, postgres.pool)).rejects.toThrow(/sluice migrate/);
    await migrateClickHouse(clickhouse, postgres.pool);
    await requireClickHouseSchema(clickhouse, postgres.pool);
  });

  it('brings the generation up to date that is live', async () => {
    await postgres.pool.query(`insert into rollup_generations (generation, state) values (3, 'live')`);
    expect(await migrateClickHouse(clickhouse, postgres.pool)).toEqual({ generation: 3 });
    await dropGeneration(clickhouse, 3);
    expect(await schemaOf(3)).toEqual([]);
  });

  it('finishes what a killed migrator has begun, wherever it stopped', async () => {
    await createGeneration(clickhouse, 10);
    const whole = await schemaOf(10);
    const [file] = await readMigrations('clickhouse');
    const statements = splitStatements(file!.sql);
    for (const [i, done] of [1, 2, statements.length].entries()) {
      const generation = 11 + i;
      // A file that ends early is what a migrator leaves that was killed there; only its record is missing.
      await createGeneration(clickhouse, generation, [
        migration('0001_initial', `${statements.slice(0, done).join(';\n')};`),
      ]);
      await clickhouse.client.command({
        query: `truncate table ${clickhouse.database(generation)}.schema_migrations`,
      });
      await createGeneration(clickhouse, generation);
      expect(await schemaOf(generation)).toEqual(whole);
    }
  });

  it('refuses a generation that a newer version has migrated', async () => {
    const [file] = await readMigrations('clickhouse');
    await createGeneration(clickhouse, 20, [file!, migration('9999_newer', 'select 1;')]);
    await expect(createGeneration(clickhouse, 20)).rejects.toThrow(/9999_newer.*use a newer one/s);
  });
});
