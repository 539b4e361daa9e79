import { Command } from 'commander';
import { createApiClient } from '../client/api-client.js';
import { createGatewayClient } from '../client/gateway-client.js';
import { createMessageTemplates } from '../shapes/message-templates.js';
import { createNumberedLoad } from '../shapes/numbered-load.js';
import { steady } from '../shapes/schedule.js';
import { progressText, runLoad } from '../shapes/steady-load.js';
import { alignedLines, latencyText, numberText, reasonsText } from '../shapes/text.js';
import { findTarget } from '../target/target.js';
import { checkDelivery, type DeliveryReport } from '../verify/check-delivery.js';
import { readRun } from '../verify/id-file.js';
import { createRunIds, type RunIds } from '../verify/run-ids.js';
import { durationOption, integer, positive, positiveInteger, runCommand, share } from './run-command.js';

interface Flags {
  events: number;
  rate: number;
  batch: number;
  duplicates: number;
  users: number;
  seed: number;
  ids?: string;
  timeout: number;
  url?: string;
  key?: string;
  apiUrl?: string;
  readKey?: string;
  dataDir?: string;
  json?: boolean;
}

const RETRY_FOR_MS = 60_000;

const program = new Command('verify-delivery')
  .description(
    'Sends numbered events and checks, through the public API, that each accepted one is stored once and counted once; says which are not.',
  )
  .option('--events <n>', 'events to send', positiveInteger, 5_000)
  .option('--rate <n>', 'events a second', positive, 1_000)
  .option('--batch <n>', 'events of one request', positiveInteger, 20)
  .option('--duplicates <share>', 'share of the requests to send a second time, 0 to 1', share, 0.1)
  .option('--users <n>', 'people behind the traffic', positiveInteger, 200)
  .option('--seed <n>', 'which people and visits', integer, 1)
  .option('--ids <file>', 'send nothing: check the messageIds that "steady --ids" noted in this file')
  .addOption(durationOption('--timeout <time>', 'how long it may take until everything is there', '2m'))
  .option('--url <url>', 'gateway (default: that of the running instance)')
  .option('--key <key>', 'write key (default: that of the running instance)')
  .option('--api-url <url>', 'analytics API (default: that of the running instance)')
  .option('--read-key <key>', 'read key (default: that of the running instance)')
  .option('--data-dir <dir>', 'data directory of the running instance (default: ./data)');

await runCommand<Flags>(program, async (flags, context) => {
  const target = await findTarget(flags, process.env, { readKey: true });
  const api = createApiClient({ url: target.apiUrl, readKey: target.readKey });
  try {
    if (flags.ids !== undefined) {
      const run = await readRun(flags.ids);
      const report = await checkDelivery({
        api,
        ...run,
        watermark: '',
        timeoutMs: flags.timeout,
        signal: context.signal,
        onWaiting: (text) => context.progress(text),
      });
      return { ok: report.exact, json: report, text: alignedLines(linesOf(report, run.ids)) };
    }
    const startedAtMs = Date.now();
    const ids = createRunIds();
    const event = `delivery_check_${ids.run}`;
    const client = createGatewayClient({ url: target.gatewayUrl, writeKey: target.writeKey });
    try {
      const load = createNumberedLoad({
        client,
        ids,
        templates: createMessageTemplates({ seed: flags.seed, users: flags.users, event }),
        giveUpAfterMs: RETRY_FOR_MS,
        duplicateShare: flags.duplicates,
        signal: context.signal,
      });
      const sending = await runLoad({
        load,
        schedule: steady({ eventsPerSecond: flags.rate, durationMs: (flags.events / flags.rate) * 1_000 }),
        batchSize: flags.batch,
        maxInFlight: 32,
        signal: context.signal,
        onProgress: (progress) => context.progress(progressText(progress)),
      });
      const report = await checkDelivery({
        api,
        ids,
        event,
        fromMs: startedAtMs,
        accepted: load.accepted,
        watermark: load.watermark(),
        timeoutMs: flags.timeout,
        signal: context.signal,
        onWaiting: (text) => context.progress(text),
      });
      return {
        ok: report.exact && report.accepted > 0 && sending.failed === 0,
        json: {
          sent: sending.sent,
          ...report,
          failed: sending.failed,
          forcedDuplicates: sending.forcedDuplicates,
          event,
        },
        text: alignedLines([
          ['event', event],
          [
            'sent',
            `${numberText(sending.sent)}, and ${numberText(sending.forcedDuplicates)} requests twice${reasonsText(sending.reasons)}`,
          ],
          ...linesOf(report, ids),
          ['latency', latencyText(sending.latencyMs)],
        ]),
      };
    } finally {
      await client.close();
    }
  } finally {
    await api.close();
  }
});

function linesOf(report: DeliveryReport, ids: RunIds): (readonly [string, string])[] {
  const named = (numbers: readonly number[]): string =>
    // The last two groups are the same in every form an id has.
    numbers.length === 0 ? '' : ` (ids ending in ${numbers.map((n) => ids.idOf(n, 0).slice(19)).join(', ')})`;
  return [
    ['accepted', numberText(report.accepted)],
    ['stored', `${numberText(report.landed)}, found by their ids`],
    ['counted', numberText(report.rolledUp)],
    ['lost', `${numberText(report.lost)}${named(report.lostNumbers)}`],
    ['duplicated', `${numberText(report.duplicated)}${named(report.duplicatedNumbers)}`],
    ['ledger', report.audited ? 'balances' : 'does NOT balance: see "sluice audit"'],
    ['verdict', report.exact ? 'every accepted event is stored once and counted once' : 'WRONG'],
  ];
}
