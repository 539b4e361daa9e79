import { Command } from 'commander';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runAnomalies, type AnomaliesReport } from '../anomalies/run-anomalies.js';
import { startStandalone } from '../instance/standalone-instance.js';
import { alignedLines, numberText } from '../shapes/text.js';
import { positive, positiveInteger, runCommand } from './run-command.js';

interface Flags {
  days: number;
  perMinute: number;
  seed: number;
  keep?: boolean;
  json?: boolean;
}

const program = new Command('verify-anomalies')
  .description(
    'Starts a Sluice of its own, sends weeks of history and then events as they happen, with one outage and one spike, and checks that both are flagged, told of once and resolved. Takes about ten minutes.',
  )
  .option('--days <n>', 'days of minutes sent before', positive, 16)
  .option('--per-minute <n>', 'events of each of two kinds a minute, on average', positive, 25)
  .option('--seed <n>', 'what is random follows from it', positiveInteger, 1)
  .option('--keep', 'keep the data directory');

await runCommand<Flags>(program, async (flags, context) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-anomalies-'));
  try {
    context.progress('starting a Sluice of our own');
    const instance = await startStandalone({
      dataDir,
      environment: { READ_REQUESTS_PER_MINUTE: '100000000' },
    });
    try {
      const report = await runAnomalies({
        target: instance.target,
        adminKey: (await instance.state()).adminKey,
        days: flags.days,
        perMinute: flags.perMinute,
        seed: flags.seed,
        signal: context.signal,
        onProgress: (text) => context.progress(text),
      });
      return { ok: report.ok, json: report, text: textOf(report) };
    } finally {
      await instance.stop();
    }
  } finally {
    if (flags.keep === true) context.tell(`The data is in ${dataDir}.`);
    else await rm(dataDir, { recursive: true, force: true });
  }
});

function textOf({ historyEvents, injections, otherFlags, checks }: AnomaliesReport): string {
  const seconds = (value: number | null): string => (value === null ? 'never' : `${numberText(value)} s`);
  return alignedLines([
    ['events of history', numberText(historyEvents)],
    ...injections.flatMap((one): [string, string][] => [
      [`${one.name}: in the API after`, seconds(one.seenAfterSeconds)],
      [`${one.name}: over after recovery by`, seconds(one.resolvedAfterSeconds)],
      [`${one.name}: severity`, one.severity ?? 'no flag'],
    ]),
    ['other flags', numberText(otherFlags)],
    ...checks.map(({ name, ok, found }): [string, string] => [name, `${ok ? 'yes' : 'NO'} (${found})`]),
  ]);
}
