import { openEventLog } from '@sluice/event-log';
import { migrateClickHouse, migratePostgres, openClickHouse } from '@sluice/warehouse';
import type { Command } from 'commander';
import { embeddedDir } from '../store-urls.js';
import { makeServiceLogins } from './service-logins.js';
import { runningInstance, urlsOf, withPostgres } from './stores.js';

/** `sluice migrate`: brings both stores to the schema of this version. */
export function registerMigrate(program: Command): void {
  program
    .command('migrate')
    .description(
      'bring the schemas of Postgres and ClickHouse up to date, and make the topic on Kafka; safe to run again and side by side',
    )
    .addHelpText(
      'after',
      `
With SLUICE_GATEWAY_PASSWORD, SLUICE_PIPELINE_PASSWORD, SLUICE_API_PASSWORD or SLUICE_READONLY_PASSWORD in the environment,
makes that login, too (DATABASE_gateway_login, DATABASE_pipeline_login …), with no more privileges than it needs.`,
    )
    .action(async (_flags: unknown, command: Command) => {
      const urls = urlsOf(command);
      if (embeddedDir(urls.clickhouse) !== undefined && (await runningInstance(command)) !== undefined) {
        throw new Error(
          'An instance is running on these embedded stores. It brings their schema up to date whenever it starts: restart it.',
        );
      }
      await withPostgres(command, async ({ pool }) => {
        const { applied, missingRoles } = await migratePostgres(pool);
        tell(`Postgres: ${summary(applied)}.`);
        if (missingRoles.length > 0) tell(adviceOn(missingRoles));
        const clickhouse = await openClickHouse(urls.clickhouse);
        try {
          const { generation } = await migrateClickHouse(clickhouse, pool);
          tell(`ClickHouse: up to date; answers are read from generation ${generation}.`);
          await makeServiceLogins(pool, clickhouse, process.env, tell);
        } finally {
          await clickhouse.close();
        }
        // An embedded log is made by its first user, and belongs to whoever runs.
        if (embeddedDir(urls.eventLog) === undefined) {
          const log = await openEventLog(urls.eventLog, { clientId: 'sluice-migrate' });
          tell(`Kafka: the topic is there, with ${log.partitionCount} partitions.`);
          await log.close();
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
