import { Command, Option } from 'commander';
import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planKills, VICTIMS, type Victim } from '../faults/plan-kills.js';
import { createRandom } from '@sluice/models/random';
import { runFaults, type FaultsReport } from '../faults/run-faults.js';
import { startStandalone } from '../instance/standalone-instance.js';
import { alignedLines, numberText } from '../shapes/text.js';
import {
  durationOption,
  integer,
  positive,
  positiveInteger,
  runCommand,
  share,
  type CommandContext,
} from './run-command.js';

interface Flags {
  kills: number;
  log: 'embedded' | 'kafka' | 'both';
  rate: number;
  batch: number;
  duplicates: number;
  seed?: number;
  timeout: number;
  keep?: boolean;
  json?: boolean;
}

type Log = 'embedded' | 'kafka';

const program = new Command('verify-faults')
  .description(
    'Starts a Sluice of its own, kills its parts at random moments under steady load (SIGKILL), and checks that every accepted event is stored once and counted once.',
  )
  .option('--kills <n>', 'kills in all, shared evenly by the logs', positiveInteger, 20)
  .addOption(
    new Option('--log <log>', 'event log to run on').choices(['embedded', 'kafka', 'both']).default('both'),
  )
  .option('--rate <n>', 'events a second', positive, 400)
  .option('--batch <n>', 'events of one request', positiveInteger, 10)
  .option('--duplicates <share>', 'share of the accepted requests to send once more, 0 to 1', share, 0.05)
  .option('--seed <n>', 'strike in the same order again (default: another one every time)', integer)
  .addOption(
    durationOption(
      '--timeout <time>',
      'how long it may take until everything is there, after the last kill',
      '3m',
    ),
  )
  .option('--keep', 'keep the data directories');

await runCommand<Flags>(program, async (flags, context) => {
  const seed = flags.seed ?? randomInt(2 ** 31);
  const logs: Log[] = flags.log === 'both' ? ['embedded', 'kafka'] : [flags.log];
  const runs: ({ log: Log } & FaultsReport)[] = [];
  let killsLeft = flags.kills;
  for (const [index, log] of logs.entries()) {
    context.signal.throwIfAborted();
    const kills = Math.ceil(killsLeft / (logs.length - index));
    killsLeft -= kills;
    const run = { log, ...(await runOn(log, kills, seed + index, flags, context)) };
    runs.push(run);
    context.tell(runText(run));
  }
  const sum = (of: (run: FaultsReport) => number): number => runs.reduce((total, run) => total + of(run), 0);
  const result = {
    accepted: sum((run) => run.accepted),
    landed: sum((run) => run.landed),
    rolledUp: sum((run) => run.rolledUp),
    lost: sum((run) => run.lost),
    duplicated: sum((run) => run.duplicated),
    kills: sum((run) => run.kills),
  };
  return {
    ok: runs.every((run) => run.exact && run.failed === 0 && run.accepted > 0),
    json: { ...result, seed, runs },
    text: alignedLines([
      ...Object.entries(result).map(([name, value]) => [name, numberText(value)] as const),
      ['seed', String(seed)],
    ]),
  };
});

async function runOn(
  log: Log,
  kills: number,
  seed: number,
  flags: Flags,
  context: CommandContext,
): Promise<FaultsReport> {
  const dataDir = await mkdtemp(join(tmpdir(), `sluice-faults-${log}-`));
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const environment: Record<string, string> = {};
    let broker: { kill(): Promise<void>; restart(): Promise<void> } | undefined;
    if (log === 'kafka') {
      context.tell('starting Apache Kafka');
      // Loaded only here: without Kafka, nothing of its kit is needed.
      const { startKafkaBroker } = await import('@sluice/event-log/testing');
      const started = await startKafkaBroker();
      ends.push(() => started.stop());
      broker = started;
      environment['EVENT_LOG_URL'] = `kafka://${started.brokers}`;
    }
    context.tell(`starting a Sluice of our own on the ${log} log`);
    const instance = await startStandalone({ dataDir, environment });
    ends.push(() => instance.stop());
    const victims: readonly Victim[] = VICTIMS.filter(
      (victim) => victim !== 'broker' || broker !== undefined,
    );
    return await runFaults({
      instance,
      broker,
      plan: planKills(victims, kills, createRandom(seed)),
      eventsPerSecond: flags.rate,
      batchSize: flags.batch,
      seed,
      duplicateShare: flags.duplicates,
      timeoutMs: flags.timeout,
      signal: context.signal,
      onProgress: (text) => context.progress(`${log} · ${text}`),
      onKill: (text) => context.tell(`${log} · ${text}`),
    });
  } finally {
    for (const end of ends.reverse()) await end();
    if (flags.keep === true) context.tell(`The data is in ${dataDir}.`);
    else await rm(dataDir, { recursive: true, force: true });
  }
}

function runText(run: { log: Log } & FaultsReport): string {
  const killed = Object.entries(run.killed)
    .map(([victim, count]) => `${victim} ${count}`)
    .join(', ');
  return alignedLines([
    ['log', run.log],
    ['kills', `${run.kills} (${killed}) in ${(run.elapsedMs / 1_000).toFixed(0)} s`],
    ['accepted', `${numberText(run.accepted)}, after ${numberText(run.retries)} retries`],
    ['landed', numberText(run.landed)],
    ['rolled up', numberText(run.rolledUp)],
    ['lost', numberText(run.lost)],
    ['duplicated', numberText(run.duplicated)],
    ['ledger', run.audited ? 'balances' : 'does NOT balance'],
  ]);
}
