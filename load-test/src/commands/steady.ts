import { Command, InvalidArgumentError, Option } from 'commander';
import { createGatewayClient } from '../client/gateway-client.js';
import { serveLoadMetrics, type LoadMetrics } from '../shapes/load-metrics.js';
import { createMessageTemplates } from '../shapes/message-templates.js';
import { createNumberedLoad } from '../shapes/numbered-load.js';
import { ramp, spike, steady, type Schedule } from '../shapes/schedule.js';
import { loadReportText, progressText, runLoad } from '../shapes/steady-load.js';
import { findTarget } from '../target/target.js';
import { createIdFile } from '../verify/id-file.js';
import { createRunIds } from '../verify/run-ids.js';
import { durationOption, integer, positive, positiveInteger, runCommand } from './run-command.js';

interface Flags {
  rate: number;
  duration: number;
  shape: 'steady' | 'ramp' | 'spike';
  peak?: number;
  batch: number;
  inFlight: number;
  users: number;
  seed: number;
  event?: string;
  retry: boolean;
  ids?: string;
  metricsPort?: number;
  url?: string;
  key?: string;
  dataDir?: string;
  json?: boolean;
}

const RETRY_FOR_MS = 30_000;

const program = new Command('steady')
  .description(
    'Puts open-loop load on the gateway: requests leave on their schedule, whatever the answers do, and latency is counted from when each was due.',
  )
  .option('--rate <n>', 'events a second', positive, 1_000)
  .addOption(durationOption('--duration <time>', 'how long: 90s, 5m, 2h', '30s'))
  .addOption(
    new Option('--shape <shape>', 'steady; ramp from --rate to --peak; spike to --peak in the middle fifth')
      .choices(['steady', 'ramp', 'spike'])
      .default('steady'),
  )
  .option(
    '--peak <n>',
    'events a second at the top of a ramp or spike (default: five times the rate)',
    positive,
  )
  .option('--batch <n>', 'events of one request', positiveInteger, 50)
  .option('--in-flight <n>', 'requests in flight at most', positiveInteger, 64)
  .option('--users <n>', 'people behind the traffic', positiveInteger, 1_000)
  .option('--seed <n>', 'which people and visits', integer, 1)
  .option('--event <name>', 'make all events track events of this name (default: the visits as they are)')
  .option('--no-retry', 'count a request that fails as failed, instead of sending it again as an SDK does')
  .option('--ids <file>', 'note the messageId of every accepted message in this file')
  .option(
    '--metrics-port <port>',
    'serve the metrics of the load to Prometheus on this port',
    positiveInteger,
  )
  .option('--url <url>', 'gateway (default: that of the running instance)')
  .option('--key <key>', 'write key (default: that of the running instance)')
  .option('--data-dir <dir>', 'data directory of the running instance (default: ./data)');

await runCommand<Flags>(program, async (flags, context) => {
  const target = await findTarget(flags, process.env, { readKey: false });
  const schedule = scheduleOf(flags);
  const client = createGatewayClient({
    url: target.gatewayUrl,
    writeKey: target.writeKey,
    connections: flags.inFlight,
  });
  const idFile = flags.ids === undefined ? undefined : createIdFile(flags.ids);
  let metrics: LoadMetrics | undefined;
  try {
    const load = createNumberedLoad({
      client,
      ids: createRunIds(),
      templates: createMessageTemplates({
        seed: flags.seed,
        users: flags.users,
        ...(flags.event === undefined ? {} : { event: flags.event }),
      }),
      giveUpAfterMs: flags.retry ? RETRY_FOR_MS : 0,
      signal: context.signal,
      ...(idFile === undefined ? {} : { onAccepted: (ids) => idFile.add(ids) }),
    });
    if (flags.metricsPort !== undefined)
      metrics = await serveLoadMetrics(flags.metricsPort, () => load.totals);
    const report = await runLoad({
      load,
      metrics,
      schedule,
      batchSize: flags.batch,
      maxInFlight: flags.inFlight,
      signal: context.signal,
      onProgress: (progress) => context.progress(progressText(progress)),
    });
    return {
      ok: report.accepted === report.sent && report.sent > 0,
      json: { ...report, watermark: load.watermark() },
      text: loadReportText(report),
    };
  } finally {
    await metrics?.close();
    await idFile?.close();
    await client.close();
  }
});

function scheduleOf(flags: Flags): Schedule {
  const { rate: eventsPerSecond, duration: durationMs, shape } = flags;
  const peak = flags.peak ?? eventsPerSecond * 5;
  switch (shape) {
    case 'steady':
      return steady({ eventsPerSecond, durationMs });
    case 'ramp':
      return ramp({ from: eventsPerSecond, to: peak, durationMs });
    case 'spike':
      return spike({ eventsPerSecond, peak, durationMs });
    default:
      throw new InvalidArgumentError(`Unknown shape ${String(shape)}.`);
  }
}
