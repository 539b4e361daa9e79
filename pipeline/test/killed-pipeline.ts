/**
 * A pipeline in a process of its own, for tests that kill it. Arguments: a JSON object with the addresses of the stores
 * and where to end: at the n-th time that a step is reached, with SIGKILL, as a power cut would.
 */
import { openEventLog } from '@sluice/event-log';
import { createLogger } from '@sluice/service-kit';
import { openClickHouse, openPostgres } from '@sluice/warehouse';
import { Registry } from 'prom-client';
import { createPipeline, type PipelineStep } from '../src/index.js';

export interface KilledPipelineArguments {
  postgresUrl: string;
  clickhouseUrl: string;
  logUrl: string;
  partitions: number;
  killAt?: { step: PipelineStep; occurrence: number };
}

const { killAt, ...urls } = JSON.parse(process.argv[2] ?? '{}') as KilledPipelineArguments;
const postgres = await openPostgres(urls.postgresUrl);
const clickhouse = await openClickHouse(urls.clickhouseUrl);
const log = await openEventLog(urls.logUrl, { partitions: urls.partitions });
let seen = 0;
const pipeline = await createPipeline({
  postgres,
  clickhouse,
  log,
  logger: createLogger('pipeline', 'fatal'),
  registry: new Registry(),
  config: {
    lingerMs: 5,
    maxRecords: 20,
    onStep(step) {
      if (step !== killAt?.step) return;
      seen += 1;
      if (seen === killAt.occurrence) process.kill(process.pid, 'SIGKILL');
    },
  },
});
process.send?.('started');
process.on('disconnect', () => process.exit(0));
process.on('message', () => {
  void (async () => {
    await pipeline.stop();
    await log.close();
    await clickhouse.close();
    await postgres.close();
    process.exit(0);
  })();
});
