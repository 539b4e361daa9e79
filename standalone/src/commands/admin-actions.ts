import { ADMIN_ACTIONS } from '@sluice/contracts';
import { Option, type Command } from 'commander';
import { parseId } from './keys.js';
import { printJson, printTable, withPostgres } from './stores.js';

/** `sluice admin-actions`: who changed what, of all projects and of the installation itself. */
export function registerAdminActions(program: Command): void {
  program
    .command('admin-actions')
    .description('list what administrators did, newest first: who, what, to what, when and from where')
    .option('--project <name>', 'only what was done to this project')
    .addOption(new Option('--action <action>', 'only this').choices(ADMIN_ACTIONS))
    .option('--limit <count>', 'how many at most', parseId, 50)
    .option('--json', 'print JSON')
    .action(
      async (
        flags: { project?: string; action?: string; limit: number; json?: boolean },
        command: Command,
      ) => {
        const rows = await withPostgres(command, async ({ pool }) => {
          const result = await pool.query<Record<string, unknown>>(
            `select a.action_id as id, a.at, a.actor_kind as "by", a.actor, a.action, a.target,
                    coalesce(p.name, a.project_id::text) as project, a.address,
                    left(encode(a.before_digest, 'hex'), 12) as "before",
                    left(encode(a.after_digest, 'hex'), 12) as "after", a.details
             from admin_actions a left join projects p using (project_id)
             where ($1::text is null or p.name = $1) and ($2::text is null or a.action = $2)
             order by a.action_id desc limit $3`,
            [flags.project ?? null, flags.action ?? null, flags.limit],
          );
          return result.rows;
        });
        if (flags.json === true) printJson(rows);
        else if (rows.length === 0) process.stderr.write('Nothing was done yet.\n');
        else printTable(rows);
      },
    );
}
