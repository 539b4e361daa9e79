import { Command, Option } from 'commander';
import { readDashboards } from '@sluice/monitoring';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStandalone } from '../instance/standalone-instance.js';
import { drawDashboards } from '../monitoring/draw-dashboards.js';
import { runMonitoring } from '../monitoring/run-monitoring.js';
import { alignedLines, numberText } from '../shapes/text.js';
import { positive, positiveInteger, runCommand } from './run-command.js';

interface Flags {
  log: 'kafka' | 'embedded';
  seconds: number;
  rate: number;
  history: number;
  pictures?: string;
  keep?: boolean;
  json?: boolean;
}

const program = new Command('verify-monitoring')
  .description(
    'Checks the alert rules and their tests, starts a Sluice of its own and a real Prometheus with the shipped rules, puts load on it, and asks every query of every dashboard. Takes about two minutes.',
  )
  .addOption(
    new Option('--log <log>', 'event log to run on; only Kafka can be taken away, so that the spool is used')
      .choices(['kafka', 'embedded'])
      .default('kafka'),
  )
  .option('--seconds <n>', 'how long the load goes on', positiveInteger, 50)
  .option('--rate <n>', 'events a second', positive, 200)
  .option('--history <n>', 'events of the last week, sent before', positiveInteger, 20_000)
  .option(
    '--pictures <dir>',
    'draw the dashboards from what was answered, as PNG, in this folder (needs Chromium)',
  )
  .option('--keep', 'keep the data directory');

await runCommand<Flags>(program, async (flags, context) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-monitoring-'));
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const environment: Record<string, string> = {
      AUDIT_INTERVAL_MS: '5000',
      APPEND_TIMEOUT_MS: '1000',
      READ_REQUESTS_PER_MINUTE: '100000000',
    };
    let broker: { kill(): Promise<void>; restart(): Promise<void> } | undefined;
    if (flags.log === 'kafka') {
      context.progress('starting Apache Kafka');
      // Loaded only here: without Kafka, nothing of its kit is needed.
      const { startKafkaBroker } = await import('@sluice/event-log/testing');
      const started = await startKafkaBroker();
      ends.push(() => started.stop());
      broker = started;
      environment['EVENT_LOG_URL'] = `kafka://${started.brokers}?partitions=4`;
    }
    context.progress('starting a Sluice of our own');
    const instance = await startStandalone({ dataDir, environment });
    ends.push(() => instance.stop());
    const { results, problems, ok, ...figures } = await runMonitoring({
      instance,
      broker,
      loadSeconds: flags.seconds,
      eventsPerSecond: flags.rate,
      historyEvents: flags.history,
      signal: context.signal,
      onProgress: (text) => context.progress(text),
    });
    for (const problem of problems) context.tell(problem);
    if (flags.pictures !== undefined) {
      context.progress('drawing');
      await drawDashboards(readDashboards(), results, flags.pictures);
    }
    return {
      ok,
      json: { ...figures, problems: problems.length },
      text: alignedLines([
        ['alerts', numberText(figures.alerts)],
        ['tested to fire and to be silent', numberText(figures.alertTests)],
        ['panels', `${numberText(figures.panels)} of ${numberText(figures.dashboards)} dashboards`],
        ['with data', numberText(figures.panelsWithData)],
        ['metrics documented', numberText(figures.metricsDocumented)],
        ['metrics served', numberText(figures.metricsServed)],
        ['problems', numberText(problems.length)],
      ]),
    };
  } finally {
    for (const end of ends.reverse()) await end();
    if (flags.keep === true) context.tell(`The data is in ${dataDir}.`);
    else await rm(dataDir, { recursive: true, force: true });
  }
});
