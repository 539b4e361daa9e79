import { Command } from 'commander';
import { openPostgres } from '@sluice/warehouse';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startStandalone } from '../instance/standalone-instance.js';
import { readCases } from '../query-cases/case-file.js';
import { reconcileStreams } from '../query-cases/reconcile-streams.js';
import { runCases } from '../query-cases/run-cases.js';
import { alignedLines, numberText } from '../shapes/text.js';
import { integer, runCommand } from './run-command.js';

interface Flags {
  cases: string;
  streams: number;
  seed: number;
  keep?: boolean;
  json?: boolean;
}

const OWN_CASES = fileURLToPath(new URL('../cases/queries.json', import.meta.url));

const program = new Command('verify-queries')
  .description(
    'Starts a Sluice of its own, sends it small sets of events whose numbers were worked out by hand, and compares every answer; then sends random streams of events, and lets the answers be reconciled with each other.',
  )
  .option('--cases <file>', 'file of cases', OWN_CASES)
  .option('--streams <n>', 'random streams to reconcile', integer, 10)
  .option('--seed <n>', 'seed of the random streams', integer, 1)
  .option('--keep', 'keep the data directory');

await runCommand<Flags>(program, async (flags, context) => {
  const cases = await readCases(flags.cases);
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-queries-'));
  try {
    context.progress('starting a Sluice of our own');
    const instance = await startStandalone({ dataDir });
    const postgres = await openPostgres(`embedded:${join(dataDir, 'postgres')}`, { max: 2 });
    try {
      const shared = {
        target: instance.target,
        postgres,
        signal: context.signal,
        onProgress: (text: string) => context.progress(text),
      };
      const result = await runCases({ ...shared, cases });
      const properties = await reconcileStreams({ ...shared, streams: flags.streams, seed: flags.seed });
      for (const failure of result.failures) context.tell(JSON.stringify(failure));
      for (const failure of properties.failures) context.tell(JSON.stringify(failure));
      return {
        ok: result.failed === 0 && properties.failed === 0,
        json: {
          passed: result.passed,
          failed: result.failed,
          cases: result.cases,
          properties: { streams: properties.streams, checks: properties.checks, failed: properties.failed },
        },
        text: alignedLines([
          ['cases', numberText(result.cases)],
          ['passed', numberText(result.passed)],
          ['failed', numberText(result.failed)],
          ['random streams', `${numberText(properties.streams)}, seed ${flags.seed}`],
          ['reconciled', `${numberText(properties.checks)} checks, ${numberText(properties.failed)} failed`],
        ]),
      };
    } finally {
      await postgres.close();
      await instance.stop();
    }
  } finally {
    if (flags.keep === true) context.tell(`The data is in ${dataDir}.`);
    else await rm(dataDir, { recursive: true, force: true });
  }
});
