import { Command } from 'commander';
import { randomInt } from 'node:crypto';
import { createGatewayClient } from '../client/gateway-client.js';
import { sendTraffic, type TrafficReport } from '../generate/send-traffic.js';
import { DEFAULT_USERS, generateTraffic } from '../generate/traffic.js';
import { serveLoadMetrics, type LoadCounts } from '../shapes/load-metrics.js';
import {
  alignedLines,
  bytesText,
  latencyText,
  numberText,
  percentText,
  reasonsText,
} from '../shapes/text.js';
import { findTarget } from '../target/target.js';
import { duration, integer, positive, positiveInteger, runCommand } from './run-command.js';

interface Flags {
  events: number;
  rate: number;
  users: number;
  seed?: number;
  batch?: number;
  duration?: number;
  days: number;
  live?: boolean;
  url?: string;
  key?: string;
  dataDir?: string;
  metricsPort?: number;
  dryRun?: boolean;
  json?: boolean;
}

const DAY_MS = 86_400_000;

const program = new Command('generate')
  .description(
    'Sends believable mock traffic: people who come, log in, search, click, watch, buy, or leave on the way.',
  )
  .option('--events <n>', 'events to send', positiveInteger, 50)
  .option('--rate <n>', 'events a second', positive, 10)
  .option('--duration <time>', 'send for this long instead of a number of events: 90s, 5m, 2h', duration)
  .option('--users <n>', 'people behind the traffic', positiveInteger, DEFAULT_USERS)
  .option('--days <n>', 'spread the visits over so many past days', positive, 6)
  .option('--live', 'stamp every event with the moment it is sent, instead')
  .option('--seed <n>', 'make the same people and visits again (default: other ones every time)', integer)
  .option('--batch <n>', 'events of one request (default: a tenth of the rate)', positiveInteger)
  .option(
    '--metrics-port <port>',
    'serve the metrics of the load to Prometheus on this port',
    positiveInteger,
  )
  .option('--url <url>', 'gateway (default: that of the running instance)')
  .option('--key <key>', 'write key (default: that of the running instance)')
  .option('--data-dir <dir>', 'data directory of the running instance (default: ./data)')
  .option('--dry-run', 'print the messages, one a line, and send nothing');

await runCommand<Flags>(program, async (flags, context) => {
  const events =
    flags.duration === undefined
      ? flags.events
      : Math.max(1, Math.round((flags.rate * flags.duration) / 1_000));
  const seed = flags.seed ?? randomInt(2 ** 31);
  const endMs = Date.now();
  const traffic = { seed, events, users: flags.users, startMs: endMs - flags.days * DAY_MS, endMs };

  if (flags.dryRun === true) {
    let made = 0;
    for (const message of generateTraffic(traffic)) {
      if (context.signal.aborted) break;
      process.stdout.write(`${JSON.stringify(message)}\n`);
      made++;
    }
    return {
      ok: true,
      json: { made, sent: 0, seed },
      text: `${made} messages made, none sent (seed ${seed})`,
    };
  }

  const target = await findTarget(flags, process.env, { readKey: false });
  const client = createGatewayClient({ url: target.gatewayUrl, writeKey: target.writeKey });
  let counts: LoadCounts = { sent: 0, accepted: 0, rejected: 0, failed: 0 };
  const metrics =
    flags.metricsPort === undefined ? undefined : await serveLoadMetrics(flags.metricsPort, () => counts);
  try {
    const report = await sendTraffic({
      client,
      metrics,
      messages: generateTraffic(traffic),
      events,
      eventsPerSecond: flags.rate,
      batchSize: flags.batch ?? Math.min(100, Math.max(1, Math.round(flags.rate / 10))),
      live: flags.live === true,
      signal: context.signal,
      onProgress(now) {
        counts = now;
        context.progress(`${numberText(now.sent)} of ${numberText(events)} sent`);
      },
    });
    return {
      ok: report.accepted === report.sent && report.sent > 0,
      json: { ...report, users: flags.users, seed },
      text: textOf(report, seed),
    };
  } finally {
    await metrics?.close();
    await client.close();
  }
});

function textOf(report: TrafficReport, seed: number): string {
  return alignedLines([
    ['events sent', numberText(report.sent)],
    [
      'success rate',
      `${percentText(report.successRate)} (${numberText(report.accepted)} accepted, ${numberText(report.rejected)} rejected, ${numberText(report.failed)} failed)${reasonsText(report.reasons)}`,
    ],
    [
      'throughput',
      `${numberText(report.eventsPerSecond)} events/s over ${(report.elapsedMs / 1_000).toFixed(1)} s`,
    ],
    [
      'bytes',
      `${bytesText(report.bytes)} in ${numberText(report.requests)} requests, ${report.retries} sent again`,
    ],
    ['latency', latencyText(report.latencyMs)],
    ['seed', String(seed)],
  ]);
}
