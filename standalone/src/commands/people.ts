import {
  erasePerson,
  exportPerson,
  findPersonIds,
  isGenuine,
  listErasures,
  lookInPostgres,
  readErasure,
  requestErasure,
  requestJob,
  type ErasureReceipt,
} from '@sluice/pipeline';
import { commandActor, createLogger, inTransaction, recordAdminAction } from '@sluice/service-kit';
import {
  migrateClickHouse,
  migratePostgres,
  openClickHouse,
  type ClickHouse,
  type Postgres,
} from '@sluice/warehouse';
import type { Command } from 'commander';
import { createWriteStream } from 'node:fs';
import { userInfo } from 'node:os';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { embeddedDir } from '../store-urls.js';
import { confirm } from './confirm.js';
import { followJob } from './follow-job.js';
import { noteAction } from './note-action.js';
import { parseId } from './keys.js';
import { findProject } from './projects.js';
import { printJson, printTable, runningInstance, urlsOf, withPostgres } from './stores.js';

interface Who {
  project: string;
  user: string[];
  anonymous: string[];
}

/** `sluice people erase | export | erasures | receipt`. */
export function registerPeople(program: Command): void {
  const people = program.command('people').description('erase or export all that is stored of one person');

  withWho(people.command('erase'))
    .description('erase a person from every store; by any one id all that were merged with it are found')
    .option('--by <name>', 'who asks for it, for the receipt', userInfo().username)
    .option('--dry-run', 'say what Postgres holds of the person, and change nothing')
    .option('--yes', 'do not ask')
    .option('--no-wait', 'only ask a running pipeline for it')
    .option('--json', 'print nothing but JSON (what is printed is JSON anyway)')
    .action(
      async (
        flags: Who & { by: string; dryRun?: boolean; yes?: boolean; wait: boolean },
        command: Command,
      ) => {
        const named = namedBy(flags);
        await withPostgres(command, async (postgres) => {
          await migratePostgres(postgres.pool);
          const projectId = await findProject(postgres, flags.project);
          const ids = await findPersonIds(postgres.pool, projectId, named);
          if (flags.dryRun === true) {
            const requestedAt = new Date();
            const found = await lookInPostgres(postgres.pool, { projectId, ids, requestedAt });
            printJson({ dry_run: true, project: flags.project, ids, postgres: found });
            return;
          }
          const question = `Erase the person with the ids ${ids.join(', ')} from project ${flags.project}, for good?`;
          if (flags.yes !== true && !(await confirm(question))) {
            throw new Error('Nothing was erased.');
          }
          const erasureId = await inTransaction(postgres.pool, async (client) => {
            const asked = await requestErasure(client, { projectId, ids: named, requestedBy: flags.by });
            // Who is erased is not said: it would be all that is left of them.
            await recordAdminAction(client, {
              by: commandActor(),
              action: 'person.erase',
              target: `erasure ${asked}`,
              projectId,
              details: { requested_by: flags.by },
            });
            return asked;
          });
          await carryOut(command, postgres, erasureId, flags.wait);
        });
      },
    );

  withWho(people.command('export'))
    .description('write all that is stored of a person, as JSON, one thing a line')
    .requiredOption('--out <file>', 'file to write; - is standard output')
    .action(async (flags: Who & { out: string }, command: Command) => {
      const named = namedBy(flags);
      await withPostgres(command, async (postgres) => {
        await migratePostgres(postgres.pool);
        const projectId = await findProject(postgres, flags.project);
        await noteAction(postgres.pool, { action: 'person.export', target: 'a person', projectId });
        const clickhouse = await openFree(command);
        let lines = 0;
        try {
          const exported = exportPerson({ pool: postgres.pool, clickhouse, projectId, named });
          const text = async function* (): AsyncGenerator<string> {
            for await (const line of exported) {
              lines += 1;
              yield `${JSON.stringify(line)}\n`;
            }
          };
          if (flags.out === '-') {
            for await (const line of text()) process.stdout.write(line);
            return;
          }
          // It is about one person: nobody else may read it.
          await pipeline(Readable.from(text()), createWriteStream(flags.out, { mode: 0o600 }));
        } finally {
          await clickhouse?.close();
        }
        printJson({ out: flags.out, lines });
      });
    });

  people
    .command('erasures')
    .description('all erasures and how they stand, newest first')
    .option('--project <name>', 'only those of this project')
    .option('--json', 'print JSON')
    .action(async (flags: { project?: string; json?: boolean }, command: Command) => {
      const rows = await withPostgres(command, ({ pool }) => listErasures(pool, flags.project));
      if (flags.json === true) printJson(rows);
      else if (rows.length === 0) process.stderr.write('Nobody was erased.\n');
      else printTable(rows);
    });

  people
    .command('receipt')
    .description('the receipt of an erasure, after its digest was checked')
    .argument('<id>', 'id as `sluice people erasures` shows it', parseId)
    .action(async (id: number, _flags: unknown, command: Command) => {
      const erasure = await withPostgres(command, ({ pool }) => readErasure(pool, id));
      if (erasure === undefined) throw new Error(`There is no erasure ${id}.`);
      if (erasure.receipt === null) throw new Error(`Erasure ${id} is not done: it is at ${erasure.state}.`);
      if (!isGenuine(erasure.receipt as ErasureReceipt)) {
        throw new Error(`The receipt of erasure ${id} is not as it was made.`);
      }
      printJson(erasure.receipt);
    });
}

function withWho(command: Command): Command {
  return command
    .option('--project <name>', 'project of the person', 'default')
    .option('--user <id>', 'a user id of the person (repeatable)', collect, [])
    .option('--anonymous <id>', 'an anonymous id of the person (repeatable)', collect, []);
}

function collect(text: string, earlier: string[]): string[] {
  return [...earlier, text];
}

function namedBy({ user, anonymous }: Who): string[] {
  const named = [...user, ...anonymous];
  if (named.length === 0) throw new Error('Who? Give --user or --anonymous.');
  return named;
}

/** Whoever holds the stores does it: a running instance as a job, else this process. */
async function carryOut(
  command: Command,
  postgres: Postgres,
  erasureId: number,
  wait: boolean,
): Promise<void> {
  const { clickhouse: url } = urlsOf(command);
  const isIdle = embeddedDir(url) !== undefined && (await runningInstance(command)) === undefined;
  if (isIdle) {
    const clickhouse = await openClickHouse(url);
    try {
      await migrateClickHouse(clickhouse, postgres.pool);
      const receipt = await erasePerson(erasureId, {
        pool: postgres.pool,
        clickhouse,
        logger: createLogger('erase', 'silent'),
        onProgress: tellProgress,
      });
      process.stderr.write('\n');
      printJson(receipt);
    } finally {
      await clickhouse.close();
    }
    return;
  }
  const jobId = await requestJob(postgres.pool, 'erase', { erasure_id: erasureId });
  if (wait) await followJob(postgres, jobId, { name: 'The erasure', tellProgress });
  else printJson({ erasure_id: erasureId, job_id: jobId, state: 'queued' });
}

function tellProgress({ stage }: { stage?: unknown }): void {
  process.stderr.write(`\rErasing: ${typeof stage === 'string' ? stage : 'starting'} \u001b[K`);
}

/** ClickHouse, unless a running instance holds the embedded one. */
async function openFree(command: Command): Promise<ClickHouse | undefined> {
  const { clickhouse: url } = urlsOf(command);
  if (embeddedDir(url) !== undefined && (await runningInstance(command)) !== undefined) return undefined;
  return openClickHouse(url);
}
