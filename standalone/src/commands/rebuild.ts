import { rebuildRollups, requestJob } from '@sluice/pipeline';
import { createLogger } from '@sluice/service-kit';
import { migrateClickHouse, migratePostgres, openClickHouse, type Postgres } from '@sluice/warehouse';
import type { Command } from 'commander';
import { embeddedDir } from '../store-urls.js';
import { followJob } from './follow-job.js';
import { noteAction } from './note-action.js';
import { printJson, runningInstance, urlsOf, withPostgres } from './stores.js';

/** `sluice rebuild`: makes the rollups anew from the raw events and swaps them in while events keep coming. */
export function registerRebuild(program: Command): void {
  program
    .command('rebuild')
    .description('make the ClickHouse rollups anew from the raw events in Postgres, swapped in live')
    .option('--no-wait', 'only ask a running pipeline for it')
    .action(async (flags: { wait: boolean }, command: Command) => {
      const urls = urlsOf(command);
      const embeddedAndIdle =
        embeddedDir(urls.clickhouse) !== undefined && (await runningInstance(command)) === undefined;
      await withPostgres(command, async (postgres) => {
        await migratePostgres(postgres.pool);
        await noteAction(postgres.pool, { action: 'rollups.rebuild', target: 'rollups' });
        if (embeddedAndIdle) {
          await rebuildHere(postgres, urls.clickhouse);
          return;
        }
        const jobId = await requestJob(postgres.pool, 'rebuild');
        if (flags.wait) await followJob(postgres, jobId, { name: 'The rebuild', tellProgress });
        else printJson({ jobId, state: 'queued' });
      });
    });
}

/** Nothing runs on the embedded stores: this process may open them. */
async function rebuildHere(postgres: Postgres, clickhouseUrl: string): Promise<void> {
  const clickhouse = await openClickHouse(clickhouseUrl);
  try {
    await migrateClickHouse(clickhouse, postgres.pool);
    const result = await rebuildRollups({
      postgres,
      clickhouse,
      logger: createLogger('rebuild', 'silent'),
      onProgress: tellProgress,
    });
    process.stderr.write('\n');
    printJson(result);
  } finally {
    await clickhouse.close();
  }
}

function tellProgress(progress: { stage?: unknown; rows?: unknown }): void {
  const stage = typeof progress.stage === 'string' ? progress.stage : 'starting';
  const rows = typeof progress.rows === 'number' ? progress.rows : 0;
  process.stderr.write(`\rRebuilding: ${stage}, ${rows} rows \u001b[K`);
}
