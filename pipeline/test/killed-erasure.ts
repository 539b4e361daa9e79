/**
 * An erasure in a process of its own, for tests that kill it. Arguments: a JSON object with the addresses of the stores, the
 * erasure, and the step after which to end, with SIGKILL, as a power cut would.
 */
import { createLogger } from '@sluice/service-kit';
import { openClickHouse, openPostgres } from '@sluice/warehouse';
import { erasePerson } from '../src/index.js';

export interface KilledErasureArguments {
  postgresUrl: string;
  clickhouseUrl: string;
  erasureId: number;
  killAfter?: string;
}

const { postgresUrl, clickhouseUrl, erasureId, killAfter } = JSON.parse(
  process.argv[2] ?? '{}',
) as KilledErasureArguments;
const postgres = await openPostgres(postgresUrl);
const clickhouse = await openClickHouse(clickhouseUrl);
await erasePerson(erasureId, {
  pool: postgres.pool,
  clickhouse,
  logger: createLogger('erase', 'silent'),
  onStep(step) {
    if (step === killAfter) process.kill(process.pid, 'SIGKILL');
  },
});
await clickhouse.close();
await postgres.close();
process.exit(0);
