/**
 * A scoring in a process of its own, for tests that kill it. Arguments: a JSON object with the addresses of the stores and
 * where to end: at the n-th time that a step is reached, with SIGKILL, as a power cut would.
 */
import { createLogger } from '@sluice/service-kit';
import { openClickHouse, openPostgres } from '@sluice/warehouse';
import { scoreProject } from '../src/index.js';
import type { ScoringStep } from '../src/score/score-project.js';

export interface KilledScoringArguments {
  postgresUrl: string;
  clickhouseUrl: string;
  log: { id: string; partitionCount: number };
  projectId: number;
  nowMs: number;
  peoplePerSlice: number;
  killAt?: { step: ScoringStep; occurrence: number };
}

const args = JSON.parse(process.argv[2] ?? '{}') as KilledScoringArguments;
const postgres = await openPostgres(args.postgresUrl);
const clickhouse = await openClickHouse(args.clickhouseUrl);
let seen = 0;
const outcome = await scoreProject(args.projectId, {
  pool: postgres.pool,
  clickhouse,
  log: args.log,
  logger: createLogger('scoring', 'fatal'),
  config: { everyDays: 1, retrainDays: 7, peoplePerSlice: args.peoplePerSlice },
  now: () => args.nowMs,
  onStep(step) {
    if (step !== args.killAt?.step) return;
    seen += 1;
    if (seen === args.killAt.occurrence) process.kill(process.pid, 'SIGKILL');
  },
});
process.send?.(outcome);
await clickhouse.close();
await postgres.close();
process.exit(0);
