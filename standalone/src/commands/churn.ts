import { openEventLog } from '@sluice/event-log';
import { requestJob, scoreProject } from '@sluice/pipeline';
import { createLogger } from '@sluice/service-kit';
import { migrateClickHouse, migratePostgres, openClickHouse, type Postgres } from '@sluice/warehouse';
import type { Command } from 'commander';
import { embeddedDir, type StoreUrls } from '../store-urls.js';
import { followJob } from './follow-job.js';
import { noteAction } from './note-action.js';
import { printJson, runningInstance, urlsOf, withPostgres } from './stores.js';

/** `sluice churn run`: scores people now, whatever is due. */
export function registerChurn(program: Command): void {
  program
    .command('churn')
    .description('how likely people are to go')
    .command('run')
    .description('score the people of all projects, or of one, now')
    .option('--project <name>', 'only this project')
    .option('--no-wait', 'only ask a running pipeline for it')
    .action(async (flags: { project?: string; wait: boolean }, command: Command) => {
      const urls = urlsOf(command);
      const embeddedAndIdle =
        embeddedDir(urls.clickhouse) !== undefined && (await runningInstance(command)) === undefined;
      await withPostgres(command, async (postgres) => {
        await migratePostgres(postgres.pool);
        const projects = await findProjects(postgres, flags.project);
        await noteAction(postgres.pool, {
          action: 'churn.run',
          target: flags.project ?? 'every project',
          projectId: flags.project === undefined ? null : projects[0],
        });
        if (embeddedAndIdle) {
          await scoreHere(postgres, urls, projects);
          return;
        }
        const args = flags.project === undefined ? {} : { project_id: projects[0]! };
        const jobId = await requestJob(postgres.pool, 'churn', args);
        if (!flags.wait) {
          printJson({ jobId, state: 'queued' });
          return;
        }
        const { projects: outcomes } = await followJob(postgres, jobId, {
          name: 'The scoring',
          tellProgress,
        });
        tellUnscored(outcomes as Record<string, unknown>[]);
      });
    });
}

/** @throws Error when there is no project of that name. */
async function findProjects({ pool }: Postgres, name: string | undefined): Promise<number[]> {
  const found = await pool.query<{ project_id: number }>(
    'select project_id from projects where $1::text is null or name = $1 order by project_id',
    [name ?? null],
  );
  if (name !== undefined && found.rows.length === 0) throw new Error(`There is no project ${name}.`);
  return found.rows.map(({ project_id }) => project_id);
}

/** Nothing runs on the embedded stores: this process may open them. */
async function scoreHere(postgres: Postgres, urls: StoreUrls, projects: readonly number[]): Promise<void> {
  const clickhouse = await openClickHouse(urls.clickhouse);
  try {
    await migrateClickHouse(clickhouse, postgres.pool);
    const log = await openEventLog(urls.eventLog, { clientId: 'sluice', readOnly: true });
    try {
      const outcomes: Record<string, unknown>[] = [];
      for (const projectId of projects) {
        const outcome = await scoreProject(
          projectId,
          {
            pool: postgres.pool,
            clickhouse,
            log,
            logger: createLogger('churn', 'silent'),
            config: { everyDays: 1, retrainDays: 7 },
            onProgress: (progress) => tellProgress({ project_id: projectId, ...progress }),
          },
          { force: true },
        );
        outcomes.push({ project_id: projectId, ...outcome });
      }
      process.stderr.write('\n');
      printJson({ projects: outcomes });
      tellUnscored(outcomes);
    } finally {
      await log.close();
    }
  } finally {
    await clickhouse.close();
  }
}

/** Says in words why projects have no new scores. Where none has, the command has failed. */
function tellUnscored(outcomes: readonly Record<string, unknown>[]): void {
  const unscored = outcomes.filter(({ kind }) => kind !== 'published');
  for (const { project_id: projectId, kind, detail } of unscored) {
    process.stderr.write(`Project ${String(projectId)} was not scored. ${String(detail ?? kind)}\n`);
  }
  if (unscored.length > 0 && unscored.length === outcomes.length) process.exitCode = 1;
}

function tellProgress(progress: Record<string, unknown>): void {
  const number = (name: string): string => (typeof progress[name] === 'number' ? `${progress[name]}` : '');
  const stage = typeof progress['stage'] === 'string' ? progress['stage'] : 'starting';
  const slices = number('slices') === '' ? '' : `, slice ${number('slices_done')} of ${number('slices')}`;
  const project = number('project_id') === '' ? '' : `Project ${number('project_id')}: `;
  process.stderr.write(`\r${project}${stage}${slices} \u001b[K`);
}
