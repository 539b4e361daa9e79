import { createKey, ensureProject, listKeys, revokeKey, type KeyKind } from '@sluice/service-kit';
import { migratePostgres } from '@sluice/warehouse';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { printJson, printTable, withPostgres } from './stores.js';

/** `sluice keys list | create | revoke`. */
export function registerKeys(program: Command): void {
  const keys = program.command('keys').description('list, create and revoke the keys of projects');

  keys
    .command('list')
    .description('all keys, without their text: only their hashes are stored')
    .option('--json', 'print JSON')
    .action(async (flags: { json?: boolean }, command: Command) => {
      const rows = await withPostgres(command, ({ pool }) => listKeys(pool));
      if (flags.json === true) printJson(rows);
      else printTable(rows.map((row) => ({ ...row })));
    });

  keys
    .command('create')
    .description('make a key and print it, once')
    .option('--project <name>', 'project it belongs to; made when there is none of that name', 'default')
    .addOption(
      new Option('--kind <kind>', 'what it opens').choices(['write', 'read', 'admin']).default('write'),
    )
    .option(
      '--origin <origin>',
      'origin a write key may be used from (repeatable; default: any)',
      collectOrigins,
      [],
    )
    .option(
      '--rows-per-hour <rows>',
      'rows that may be read in an hour for its questions (read and admin keys; default: QUERY_ROWS_PER_HOUR)',
      parseRows,
    )
    .option('--json', 'print JSON')
    .action(
      async (
        flags: { project: string; kind: KeyKind; origin: string[]; rowsPerHour?: number; json?: boolean },
        command: Command,
      ) => {
        if (flags.rowsPerHour !== undefined && flags.kind === 'write') {
          throw new Error('A write key asks no questions: --rows-per-hour is for read and admin keys.');
        }
        const made = await withPostgres(command, async ({ pool }) => {
          await migratePostgres(pool);
          const projectId = await ensureProject(pool, flags.project);
          return createKey(pool, {
            projectId,
            kind: flags.kind,
            allowedOrigins: flags.origin,
            rowsPerHour: flags.rowsPerHour,
          });
        });
        if (flags.json === true) printJson({ ...made, project: flags.project, kind: flags.kind });
        else process.stdout.write(`${made.key}\n`);
      },
    );

  keys
    .command('revoke')
    .description('revoke a key for good; running services refuse it within seconds')
    .argument('<key-id>', 'id as `sluice keys list` shows it', parseId)
    .action(async (keyId: number, _flags: unknown, command: Command) => {
      const revoked = await withPostgres(command, ({ pool }) => revokeKey(pool, keyId));
      if (!revoked) throw new Error(`There is no key ${keyId} that is not revoked yet.`);
      process.stderr.write(`Key ${keyId} is revoked.\n`);
    });
}

function collectOrigins(text: string, earlier: string[]): string[] {
  let origin: string;
  try {
    origin = new URL(text).origin;
  } catch {
    throw new InvalidArgumentError('An origin looks like https://app.example.com.');
  }
  return [...earlier, origin];
}

function parseRows(text: string): number {
  const rows = Number(text);
  if (Number.isSafeInteger(rows) && rows >= 1) return rows;
  throw new InvalidArgumentError('A number of rows is a whole number from 1.');
}

export function parseId(text: string): number {
  const id = Number(text);
  if (!Number.isSafeInteger(id) || id < 1) throw new InvalidArgumentError('An id is a whole number from 1.');
  return id;
}
