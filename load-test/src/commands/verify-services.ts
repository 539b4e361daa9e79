import { Command } from 'commander';
import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePorts } from '../instance/standalone-instance.js';
import { startComposedSystem } from '../services/composed-system.js';
import {
  askPrometheus,
  findPrometheus,
  startPrometheus,
  type PrometheusReport,
} from '../services/prometheus-server.js';
import { runServices, type ServicesReport } from '../services/run-services.js';
import { alignedLines, numberText } from '../shapes/text.js';
import {
  durationOption,
  integer,
  positive,
  positiveInteger,
  runCommand,
  type CommandContext,
} from './run-command.js';

interface Flags {
  rate: number;
  batch: number;
  seed?: number;
  timeout: number;
  image?: string;
  keep?: boolean;
  json?: boolean;
}

/** Two gateways, two workers, the analytics API, and Prometheus itself. */
const EXPECTED_TARGETS = 6;

/** The repository, from `load-test/dist`. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const program = new Command('verify-services')
  .description(
    'Runs the system of docker-compose.yml as processes of this machine, on Apache Kafka, Postgres, and the ClickHouse engine behind its HTTP interface, with Prometheus; restarts every part under load, two by SIGKILL, and checks that every accepted event is stored once and counted once.',
  )
  .option('--rate <n>', 'events a second', positive, 300)
  .option('--batch <n>', 'events of one request', positiveInteger, 10)
  .option('--seed <n>', 'the same messages again (default: others every time)', integer)
  .option('--image <dir>', 'run the services from here, as `node deploy/try-dockerfile.mjs DIR` left it')
  .addOption(
    durationOption(
      '--timeout <time>',
      'how long it may take until everything is there, after the last restart',
      '2m',
    ),
  )
  .option('--keep', 'keep data and logs');

await runCommand<Flags>(program, async (flags, context) => {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-services-'));
  try {
    return await verify(dir, flags, context);
  } finally {
    if (flags.keep === true) context.tell(`Data and logs are in ${dir}.`);
    else await rm(dir, { recursive: true, force: true });
  }
});

async function verify(dir: string, flags: Flags, context: CommandContext) {
  const startedAtMs = Date.now();
  const onStep = (text: string): void => context.tell(text);
  const prometheus = findPrometheus();
  if (prometheus === undefined) {
    if ((process.env['CI'] ?? '') !== '') throw new Error('There is no `prometheus` on PATH.');
    context.tell('PROMETHEUS DOES NOT RUN: there is no `prometheus` on PATH (apt-get install prometheus).');
  }
  const system = await startComposedSystem({
    root: ROOT,
    imageRoot: flags.image === undefined ? ROOT : resolve(flags.image),
    dir,
    onStep,
  });
  let stopPrometheus: () => Promise<unknown> = () => Promise.resolve();
  try {
    let prometheusPort: number | undefined;
    if (prometheus !== undefined) {
      onStep('starting Prometheus with the shipped configuration');
      const [port] = await findFreePorts(1);
      prometheusPort = port!;
      const server = await startPrometheus(prometheus, {
        configDir: join(ROOT, 'monitoring/prometheus'),
        dataDir: join(dir, 'prometheus'),
        port: prometheusPort,
        targets: new Map([...system.targets, ['localhost:9090', [`127.0.0.1:${prometheusPort}`]]]),
        logFile: join(dir, 'logs/prometheus.log'),
      });
      stopPrometheus = () => server.stop(30_000);
    }
    const report = await runServices({
      system,
      eventsPerSecond: flags.rate,
      batchSize: flags.batch,
      seed: flags.seed ?? randomInt(2 ** 31),
      timeoutMs: flags.timeout,
      signal: context.signal,
      onProgress: (text) => context.progress(text),
      onStep,
    });
    const seen = prometheusPort === undefined ? undefined : await askPrometheus(prometheusPort);
    const result = resultOf(report, seen, Date.now() - startedAtMs);
    return { ok: isRight(report, seen), json: result, text: textOf(result) };
  } finally {
    await stopPrometheus();
    await system.stop();
  }
}

function resultOf(report: ServicesReport, seen: PrometheusReport | undefined, elapsedMs: number) {
  const { accepted, landed, rolledUp, lost, duplicated, restarts, ...rest } = report;
  return {
    accepted,
    landed,
    rolledUp,
    lost,
    duplicated,
    restarts,
    ...rest,
    prometheusTargetsUp: seen?.targetsUp ?? null,
    prometheus: seen ?? null,
    elapsedMs,
  };
}

function isRight(report: ServicesReport, seen: PrometheusReport | undefined): boolean {
  const isSeenWell =
    seen === undefined ||
    (seen.targetsDown.length === 0 && seen.failedRules.length === 0 && seen.targetsUp >= EXPECTED_TARGETS);
  return (
    report.exact &&
    report.accepted > 0 &&
    report.failed === 0 &&
    report.receiptsWrong === 0 &&
    report.unclean.length === 0 &&
    Object.values(report.partitionsOf).every((count) => count > 0) &&
    Object.values(report.landedBy).every((count) => count > 0) &&
    isSeenWell
  );
}

function textOf(result: ReturnType<typeof resultOf>): string {
  const { restarts } = result;
  return alignedLines([
    ...(['accepted', 'landed', 'rolledUp', 'lost', 'duplicated', 'refusedDuringRestart'] as const).map(
      (name) => [name, numberText(result[name])] as const,
    ),
    ['prometheus targets up', String(result.prometheusTargetsUp ?? 'not run')],
    ...restarts.map(
      ({ service, how, goneMs, readyMs }) =>
        [`${how} ${service}`, `gone after ${goneMs} ms, ready after ${readyMs} ms`] as const,
    ),
  ]);
}
