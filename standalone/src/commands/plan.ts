import { planModeSchema, type PlanEvents, type PlanMode } from '@sluice/contracts';
import { commandActor, inTransaction, recordAdminAction } from '@sluice/service-kit';
import { migratePostgres, type Postgres } from '@sluice/warehouse';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { userInfo } from 'node:os';
import { checkTraffic } from '../plan/check-traffic.js';
import { comparePlans, type PlanChange } from '../plan/compare-plans.js';
import { readPlanFile } from '../plan/read-plan-file.js';
import { confirm } from './confirm.js';
import { parseInstant } from './parse-instant.js';
import { printJson, withPostgres } from './stores.js';

interface StoredPlan {
  projectId: number;
  mode: PlanMode;
  timezone: string;
  plan: PlanEvents;
}

/** `sluice plan diff | push | check`. */
export function registerPlan(program: Command): void {
  const plan = program
    .command('plan')
    .description('compare, change and try out the tracking plan of a project');

  withFile(plan.command('diff'))
    .description('what a plan would change, event by event, and whether it is breaking')
    .option('--json', 'print JSON')
    .action(async (file: string, flags: { project: string; json?: boolean }, command: Command) => {
      const next = await readPlanFile(file);
      const changes = await withPostgres(command, async (postgres) =>
        comparePlans((await readPlan(postgres, flags.project)).plan, next),
      );
      if (flags.json === true) printJson({ breaking: isBreaking(changes), changes });
      else tellChanges(changes, process.stdout);
    });

  withFile(plan.command('push'))
    .description('put a plan in force; gateways follow within seconds, and every version is kept')
    .option('--by <name>', 'who pushes it', userInfo().username)
    .option('--yes', 'do not ask')
    .action(async (file: string, flags: { project: string; by: string; yes?: boolean }, command: Command) => {
      const next = await readPlanFile(file);
      await withPostgres(command, async (postgres) => {
        await migratePostgres(postgres.pool);
        const stored = await readPlan(postgres, flags.project);
        const changes = comparePlans(stored.plan, next);
        tellChanges(changes, process.stderr);
        if (changes.length === 0) {
          printJson({ project: flags.project, pushed: false, changes });
          return;
        }
        if (
          flags.yes !== true &&
          !(await confirm(`Put this plan in force for project ${flags.project} (${stored.mode})?`))
        ) {
          throw new Error('Nothing was changed.');
        }
        const version = await pushPlan(postgres, flags.project, { stored, next, by: flags.by });
        printJson({ project: flags.project, pushed: true, version, breaking: isBreaking(changes), changes });
      });
    });

  withFile(plan.command('check'))
    .description(
      'put the events of yesterday, or of a range, to a plan; exits with 1 when any would be blocked',
    )
    .option(
      '--from <instant>',
      'first time of receipt, ISO 8601 (default: yesterday 0:00, project time)',
      parseInstant,
    )
    .option('--to <instant>', 'end of the range (default: today 0:00, project time)', parseInstant)
    .option('--limit <count>', 'events looked at, at most (default: all)', parseCount)
    .addOption(
      new Option('--mode <mode>', "what the plan does (default: the project's choice)").choices([
        'warn',
        'block',
      ]),
    )
    .action(
      async (
        file: string,
        flags: { project: string; from?: string; to?: string; limit?: number; mode?: PlanMode },
        command: Command,
      ) => {
        const next = await readPlanFile(file);
        const result = await withPostgres(command, async (postgres) => {
          const stored = await readPlan(postgres, flags.project);
          const yesterday = await readYesterday(postgres, stored.timezone);
          const client = await postgres.pool.connect();
          try {
            return await checkTraffic(
              client,
              {
                projectId: stored.projectId,
                from: flags.from ?? yesterday.from,
                to: flags.to ?? yesterday.to,
                limit: flags.limit,
              },
              { plan: next, mode: flags.mode ?? stored.mode },
              (checked) => process.stderr.write(`\rChecking: ${checked} events \u001b[K`),
            );
          } finally {
            client.release(true);
          }
        });
        process.stderr.write('\n');
        printJson(result);
        if (result.blocked > 0) {
          throw new Error(`${result.blocked} of ${result.checked} events would be blocked.`);
        }
      },
    );
}

function withFile(command: Command): Command {
  return command
    .argument(
      '<file>',
      'the plan: JSON (event name -> JSON Schema), or a module that exports zod schemas as `plan`',
    )
    .option('--project <name>', 'the project', 'default');
}

/** @throws Error when there is no project of that name. */
async function readPlan({ pool }: Postgres, project: string): Promise<StoredPlan> {
  const found = await pool.query<{
    project_id: number;
    plan_mode: string;
    timezone: string;
    tracking_plan: PlanEvents;
  }>('select project_id, plan_mode, timezone, tracking_plan from projects where name = $1', [project]);
  const [row] = found.rows;
  if (row === undefined) throw new Error(`There is no project ${project}.`);
  return {
    projectId: row.project_id,
    mode: planModeSchema.parse(row.plan_mode),
    timezone: row.timezone,
    plan: row.tracking_plan,
  };
}

async function readYesterday({ pool }: Postgres, timezone: string): Promise<{ from: string; to: string }> {
  const found = await pool.query<{ from: Date; to: Date }>(
    `select (today - interval '1 day') at time zone $1 as from, today at time zone $1 as to
     from (select date_trunc('day', now() at time zone $1) as today) as t`,
    [timezone],
  );
  const { from, to } = found.rows[0]!;
  return { from: from.toISOString(), to: to.toISOString() };
}

/** Puts a plan in force and notes it. Resolves with its version. */
async function pushPlan(
  { pool }: Postgres,
  project: string,
  { stored, next, by }: { stored: StoredPlan; next: PlanEvents; by: string },
): Promise<number> {
  const { projectId } = stored;
  return inTransaction(pool, async (client) => {
    // One statement: the plan in force is always the newest version. Its row's lock keeps two pushes apart.
    const pushed = await client.query<{ version: number }>(
      `with changed as (
       update projects set tracking_plan = $2 where project_id = $1 returning project_id
     )
     insert into plan_versions (project_id, version, plan, pushed_by)
     select project_id, coalesce((select max(version) from plan_versions v where v.project_id = $1), 0) + 1, $2, $3
     from changed returning version`,
      [projectId, JSON.stringify(next), by],
    );
    const { version } = pushed.rows[0]!;
    await recordAdminAction(client, {
      by: commandActor(),
      action: 'plan.change',
      target: project,
      projectId,
      before: stored.plan,
      after: next,
      details: { version, pushed_by: by },
    });
    return version;
  });
}

function isBreaking(changes: readonly PlanChange[]): boolean {
  return changes.some(({ breaking }) => breaking);
}

function tellChanges(changes: readonly PlanChange[], to: NodeJS.WriteStream): void {
  if (changes.length === 0) to.write('Nothing changes.\n');
  for (const { event, change, breaking, reasons } of changes) {
    to.write(`${change.padEnd(8)} ${event}${breaking ? ' (breaking)' : ''}\n`);
    for (const reason of reasons) to.write(`           ${reason}\n`);
  }
}

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count >= 1) return count;
  throw new InvalidArgumentError('A count is a whole number from 1.');
}
