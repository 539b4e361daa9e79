import type pg from 'pg';
import { accessPrefixOf, managesAccess } from '../clickhouse/access.js';
import type { ClickHouse } from '../clickhouse/connection.js';
import { liveGeneration } from '../clickhouse/generations.js';
import { readMigrations, type Migration } from './migration-files.js';
import { checkApplied, pendingError } from './migrate-postgres.js';
import { ROLLUPS_LOCK, withMigrationLock } from './migration-lock.js';
import { splitStatements } from './split-statements.js';

/**
 * Brings the live generation of the rollups up to date; on the first run, makes generation 1 and puts it live. Which
 * generation is live stands in Postgres, whose lock also keeps migrators apart.
 */
export async function migrateClickHouse(
  clickhouse: ClickHouse,
  pool: pg.Pool,
): Promise<{ generation: number }> {
  return withMigrationLock(pool, async (client) => {
    // A migration may fill a table from the events: one that is rolled up meanwhile would be in it twice, or not at all. The
    // lock ends with the connection, as that of the migration does.
    await client.query('select pg_advisory_lock($1, 0)', [ROLLUPS_LOCK]);
    const generation = (await liveGeneration(client)) ?? 1;
    await createGeneration(clickhouse, generation);
    await client.query(
      `insert into rollup_generations (generation, state, live_at) values ($1, 'live', now())
       on conflict (generation) do nothing`,
      [generation],
    );
    return { generation };
  });
}

/** Makes the database of a generation with all its tables, or brings it up to date. Safe to repeat after a crash. */
export async function createGeneration(
  clickhouse: ClickHouse,
  generation: number,
  known?: readonly Migration[],
): Promise<void> {
  const { client, layout } = clickhouse;
  const database = clickhouse.database(generation);
  await client.command({ query: `create database if not exists ${database} ${layout.onCluster}` });
  await client.command({
    query: `create table if not exists ${database}.schema_migrations ${layout.onCluster}
            (name String, checksum String) engine = ${layout.engine('ReplacingMergeTree')} order by name`,
  });
  const migrations = known ?? (await readMigrations('clickhouse'));
  for (const migration of await pendingMigrations(clickhouse, database, migrations)) {
    await apply(clickhouse, database, migration);
  }
}

/**
 * For who may not change the schema: resolves when the live generation has that of this code.
 * @throws Error when a migration is missing, was changed after it had been applied, or is newer than this code.
 */
export async function requireClickHouseSchema(clickhouse: ClickHouse, pool: pg.Pool): Promise<void> {
  const migrations = await readMigrations('clickhouse');
  const generation = await liveGeneration(pool);
  if (generation === undefined) throw pendingError('ClickHouse', migrations);
  const pending = await pendingMigrations(clickhouse, clickhouse.database(generation), migrations);
  if (pending.length > 0) throw pendingError('ClickHouse', pending);
}

async function pendingMigrations(
  { client }: ClickHouse,
  database: string,
  known: readonly Migration[],
): Promise<Migration[]> {
  const result = await client.query({
    query: `select name, checksum from ${database}.schema_migrations final`,
    format: 'JSONEachRow',
  });
  const applied = await result.json<{ name: string; checksum: string }>();
  checkApplied(`ClickHouse database ${database}`, applied, known);
  const names = new Set(applied.map(({ name }) => name));
  return known.filter(({ name }) => !names.has(name));
}

/**
 * Makes the services' roles and gives them what they need, as the migrations say. For servers whose administrator came
 * after the schema.
 * @throws Error of ClickHouse, when this login may not.
 */
export async function grantClickHouseAccess(clickhouse: ClickHouse): Promise<void> {
  for (const { sql } of await readMigrations('clickhouse')) {
    for (const statement of splitStatements(sql)) {
      if (statement.startsWith(ACCESS)) {
        await clickhouse.client.command({ query: filledIn(statement, clickhouse).slice(ACCESS.length) });
      }
    }
  }
}

/** Begins statements about roles, which not every login may make. */
const ACCESS = '{access}';

/** ClickHouse has no transactions over schema changes: statements are written to be repeatable after a crash. */
async function apply(clickhouse: ClickHouse, database: string, migration: Migration): Promise<void> {
  const { client } = clickhouse;
  const sql = filledIn(migration.sql, clickhouse).replaceAll('{db}', database);
  const leavesOutAccess = sql.includes(ACCESS) && !(await managesAccess(clickhouse));
  for (const statement of splitStatements(sql)) {
    const isAccess = statement.startsWith(ACCESS);
    if (isAccess && leavesOutAccess) continue;
    const query = isAccess ? statement.slice(ACCESS.length) : statement;
    try {
      await client.command({ query });
    } catch (error) {
      throw new Error(`Migration ${migration.name} failed: ${String(error)}\n${query}`, { cause: error });
    }
  }
  await client.insert({
    table: `${database}.schema_migrations`,
    values: [{ name: migration.name, checksum: migration.checksum }],
    format: 'JSONEachRow',
    clickhouse_settings: clickhouse.insertSettings,
  });
}

function filledIn(sql: string, clickhouse: ClickHouse): string {
  const { layout } = clickhouse;
  return sql
    .replaceAll('{prefix}', accessPrefixOf(clickhouse))
    .replaceAll('{on_cluster}', layout.onCluster)
    .replaceAll('{deduplication_window}', layout.deduplicationWindow)
    .replace(/\{engine:([^}]+)\}/g, (_all, name: string) => layout.engine(name));
}
