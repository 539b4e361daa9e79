import { openEventLog } from '@sluice/event-log';
import { eventOfLetter, replayDeadLetters } from '@sluice/pipeline';
import type { Postgres } from '@sluice/warehouse';
import { InvalidArgumentError, type Command } from 'commander';
import { parseId } from './keys.js';
import { noteAction } from './note-action.js';
import { parseInstant } from './parse-instant.js';
import { printJson, printTable, urlsOf, withPostgres } from './stores.js';

interface Filter {
  code?: string;
  project?: string;
  event?: string;
  from?: string;
  to?: string;
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
      const rows = await withPostgres(command, (postgres) => listLetters(postgres, flags));
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
    .option('--dry-run', 'say what would become of each, and change nothing')
    .option('--json', 'print nothing but JSON (what is printed is JSON anyway)')
    .action(async (flags: Filter & { id: number[]; dryRun?: boolean }, command: Command) => {
      const filter = {
        ...(flags.id.length > 0 ? { ids: flags.id } : {}),
        ...(flags.code === undefined ? {} : { code: flags.code }),
        ...(flags.project === undefined ? {} : { project: flags.project }),
        ...(flags.event === undefined ? {} : { event: flags.event }),
        ...(flags.from === undefined ? {} : { from: flags.from }),
        ...(flags.to === undefined ? {} : { to: flags.to }),
      };
      const report = await withPostgres(command, async (postgres) => {
        if (flags.dryRun !== true) {
          await noteAction(postgres.pool, {
            action: 'dead_letters.replay',
            target: 'dead letters',
            details: filter,
          });
        }
        const log = await openEventLog(urlsOf(command).eventLog);
        try {
          return await replayDeadLetters({
            pool: postgres.pool,
            log,
            dryRun: flags.dryRun === true,
            filter,
            onProgress: ({ matched, replayed, refused }) =>
              process.stderr.write(
                `\rDead letters: ${matched} looked at, ${replayed} accepted, ${refused} still rejected \u001b[K`,
              ),
          });
        } finally {
          await log.close();
        }
      });
      if (report.matched > 0) process.stderr.write('\n');
      printJson(report);
    });
}

const LETTERS_PER_FETCH = 500;

/** Newest first. The name of an event stands in the letter's text alone, so it is looked for there. */
async function listLetters(
  { pool }: Postgres,
  { code, project, event, from, to, limit }: Filter & { limit: number },
): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  let before: number | string | null = null;
  for (;;) {
    const found: { rows: (Record<string, unknown> & { id: number | string; bytes: Buffer })[] } =
      await pool.query(
        `select d.dead_letter_id as id, p.name as project, d.source, d.code, d.field, d.message_id,
                d.created_at, d.replayed_at, d.message, d.bytes
         from dead_letters d left join projects p using (project_id)
         where ($1::text is null or d.code = $1) and ($2::text is null or p.name = $2)
           and ($3::timestamptz is null or d.created_at >= $3) and ($4::timestamptz is null or d.created_at < $4)
           and ($5::bigint is null or d.dead_letter_id < $5)
         order by d.dead_letter_id desc limit ${LETTERS_PER_FETCH}`,
        [code ?? null, project ?? null, from ?? null, to ?? null, before],
      );
    for (const { bytes, ...row } of found.rows) {
      const name = eventOfLetter(bytes);
      if (event !== undefined && name !== event) continue;
      rows.push({ ...row, event: name ?? null });
      if (rows.length === limit) return rows;
    }
    const last = found.rows.at(-1);
    if (last === undefined || found.rows.length < LETTERS_PER_FETCH) return rows;
    before = last.id;
  }
}

function withFilter(command: Command): Command {
  return command
    .option('--code <code>', 'only those with this error code')
    .option('--project <name>', 'only those of this project')
    .option('--event <name>', 'only those of this event')
    .option('--from <instant>', 'only those that became letters from then on, ISO 8601', parseInstant)
    .option('--to <instant>', 'only those that became letters before then', parseInstant);
}

function collectIds(text: string, earlier: number[]): number[] {
  const id = Number(text);
  if (!Number.isSafeInteger(id) || id < 1) throw new InvalidArgumentError('An id is a whole number from 1.');
  return [...earlier, id];
}
