import { migrateClickHouse, migratePostgres, openClickHouse } from '@sluice/warehouse';
import type { Command } from 'commander';
import { embeddedDir } from '../store-urls.js';
import { createUsers } from './create-users.js';
import { printJson, runningInstance, urlsOf, withPostgres } from './stores.js';

/** `sluice migrate`: brings both stores to the schema of this version. */
export function registerMigrate(program: Command): void {
  program
    .command('migrate')
    .description(
      'bring the schemas of Postgres and ClickHouse up to date; safe to run again and side by side',
    )
    .option('--create-users', 'also make a login for each service, with its privileges alone')
    .option(
      '--passwords-from <dir>',
      'folder with a file for each login: postgres_gateway, postgres_pipeline, postgres_api, postgres_readonly, clickhouse_pipeline, clickhouse_api, clickhouse_readonly',
    )
    .action(async (flags: { createUsers?: boolean; passwordsFrom?: string }, command: Command) => {
      if (flags.createUsers === true && flags.passwordsFrom === undefined) {
        throw new Error('--create-users needs --passwords-from: passwords come from files.');
      }
      const urls = urlsOf(command);
      if (embeddedDir(urls.clickhouse) !== undefined && (await runningInstance(command)) !== undefined) {
        throw new Error(
          'An instance is running on these embedded stores. It brings their schema up to date whenever it starts: restart it.',
        );
      }
      await withPostgres(command, async (postgres) => {
        const { pool } = postgres;
        const { applied, missingRoles } = await migratePostgres(pool);
        tell(`Postgres: ${summary(applied)}.`);
        if (missingRoles.length > 0) tell(adviceOn(missingRoles));
        const clickhouse = await openClickHouse(urls.clickhouse);
        try {
          const { generation } = await migrateClickHouse(clickhouse, pool);
          tell(`ClickHouse: up to date; answers are read from generation ${generation}.`);
          if (flags.createUsers === true && flags.passwordsFrom !== undefined) {
            printJson(await createUsers(flags.passwordsFrom, { postgres, clickhouse }));
          }
        } finally {
          await clickhouse.close();
        }
      });
    });
}

function summary(applied: readonly string[]): string {
  return applied.length === 0 ? 'up to date' : `applied ${applied.join(', ')}`;
}

/** What a login that may not make roles has to be told. */
function adviceOn(missingRoles: readonly string[]): string {
  const statements = missingRoles.map((role) => `create role ${role} nologin;`).join(' ');
  return `Postgres: ${missingRoles.join(', ')} are missing, and this login may not make roles: until they are there, every service has to be the owner of the database. As an administrator: ${statements} Then migrate again.`;
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}
