import { Command } from 'commander';
import { createApiClient } from '../client/api-client.js';
import { createGatewayClient } from '../client/gateway-client.js';
import { createMessageTemplates } from '../shapes/message-templates.js';
import { createNumberedLoad } from '../shapes/numbered-load.js';
import { steady } from '../shapes/schedule.js';
import { progressText, runLoad } from '../shapes/steady-load.js';
import { alignedLines, latencyText, numberText, reasonsText } from '../shapes/text.js';
import { findTarget } from '../target/target.js';
import { checkDelivery } from '../verify/check-delivery.js';
import { checkReceipts, type ReceiptsReport } from '../verify/check-receipts.js';
import { createRunIds } from '../verify/run-ids.js';
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
  .option(
    '--ids <file>',
    'send nothing: check the messageIds of this file, one a line, as "steady --ids" wrote them',
  )
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
      const report = await checkReceipts({
        api,
        file: flags.ids,
        timeoutMs: flags.timeout,
        signal: context.signal,
        onProgress: (checked) => context.progress(`${numberText(checked)} receipts`),
      });
      return { ok: report.exact, json: report, text: receiptsText(report) };
    }
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
        accepted: load.accepted,
        watermark: load.watermark(),
        timeoutMs: flags.timeout,
        signal: context.signal,
        onWaiting: (text) => context.progress(text),
      });
      const nowMs = Date.now();
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
          ['sent', `${numberText(sending.sent)}, and ${numberText(sending.forcedDuplicates)} requests twice`],
          ['accepted', `${numberText(report.accepted)}${reasonsText(sending.reasons)}`],
          ['stored', `${numberText(report.landed)}, found by their ids`],
          [
            'counted',
            `${numberText(report.rolledUp)} by the rollups, ${numberText(report.countedFromEvents)} from single events`,
          ],
          ['lost', `${numberText(report.lost)} ${namesOf(report.lostNumbers, (n) => ids.idOf(n, nowMs))}`],
          [
            'duplicated',
            `${numberText(report.duplicated)} ${namesOf(report.duplicatedNumbers, (n) => ids.idOf(n, nowMs))}`,
          ],
          ['ledger', report.audited ? 'balances' : 'does NOT balance: see "sluice audit"'],
          ['latency', latencyText(sending.latencyMs)],
          ['verdict', report.exact ? 'every accepted event is stored once and counted once' : 'WRONG'],
        ]),
      };
    } finally {
      await client.close();
    }
  } finally {
    await api.close();
  }
});

/** The last two groups of the ids: what is the same in every form an id has. */
function namesOf(numbers: readonly number[], idOf: (n: number) => string): string {
  return numbers.length === 0 ? '' : `(ids ending in ${numbers.map((n) => idOf(n).slice(19)).join(', ')})`;
}

function receiptsText(report: ReceiptsReport): string {
  const list = (ids: readonly string[]): string => (ids.length === 0 ? '' : ` (${ids.join(', ')})`);
  return alignedLines([
    ['ids', numberText(report.accepted)],
    ['stored', numberText(report.landed)],
    ['counted', numberText(report.rolledUp)],
    ['lost', `${numberText(report.lost)}${list(report.lostIds)}`],
    ['recognised', `${numberText(report.recognisedDuplicates)} further sends, not counted`],
    ['ledger', report.audited ? 'balances' : 'does NOT balance: see "sluice audit"'],
    ['verdict', report.exact ? 'every id is stored once and counted once' : 'WRONG'],
  ]);
}
