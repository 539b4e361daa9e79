import { openEventLog } from '@sluice/event-log';
import { replayDeadLetters } from '@sluice/pipeline';
import { InvalidArgumentError, type Command } from 'commander';
import { parseId } from './keys.js';
import { printJson, printTable, urlsOf, withPostgres } from './stores.js';

interface Filter {
  code?: string;
  project?: string;
}

/** `sluice dead-letters list | show | replay`. */
export function registerDeadLetters(program: Command): void {
  const deadLetters = program
    .command('dead-letters')
    .description('look at messages that were refused or could not be stored, and replay them after a fix');

  withFilter(deadLetters.command('list').description('newest first, without their bytes'))
    .option('--limit <count>', 'how many at most', parseId, 50)
    .option('--json', 'print JSON')
    .action(async (flags: Filter & { limit: number; json?: boolean }, command: Command) => {
      const rows = await withPostgres(command, async ({ pool }) => {
        const result = await pool.query<Record<string, unknown>>(
          `select d.dead_letter_id as id, p.name as project, d.source, d.code, d.field, d.message_id,
                  d.created_at, d.replayed_at, d.message
           from dead_letters d left join projects p using (project_id)
           where ($1::text is null or d.code = $1) and ($2::text is null or p.name = $2)
           order by d.dead_letter_id desc limit $3`,
          [flags.code ?? null, flags.project ?? null, flags.limit],
        );
        return result.rows;
      });
      if (flags.json === true) printJson(rows);
      else if (rows.length === 0) process.stderr.write('There are no dead letters.\n');
      else printTable(rows);
    });

  deadLetters
    .command('show')
    .description('one dead letter, whole')
    .argument('<id>', 'id as the list shows it', parseId)
    .action(async (id: number, _flags: unknown, command: Command) => {
      const row = await withPostgres(command, async ({ pool }) => {
        const result = await pool.query<{ bytes: Buffer } & Record<string, unknown>>(
          'select * from dead_letters where dead_letter_id = $1',
          [id],
        );
        return result.rows[0];
      });
      if (row === undefined) throw new Error(`There is no dead letter ${id}.`);
      printJson({
        ...row,
        bytes: undefined,
        text: row.bytes.toString('utf8'),
        base64: row.bytes.toString('base64'),
      });
    });

  withFilter(
    deadLetters
      .command('replay')
      .description('put dead letters back into the event log; what is stored already is not stored again'),
  )
    .option('--id <id>', 'only this one (repeatable)', collectIds, [])
    .option('--dry-run', 'say what would become of them, and change nothing')
    .action(async (flags: Filter & { id: number[]; dryRun?: boolean }, command: Command) => {
      const report = await withPostgres(command, async (postgres) => {
        const log = await openEventLog(urlsOf(command).eventLog);
        try {
          return await replayDeadLetters({
            pool: postgres.pool,
            log,
            dryRun: flags.dryRun === true,
            filter: {
              ...(flags.id.length > 0 ? { ids: flags.id } : {}),
              ...(flags.code === undefined ? {} : { code: flags.code }),
              ...(flags.project === undefined ? {} : { project: flags.project }),
            },
          });
        } finally {
          await log.close();
        }
      });
      printJson(report);
    });
}

function withFilter(command: Command): Command {
  return command
    .option('--code <code>', 'only those with this error code')
    .option('--project <name>', 'only those of this project');
}

function collectIds(text: string, earlier: number[]): number[] {
  const id = Number(text);
  if (!Number.isSafeInteger(id) || id < 1) throw new InvalidArgumentError('An id is a whole number from 1.');
  return [...earlier, id];
}
