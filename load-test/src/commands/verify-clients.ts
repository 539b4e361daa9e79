import { Command } from 'commander';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApiClient } from '../client/api-client.js';
import { wait } from '../client/wait.js';
import { findChromium, runBrowserSdk } from '../clients/browser-sdk.js';
import { startFaultyProxy, type FaultyProxy } from '../clients/faulty-proxy.js';
import { runNodeSdk } from '../clients/node-sdk.js';
import { createRawRequests, sendRawRequests } from '../clients/raw-requests.js';
import { startStandalone } from '../instance/standalone-instance.js';
import { alignedLines, numberText } from '../shapes/text.js';
import { checkMessages } from '../verify/check-messages.js';
import { durationOption, positiveInteger, runCommand, type CommandContext } from './run-command.js';

interface Flags {
  rounds: number;
  chromium?: string;
  timeout: number;
  keep?: boolean;
  json?: boolean;
}

/** How long a client's own retries may take until all of its messages have been accepted. */
const CLIENT_TIMEOUT_MS = 60_000;

const program = new Command('verify-clients')
  .description(
    'Starts a Sluice of its own and sends to it with the official Segment SDKs, in Node and in Chromium, and with every form of request, over a network that loses answers, refuses requests and repeats them; then looks every message up.',
  )
  .option('--rounds <n>', 'rounds of all kinds of calls for each SDK', positiveInteger, 6)
  .option('--chromium <path>', 'executable of Chromium (default: the one this machine has)')
  .addOption(durationOption('--timeout <time>', 'how long it may take until everything is there', '2m'))
  .option('--keep', 'keep the data directory');

await runCommand<Flags>(program, async (flags, context) => {
  const executable = await findChromium(flags.chromium);
  if (executable === undefined) {
    throw new Error(
      `No Chromium${flags.chromium === undefined ? '' : ` at ${flags.chromium}`}: the browser SDK cannot be verified. ` +
        'Install it (Debian, Ubuntu: "apt-get install chromium") or name one with --chromium.',
    );
  }
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-clients-'));
  try {
    context.progress('starting a Sluice of our own');
    const instance = await startStandalone({ dataDir });
    const proxy = await startFaultyProxy(instance.target.gatewayUrl);
    const api = createApiClient({ url: instance.target.apiUrl, readKey: instance.target.readKey });
    try {
      const clients = await sendWithAllClients(
        proxy,
        instance.target.writeKey,
        executable,
        flags.rounds,
        context,
      );
      const { observed } = proxy;
      if (observed.refusals.length > 0) {
        throw new Error(
          `The gateway refused what clients send:\n${observed.refusals.slice(0, 10).join('\n')}`,
        );
      }
      const report = await checkMessages({
        api,
        accepted: observed.accepted,
        watermark: proxy.watermark(),
        timeoutMs: flags.timeout,
        signal: context.signal,
        onWaiting: (text) => context.progress(text),
      });
      const { distinct, landed, rolledUp, lost, duplicated, ...more } = report;
      const result = { sent: observed.sent, distinct, landed, rolledUp, lost, duplicated };
      return {
        ok: report.exact,
        json: { ...result, ...more, faults: observed.faults, clients },
        text: alignedLines([
          ...Object.entries(clients).map(([name, count]) => [name, `${numberText(count)} messages`] as const),
          ['sent', `${numberText(result.sent)}, duplicates and retries among them`],
          ['distinct', numberText(distinct)],
          ['landed', numberText(landed)],
          ['rolled up', numberText(rolledUp)],
          ['lost', [lost, ...report.lostIds].join(' ')],
          ['duplicated', [duplicated, ...report.duplicatedIds].join(' ')],
          ['recognised', `${numberText(report.recognisedDuplicates)} further sends, not counted`],
          ['ledger', report.audited ? 'balances' : 'does NOT balance'],
        ]),
      };
    } finally {
      await api.close();
      await proxy.close();
      await instance.stop();
    }
  } finally {
    if (flags.keep === true) context.tell(`The data is in ${dataDir}.`);
    else await rm(dataDir, { recursive: true, force: true });
  }
});

/** Resolves with how many messages each client made. */
async function sendWithAllClients(
  proxy: FaultyProxy,
  writeKey: string,
  executable: string,
  rounds: number,
  context: CommandContext,
): Promise<Record<string, number>> {
  const clients: Record<string, number> = {};
  const { accepted } = proxy.observed;

  /** Everything a client made must be accepted in the end: its retries are part of the promise. */
  async function expectAccepted(name: string, messages: number, send: () => Promise<unknown>): Promise<void> {
    context.signal.throwIfAborted();
    context.progress(`${name}: sending ${messages} messages`);
    const before = accepted.size;
    await send();
    const arrived = accepted.size - before;
    if (arrived !== messages)
      throw new Error(`${name} made ${messages} messages, and ${arrived} were accepted.`);
    clients[name] = messages;
  }

  const perRound = 7;
  for (const [name, flushAt] of [
    ['analytics-node one by one', 1],
    ['analytics-node in batches', 15],
  ] as const) {
    await expectAccepted(name, rounds * perRound, () =>
      runNodeSdk({ host: proxy.url, writeKey, flushAt, rounds, label: `node-${flushAt}` }),
    );
  }
  const raw = createRawRequests(writeKey);
  await expectAccepted('requests in every form', raw.messages, () =>
    sendRawRequests(proxy.url, raw.requests),
  );
  for (const strategy of ['standard', 'batching'] as const) {
    const name = `analytics-next ${strategy}`;
    context.signal.throwIfAborted();
    context.progress(`${name}: in Chromium`);
    const before = accepted.size;
    await runBrowserSdk({
      gatewayUrl: proxy.url,
      gatewayHost: proxy.host,
      writeKey,
      strategy,
      rounds,
      label: strategy,
      executable,
      untilSeen: (ids) => untilAccepted(name, ids, accepted, context.signal),
    });
    clients[name] = accepted.size - before;
  }
  return clients;
}

async function untilAccepted(
  name: string,
  ids: ReadonlySet<string>,
  accepted: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  const deadlineMs = Date.now() + CLIENT_TIMEOUT_MS;
  for (;;) {
    const missing = [...ids].filter((id) => !accepted.has(id));
    if (missing.length === 0) return;
    signal.throwIfAborted();
    if (Date.now() > deadlineMs) {
      throw new Error(`${name} made ${ids.size} messages, and ${missing.length} were never accepted.`);
    }
    await wait(50, signal);
  }
}
