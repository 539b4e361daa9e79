import { Command } from 'commander';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApiClient } from '../client/api-client.js';
import { findChromium } from '../clients/browser-sdk.js';
import { startStandalone } from '../instance/standalone-instance.js';
import { BROWSER_ROWS } from '../sdk-faults/browser-rows.js';
import { judge } from '../sdk-faults/judge.js';
import { installPeers, PEERS, PEERS_DIR, peerSubject } from '../sdk-faults/peers.js';
import { SLUICE, type FaultRunOptions, type Row } from '../sdk-faults/row.js';
import { runBrowserFaults } from '../sdk-faults/run-browser-faults.js';
import { createSluiceSubject } from '../sdk-faults/sluice-subject.js';
import { faultTable } from '../sdk-faults/table.js';
import { positiveInteger, runCommand, type CommandContext } from './run-command.js';

interface Flags {
  row?: string[];
  sdk: string[];
  peers?: boolean;
  rounds: number;
  chromium?: string;
  trace?: boolean;
  json?: boolean;
}

const list = (text: string): string[] => text.split(',').filter((name) => name !== '');

const program = new Command('verify-sdk-faults')
  .description(
    'Starts a Sluice of its own and lets the SDK send to it, in Chromium and in Node, while pages are left, renderers crash, the network fails and the server refuses; then looks every event up in the stores.',
  )
  .option(
    '--row <name>',
    'only this row, several separated by commas; in Chromium there are: ' +
      BROWSER_ROWS.map(({ name }) => name).join(', '),
    list,
  )
  .option(
    '--sdk <names>',
    `SDKs to run, separated by commas: ${[SLUICE, ...PEERS.map(({ name }) => name)].join(', ')}`,
    list,
    [SLUICE],
  )
  .option('--peers', 'run all peers, too; those that are missing are installed from npm, into .cache')
  .option('--rounds <n>', 'how often each row is run; of each figure the worst is told', positiveInteger, 1)
  .option('--chromium <path>', 'executable of Chromium (default: the one this machine has)')
  .option('--trace', 'tell the requests and the stored data of rows of Sluice that failed');

await runCommand<Flags>(program, async (flags, context) => {
  const executable = await findChromium(flags.chromium);
  if (executable === undefined) {
    throw new Error(
      `No Chromium${flags.chromium === undefined ? '' : ` at ${flags.chromium}`}: the browser SDK cannot be verified. ` +
        'Install it (Debian, Ubuntu: "apt-get install chromium") or name one with --chromium.',
    );
  }
  const sdks = new Set([...flags.sdk, ...(flags.peers === true ? PEERS.map(({ name }) => name) : [])]);
  const { installed, missing } = await installPeers(
    PEERS.filter(({ name }) => sdks.has(name)),
    PEERS_DIR,
  );
  for (const [name, reason] of Object.entries(missing)) context.tell(`${name} is left out: ${reason}`);

  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-sdk-faults-'));
  try {
    context.progress('starting a Sluice of our own');
    const instance = await startStandalone({ dataDir });
    try {
      const options: FaultRunOptions = {
        target: instance.target,
        rows: flags.row === undefined ? undefined : new Set(flags.row),
        sdks,
        signal: context.signal,
        onProgress: (text) => context.progress(text),
        onRow: (row) => tellRow(row, context),
      };
      const rows = await runBrowserFaults({
        ...options,
        executable,
        rounds: flags.rounds,
        subjects: [
          ...(sdks.has(SLUICE) ? [createSluiceSubject(instance.target)] : []),
          ...installed.map(({ peer, dir }) => peerSubject(peer, dir)),
        ],
        ...(flags.trace === true ? { onTrace: (text) => context.tell(text) } : {}),
      });
      const isAudited = await isBalanced(instance.target.apiUrl, instance.target.readKey);
      return conclude(rows, isAudited, missing);
    } finally {
      await instance.stop();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});

function conclude(
  rows: readonly Row[],
  isAudited: boolean,
  missing: Readonly<Record<string, string>>,
): { ok: boolean; json: object; text: string } {
  const { ok, broken, ...figures } = judge(rows);
  const problems = [...broken, ...(isAudited ? [] : ['the audit does not balance'])];
  return {
    ok: ok && isAudited,
    json: {
      rows: rows.filter((row) => row.sdk === SLUICE),
      ...figures,
      audited: isAudited,
      broken: problems,
      peers: rows.filter((row) => row.sdk !== SLUICE),
      missingPeers: missing,
    },
    text: [
      faultTable(rows),
      '',
      'arrived/tracked, +further copies on the wire; after landing no event of Sluice may count twice.',
      ...problems.map((problem) => `BROKEN  ${problem}`),
    ].join('\n'),
  };
}

function tellRow(row: Row, context: CommandContext): void {
  context.tell(
    [
      `${row.sdk}, ${row.title}: ${row.distinct}/${row.expected}`,
      ...(row.extraCopies === 0 ? [] : [`+${row.extraCopies} on the wire`]),
      ...(row.copiesAfterLanding === null ? [] : [`${row.copiesAfterLanding} doubled after landing`]),
      ...(row.requestsInOutage === null ? [] : [`${row.requestsInOutage} requests in the outage`]),
      ...(row.syncMicros.length === 0 ? [] : [`${row.syncMicros.join(', ')} µs a call`]),
      ...row.notes,
      ...row.broken.map((what) => `BROKEN: ${what}`),
    ].join('; '),
  );
}

async function isBalanced(url: string, readKey: string): Promise<boolean> {
  const api = createApiClient({ url, readKey });
  try {
    const audit = await api.audit();
    return audit.balanced && audit.rollups.balanced;
  } finally {
    await api.close();
  }
}
