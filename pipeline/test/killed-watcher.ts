/**
 * A watcher in a process of its own, for tests that kill it. Arguments: a JSON object with the addresses of the stores, the
 * instants to which the clock is moved one after the other, and where to end: at the n-th time that a step is reached, with
 * SIGKILL, as a power cut would. It tells of each instant that is done.
 */
import { openEventLog } from '@sluice/event-log';
import { openClickHouse, openPostgres } from '@sluice/warehouse';
import type { WatchStep } from '../src/watch/steps.js';
import { handWatcher } from './watch-kit.js';

export interface KilledWatcherArguments {
  postgresUrl: string;
  clickhouseUrl: string;
  logUrl: string;
  partitions: number;
  times: number[];
  killAt?: { step: WatchStep; occurrence: number };
}

const { killAt, times, ...urls } = JSON.parse(process.argv[2] ?? '{}') as KilledWatcherArguments;
const postgres = await openPostgres(urls.postgresUrl);
const clickhouse = await openClickHouse(urls.clickhouseUrl);
const log = await openEventLog(urls.logUrl, { partitions: urls.partitions, readOnly: true });
let seen = 0;
const watcher = handWatcher(
  {
    asPipeline: postgres,
    clickhouse: { ...clickhouse, drop: () => Promise.resolve() },
    log,
  },
  {
    onStep(step) {
      if (step !== killAt?.step) return;
      seen += 1;
      if (seen === killAt.occurrence) process.kill(process.pid, 'SIGKILL');
    },
  },
);
for (const nowMs of times) {
  await watcher.passAt(nowMs);
  await new Promise<void>((resolve, reject) =>
    process.send!(nowMs, (error: Error | null) => (error === null ? resolve() : reject(error))),
  );
}
await log.close();
await clickhouse.close();
await postgres.close();
process.exit(0);
