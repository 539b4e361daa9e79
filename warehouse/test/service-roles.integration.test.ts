import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  createServiceLogin,
  ensureEventPartitions,
  migratePostgres,
  openPostgres,
  SERVICES,
  type Postgres,
  type Service,
} from '../src/index.js';
import { createTestDatabase, openAsService, type TestDatabase } from '../src/testing/index.js';

let owner: TestDatabase;
const as = {} as Record<Service, Postgres>;

beforeAll(async () => {
  owner = await createTestDatabase(inject('postgresUrl'));
  for (const service of SERVICES) as[service] = await openAsService(owner, service, { max: 2 });
});

afterAll(async () => {
  for (const service of SERVICES) await as[service].close();
  await owner.drop();
});

const INSUFFICIENT_PRIVILEGE = '42501';
const READ_ONLY_TRANSACTION = '25006';

async function refusalOf(database: Pick<Postgres, 'pool'>, sql: string): Promise<string | undefined> {
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await client.query(sql);
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  } finally {
    await client.query('rollback');
    client.release();
  }
}

describe('the login of a service', () => {
  it.each([
    ['gateway', 'select * from events'],
    ['gateway', 'select * from dead_letters'],
    ['gateway', 'select * from users'],
    ['gateway', `update api_keys set kind = 'admin'`],
    ['gateway', `insert into api_keys (project_id, kind, key_hash, key_hint) values (1, 'admin', '', '')`],
    ['gateway', 'select * from notification_channels'],
    ['gateway', `select make_event_partition('2026-01-01')`],
    [
      'gateway',
      `insert into admin_actions (actor_kind, actor, action, target) values ('key', '1', 'a', 'b')`,
    ],
    ['pipeline', 'select key_hash from api_keys'],
    ['pipeline', `insert into projects (name) values ('x')`],
    ['pipeline', 'select actor from admin_actions'],
    ['pipeline', 'drop table events'],
    ['pipeline', 'truncate events'],
    ['pipeline', 'alter table events add column x int'],
    ['api', 'delete from events'],
    ['api', `update events set event = 'x'`],
    ['api', 'insert into dead_letters (project_id) values (1)'],
    ['api', `update api_keys set kind = 'admin'`],
    ['api', 'delete from ledger'],
    ['api', 'delete from admin_actions'],
    ['api', `update admin_actions set actor = 'x'`],
    ['api', `update projects set plan_mode = 'off'`],
    ['readonly', 'select key_hash from api_keys'],
    ['readonly', 'select * from api_keys'],
    ['readonly', 'select bytes from dead_letters'],
    ['readonly', 'select headers from dead_letters'],
    ['readonly', 'select message from dead_letters'],
    ['readonly', 'select secret from notification_channels'],
    ['readonly', 'select target from notification_channels'],
    ['readonly', 'select payload from notifications'],
    ['readonly', 'delete from events'],
    [
      'readonly',
      `set transaction read write; insert into annotations (project_id, at, text) values (1, now(), '')`,
    ],
    ['readonly', `copy (select 1) to program 'true'`],
    ['readonly', `select pg_read_file('/etc/passwd')`],
    ['readonly', 'create table mine (a int)'],
    ['api', 'create table mine (a int)'],
    ['gateway', 'create table mine (a int)'],
    ['pipeline', 'create table mine (a int)'],
    ['pipeline', 'create role x'],
  ] as const)('of the %s may not: %s', async (service, sql) => {
    const code = await refusalOf(as[service], sql);
    // A statement that were malformed would be refused for that, and prove nothing.
    expect([INSUFFICIENT_PRIVILEGE, READ_ONLY_TRANSACTION]).toContain(code);
  });

  it.each([
    ['gateway', 'select key_hash from api_keys'],
    ['pipeline', 'create temporary table t (a int) on commit drop'],
    ['api', 'select bytes from dead_letters'],
    ['readonly', 'select * from events'],
    ['readonly', 'select key_id, key_hint from api_keys'],
    ['readonly', 'select dead_letter_id, code from dead_letters'],
    ['readonly', 'select name, kind from notification_channels'],
    ['readonly', 'select * from admin_actions'],
  ] as const)('of the %s may: %s', async (service, sql) => {
    expect(await refusalOf(as[service], sql)).toBeUndefined();
  });

  it('of the pipeline makes partitions of days that it may land into, though it owns nothing', async () => {
    await ensureEventPartitions(as.pipeline.pool, ['2026-05-01']);
    const made = await as.pipeline.pool.query<{ name: string }>(
      `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'events'::regclass order by 1`,
    );
    expect(made.rows.map(({ name }) => name)).toContain('events_20260501');
    // The partition itself is nobody's: what is in it is reached through `events`.
    expect(await refusalOf(as.readonly, 'select * from events_20260501')).toBe(INSUFFICIENT_PRIVILEGE);
    expect(await refusalOf(as.pipeline, `select summarize_event_index('users_by_id'::regclass, null)`)).toBe(
      INSUFFICIENT_PRIVILEGE,
    );
  });

  it('sees that there is nothing to migrate, and says who is to do it where there is', async () => {
    for (const service of SERVICES) {
      if (service === 'readonly') continue;
      expect((await migratePostgres(as[service].pool)).applied).toEqual([]);
    }
    const name = '9999_later';
    const known = await owner.pool.query<{ name: string; checksum: string }>(
      'select name, checksum from schema_migrations order by name',
    );
    const files = known.rows.map((row) => ({ ...row, sql: '' }));
    const later = { name, sql: 'create table later (a int)', checksum: 'x' };
    await expect(migratePostgres(as.pipeline.pool, [...files, later])).rejects.toThrow(
      /this login may not change the schema: run `sluice migrate` as the owner/,
    );
  });
});

describe('every table', () => {
  it('is given to somebody, or said to be nobody’s', async () => {
    const found = await owner.pool.query<{ name: string }>(
      `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition
         and not exists (select from service_grants where object = c.relname) order by 1`,
    );
    expect(found.rows.map(({ name }) => name)).toEqual(['service_grants']);
  });
});

describe('two databases in one cluster', () => {
  it('share the roles, and a login of one does not get into the other', async () => {
    const other = await createTestDatabase(inject('postgresUrl'));
    try {
      const mine = await openAsService(other, 'api', { max: 1 });
      expect(await refusalOf(mine, 'select * from events')).toBeUndefined();
      await mine.close();
      const url = new URL(as.api.url);
      url.pathname = new URL(other.url).pathname;
      await expect(openPostgres(url.href)).rejects.toThrow(/permission denied for database/);
    } finally {
      await other.drop();
    }
  });
});

describe('an owner who is no superuser', () => {
  it('migrates, and is told which roles are missing when neither they nor the right to make them are there', async () => {
    const server = new pg.Client({ connectionString: inject('postgresUrl') });
    await server.connect();
    const name = `owner_${randomBytes(6).toString('hex')}`;
    const password = randomBytes(12).toString('hex');
    await server.query(`create role ${name} login password '${password}'`);
    await server.query(`create database ${name} owner ${name}`);
    const url = new URL(inject('postgresUrl'));
    url.username = name;
    url.password = password;
    url.pathname = `/${name}`;
    const postgres = await openPostgres(url.href, { max: 2 });
    try {
      const { missingRoles, applied } = await migratePostgres(postgres.pool);
      expect(applied).toContain('0011_security');
      // The roles are there: another database of this cluster has made them.
      expect(missingRoles).toEqual([]);
      await postgres.pool.query(`insert into service_grants values ('api', 'later', 'select')`);
      await postgres.pool.query(`alter table service_grants drop constraint service_grants_service_check`);
      await postgres.pool.query(
        `insert into service_grants values ('of_nobody_${name}', 'projects', 'select')`,
      );
      const again = await postgres.pool.query<{ missing: string[] }>(
        'select apply_service_grants() as missing',
      );
      expect(again.rows[0]?.missing).toEqual([`sluice_of_nobody_${name}`]);
      await expect(createServiceLogin(postgres.pool, 'api', 'a password')).rejects.toThrow(
        /could not be made: .*permission denied.* takes an administrator/s,
      );
    } finally {
      await postgres.close();
      await server.query(`drop database ${name} with (force)`);
      await server.query(`drop role ${name}`);
      await server.end();
    }
  });
});
