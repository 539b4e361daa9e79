import { commandActor, inTransaction, recordAdminAction } from '@sluice/service-kit';
import { migratePostgres, type Postgres } from '@sluice/warehouse';
import { InvalidArgumentError, Option, type Command } from 'commander';
import type pg from 'pg';
import { printJson, printTable, withPostgres } from './stores.js';

interface Choices {
  timezone?: string;
  planMode?: string;
  ipPolicy?: string;
  /** A parser's null would come as an empty text: commander takes it for a failure. */
  retentionDays?: number | 'forever';
}

/** `sluice projects list | create | set`. */
export function registerProjects(program: Command): void {
  const projects = program
    .command('projects')
    .description('list and make projects, and choose how they work');

  projects
    .command('list')
    .description('all projects and what they have chosen')
    .option('--json', 'print JSON')
    .action(async (flags: { json?: boolean }, command: Command) => {
      const rows = await withPostgres(command, async ({ pool }) => {
        await migratePostgres(pool);
        const found = await pool.query<Record<string, unknown>>(`${SELECT} order by project_id`);
        return found.rows;
      });
      if (flags.json === true) printJson(rows);
      else printTable(rows);
    });

  withChoices(projects.command('create'))
    .description('make a project')
    .argument('<name>', 'its name')
    .action(async (name: string, flags: Choices, command: Command) => {
      await withPostgres(command, async ({ pool }) => {
        await migratePostgres(pool);
        const made = await inTransaction(pool, async (client) => {
          const inserted = await client.query(
            'insert into projects (name) values ($1) on conflict (name) do nothing',
            [name],
          );
          if (inserted.rowCount === 0) throw new Error(`There is a project ${name} already.`);
          return choose(client, 'project.create', name, flags);
        });
        printJson(made);
      });
    });

  withChoices(projects.command('set'))
    .description('change what a project has chosen; running services see it within seconds')
    .argument('<name>', 'its name')
    .action(async (name: string, flags: Choices, command: Command) => {
      if (Object.keys(flags).length === 0) throw new Error('What? Give one of the options: see --help.');
      await withPostgres(command, async (postgres) => {
        await migratePostgres(postgres.pool);
        await findProject(postgres, name);
        const changed = await inTransaction(postgres.pool, (client) =>
          choose(client, 'project.change', name, flags),
        );
        printJson(changed);
      });
    });
}

const SELECT = `select project_id as id, name, timezone, ip_policy, plan_mode, retention_days,
  (select count(*)::int from jsonb_object_keys(tracking_plan)) as planned_events, created_at from projects`;

function withChoices(command: Command): Command {
  return command
    .option('--timezone <zone>', 'IANA zone whose midnight ends days and sessions', parseTimezone)
    .addOption(
      new Option('--plan-mode <mode>', 'what happens to messages outside of the plan').choices([
        'off',
        'warn',
        'block',
      ]),
    )
    .addOption(
      new Option('--ip-policy <policy>', "what is kept of clients' addresses").choices([
        'truncate',
        'keep',
        'discard',
      ]),
    )
    .option(
      '--retention-days <days>',
      'days for which events are kept; `forever` ends it. Older ones are deleted from every store',
      parseRetention,
    );
}

/** Changes the project and notes it, in the transaction that is open. */
async function choose(
  client: pg.ClientBase,
  action: 'project.create' | 'project.change',
  name: string,
  choices: Choices,
): Promise<Record<string, unknown>> {
  const before = action === 'project.create' ? undefined : await readProject(client, name);
  await client.query(
    `update projects set timezone = coalesce($2, timezone), plan_mode = coalesce($3, plan_mode),
       ip_policy = coalesce($4, ip_policy), retention_days = case when $5 then $6 else retention_days end
     where name = $1`,
    [
      name,
      choices.timezone ?? null,
      choices.planMode ?? null,
      choices.ipPolicy ?? null,
      choices.retentionDays !== undefined,
      choices.retentionDays === 'forever' ? null : (choices.retentionDays ?? null),
    ],
  );
  const after = await readProject(client, name);
  await recordAdminAction(client, {
    by: commandActor(),
    action,
    target: name,
    projectId: after.id,
    before,
    after,
    details: { ...choices },
  });
  return after;
}

async function readProject(
  client: pg.ClientBase,
  name: string,
): Promise<Record<string, unknown> & { id: number }> {
  const found = await client.query<Record<string, unknown> & { id: number }>(`${SELECT} where name = $1`, [
    name,
  ]);
  return found.rows[0]!;
}

/** Id of a project. @throws Error when there is none of that name. */
export async function findProject({ pool }: Postgres, name: string): Promise<number> {
  const found = await pool.query<{ project_id: number }>('select project_id from projects where name = $1', [
    name,
  ]);
  const [row] = found.rows;
  if (row === undefined) throw new Error(`There is no project ${name}.`);
  return row.project_id;
}

function parseTimezone(text: string): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return text;
  } catch {
    throw new InvalidArgumentError('A zone looks like Europe/Berlin.');
  }
}

function parseRetention(text: string): number | 'forever' {
  if (text === 'forever') return text;
  const days = Number(text);
  if (Number.isSafeInteger(days) && days >= 1 && days <= 36_500) return days;
  throw new InvalidArgumentError('Days are a whole number from 1, or `forever`.');
}
