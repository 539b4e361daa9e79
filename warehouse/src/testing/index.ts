import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { openClickHouse, type ClickHouse } from '../clickhouse/connection.js';
import type { Connection, StatementConcurrency } from '../clickhouse/embedded-connection.js';
import { migrateClickHouse } from '../migrations/migrate-clickhouse.js';
import { migratePostgres } from '../migrations/migrate-postgres.js';
import { createServiceLogin, SERVICES, type Service } from '../postgres/service-logins.js';
import { openPostgres, type Postgres, type PostgresOptions } from '../postgres/connection.js';

/** Opens a test's database under a login of a service, with the privileges of that service alone. */
export async function openAsService(
  database: Pick<Postgres, 'pool' | 'url'>,
  service: Service,
  options: PostgresOptions = {},
): Promise<Postgres> {
  const password = randomBytes(12).toString('hex');
  const name = await createServiceLogin(database.pool, service, password);
  const url = new URL(database.url);
  url.username = name;
  url.password = password;
  return openPostgres(url.href, options);
}

export interface TestDatabase extends Postgres {
  /** Closes the pool and drops the database. */
  drop(): Promise<void>;
}

/** A migrated database of a test file's own, on the server at `serverUrl`, which is `inject('postgresUrl')`. */
export async function createTestDatabase(
  serverUrl: string,
  options: PostgresOptions = {},
): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await onServer(serverUrl, `create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const postgres = await openPostgres(url.href, options);
  await migratePostgres(postgres.pool);
  return {
    ...postgres,
    async drop() {
      await postgres.close();
      await onServer(serverUrl, `drop database if exists ${name} with (force)`);
      for (const service of SERVICES)
        await onServer(serverUrl, `drop role if exists ${name}_${service}_login`);
    },
  };
}

async function onServer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

export interface TestClickHouse extends ClickHouse {
  /** Deletes what was made, and closes it. */
  drop(): Promise<void>;
}

/**
 * ClickHouse of a test file's own, with a pool: generation 1 is made and put live there. It is the embedded engine in a folder
 * of its own, one per process, or, where `TEST_CLICKHOUSE_URL` names a server, databases of its own there.
 */
export async function openTestClickHouse(pool?: pg.Pool): Promise<TestClickHouse> {
  const serverUrl = process.env['TEST_CLICKHOUSE_URL'] ?? '';
  const clickhouse = serverUrl === '' ? await openInFolder() : await openOnServer(serverUrl);
  if (pool !== undefined) await migrateClickHouse(clickhouse, pool);
  return clickhouse;
}

async function openInFolder(): Promise<TestClickHouse> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-clickhouse-'));
  const clickhouse = await openClickHouse(`embedded:${dir}`);
  return {
    ...clickhouse,
    async drop() {
      await clickhouse.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

export { FormattedParameter } from '../clickhouse/statement-text.js';
export type { Connection as EngineConnection } from '../clickhouse/embedded-connection.js';

/** The embedded engine as the official client's connections talk to it, for whoever is a server of it. */
export async function openEngineConnection(
  dir: string,
  concurrency: StatementConcurrency,
): Promise<Connection> {
  const { openEmbeddedEngine } = await import('../clickhouse/embedded-engine.js');
  const { createEmbeddedConnection } = await import('../clickhouse/embedded-connection.js');
  return createEmbeddedConnection(await openEmbeddedEngine(dir), concurrency);
}

async function openOnServer(serverUrl: string): Promise<TestClickHouse> {
  const prefix = `test_${randomBytes(6).toString('hex')}`;
  const url = new URL(serverUrl);
  url.searchParams.set('prefix', prefix);
  const clickhouse = await openClickHouse(url.href);
  const { client } = clickhouse;
  return {
    ...clickhouse,
    async drop() {
      const databases = await client.query({
        query: 'select name from system.databases where startsWith(name, {prefix: String})',
        query_params: { prefix: `${prefix}_` },
        format: 'JSONEachRow',
      });
      for (const { name } of await databases.json<{ name: string }>()) {
        await client.command({ query: 'drop database {name: Identifier} sync', query_params: { name } });
      }
      await clickhouse.close();
    },
  };
}
