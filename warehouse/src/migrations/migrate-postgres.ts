import type pg from 'pg';
import { readMigrations, type Migration } from './migration-files.js';
import { withMigrationLock } from './migration-lock.js';

const INSUFFICIENT_PRIVILEGE = '42501';

export interface PostgresMigration {
  /** Names of the files that this call applied, in order. */
  applied: string[];
  /** Name of the newest applied file. */
  version: string;
  /** Roles of services that there are not and that this login may not make: then every service has to be the owner. */
  missingRoles: string[];
}

/**
 * Brings the schema up to date. Side by side with other migrators, one works and the others wait. Each file is one
 * transaction, recorded in it.
 * @param known The migrations; default those of this package.
 * @throws Error when an applied file has changed, or when the database is newer than this code.
 */
export async function migratePostgres(
  pool: pg.Pool,
  known?: readonly Migration[],
): Promise<PostgresMigration> {
  const migrations = known ?? (await readMigrations('postgres'));
  return withMigrationLock(pool, async (client) => {
    await makeMigrationsTable(client);
    const pending = await pendingMigrations(client, migrations);
    for (const migration of pending) await apply(client, migration);
    return {
      applied: pending.map(({ name }) => name),
      version: migrations.at(-1)?.name ?? '',
      missingRoles: await grantToServices(client, pending.length > 0),
    };
  });
}

/** Asked for first: a service that may not make tables may still see that there is nothing to do. */
async function makeMigrationsTable(client: pg.PoolClient): Promise<void> {
  const found = await client.query(`select where to_regclass('schema_migrations') is not null`);
  if (found.rowCount !== 0) return;
  await client.query(
    `create table if not exists schema_migrations (
       name text primary key, checksum text not null, applied_at timestamptz not null default now())`,
  );
}

/**
 * For who may not change the schema: resolves when it is that of this code.
 * @throws Error when a migration is missing, was changed after it had been applied, or is newer than this code.
 */
export async function requirePostgresSchema(pool: pg.Pool): Promise<void> {
  const migrations = await readMigrations('postgres');
  const found = await pool.query<{ is_there: boolean }>(
    `select to_regclass('schema_migrations') is not null as is_there`,
  );
  const pending = found.rows[0]?.is_there === true ? await pendingMigrations(pool, migrations) : migrations;
  if (pending.length > 0) throw pendingError('Postgres', pending);
}

export function pendingError(store: string, pending: readonly Migration[]): Error {
  const names = pending.map(({ name }) => name).join(', ');
  return new Error(`${store} lacks ${names}: run \`sluice migrate\` first.`);
}

async function pendingMigrations(
  client: pg.PoolClient | pg.Pool,
  known: readonly Migration[],
): Promise<Migration[]> {
  const result = await client.query<{ name: string; checksum: string }>(
    'select name, checksum from schema_migrations',
  );
  checkApplied('Postgres', result.rows, known);
  const applied = new Set(result.rows.map(({ name }) => name));
  return known.filter(({ name }) => !applied.has(name));
}

/**
 * Gives the services' roles what they need, where something was applied or a role has come since the last time: an
 * administrator may make them later than the schema. The owner alone can, so others leave it.
 */
async function grantToServices(client: pg.PoolClient, isChanged: boolean): Promise<string[]> {
  const found = await client.query<{
    role: string;
    exists: boolean;
    granted: boolean | null;
    owned: boolean;
  }>(
    `select 'sluice_' || service as role, r.oid is not null as exists,
       has_table_privilege(r.oid, to_regclass('schema_migrations')::oid, 'select') as granted,
       pg_has_role(c.relowner, 'usage') as owned
     from (values ('gateway'), ('pipeline'), ('api'), ('readonly')) as s(service)
     left join pg_roles r on r.rolname = 'sluice_' || service
     join pg_class c on c.oid = to_regclass('service_grants')`,
  );
  const isDue = found.rows.some(({ exists, granted }) => !exists || granted !== true);
  if (found.rows[0]?.owned !== true || !(isChanged || isDue)) return [];
  const applied = await client.query<{ missing: string[] }>('select apply_service_grants() as missing');
  return applied.rows[0]?.missing ?? [];
}

/** @throws Error when what was applied is not what this code knows. */
export function checkApplied(
  store: string,
  applied: readonly { name: string; checksum: string }[],
  known: readonly Migration[],
): void {
  for (const { name, checksum } of applied) {
    const file = known.find((migration) => migration.name === name);
    if (file === undefined) {
      throw new Error(
        `${store} has migration ${name}, which this version of Sluice does not know: use a newer one.`,
      );
    }
    if (file.checksum !== checksum) {
      throw new Error(`${store} migration ${name} was changed after it had been applied.`);
    }
  }
}

async function apply(client: pg.PoolClient, migration: Migration): Promise<void> {
  await client.query('begin');
  try {
    await client.query(migration.sql);
    await client.query('insert into schema_migrations (name, checksum) values ($1, $2)', [
      migration.name,
      migration.checksum,
    ]);
    await client.query('commit');
  } catch (error) {
    // Without a connection there is nothing to roll back.
    await client.query('rollback').catch(() => undefined);
    if ((error as { code?: unknown }).code === INSUFFICIENT_PRIVILEGE) {
      throw new Error(
        `Migration ${migration.name} is to be applied, and this login may not change the schema: run \`sluice migrate\` as the owner of the database first. (${String(error)})`,
        { cause: error },
      );
    }
    throw new Error(`Migration ${migration.name} failed: ${String(error)}`, { cause: error });
  }
}
