import { Command, InvalidArgumentError } from 'commander';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApiClient } from '../client/api-client.js';
import { findChromium } from '../clients/browser-sdk.js';
import { startStandalone } from '../instance/standalone-instance.js';
import { BROWSER_ROWS } from '../sdk-faults/browser-rows.js';
import { NODE_PEERS } from '../sdk-faults/node/node-peers.js';
import { NODE_ROWS } from '../sdk-faults/node/node-rows.js';
import { SLUICE_WITHOUT_SPOOL } from '../sdk-faults/node/node-subject.js';
import { runNodeFaults } from '../sdk-faults/node/run-node-faults.js';
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

const names = (all: readonly { name: string }[]): string[] => all.map(({ name }) => name);
const PEER_NAMES = [...new Set([...names(PEERS), ...names(NODE_PEERS)])];

/** Reads a list of names, of which each must be known. */
function listOf(known: readonly string[]): (text: string) => string[] {
  return (text) => {
    const wanted = text.split(',').filter((name) => name !== '');
    const unknown = wanted.filter((name) => !known.includes(name));
    if (wanted.length === 0 || unknown.length > 0) {
      throw new InvalidArgumentError(`Expected some of ${known.join(', ')}.`);
    }
    return wanted;
  };
}

const program = new Command('verify-sdk-faults')
  .description(
    'Starts a Sluice of its own and lets the SDK send to it, in Chromium and in Node, while pages are left, renderers crash, the network fails and the server refuses; then looks every event up in the stores.\n\n' +
      'Ten events in one task unless a row says otherwise; answers take 50 ms; pages and server have different origins. On the return visit Sluice only starts, peers are given one further event. Umami is not among the peers: its tracker is not published on npm.',
  )
  .option(
    '--row <names>',
    `only these rows, separated by commas; in Chromium: ${names(BROWSER_ROWS).join(', ')}; in Node: ${names(NODE_ROWS).join(', ')}`,
    listOf([...names(BROWSER_ROWS), ...names(NODE_ROWS)]),
  )
  .option(
    '--sdk <names>',
    `only these SDKs, separated by commas: ${[SLUICE, ...PEER_NAMES].join(', ')}`,
    listOf([SLUICE, ...PEER_NAMES]),
    [SLUICE],
  )
  .option('--peers', 'run all peers, too; those that are missing are installed from npm, into .cache')
  .option('--rounds <n>', 'how often each row is run; of each figure the worst is told', positiveInteger, 1)
  .option('--chromium <path>', 'executable of Chromium (default: the one this machine has)')
  .option('--trace', 'tell the requests and the stored data of rows of Sluice that failed');

await runCommand<Flags>(program, async (flags, context) => {
  const rows = flags.row === undefined ? undefined : new Set(flags.row);
  const sdks = new Set([...flags.sdk, ...(flags.peers === true ? PEER_NAMES : [])]);
  const inBrowser = BROWSER_ROWS.some(({ name }) => rows?.has(name) ?? true);
  const executable = inBrowser ? await requireChromium(flags.chromium) : '';
  const { installed, missing } = await installPeers(
    PEERS.filter(({ name }) => inBrowser && sdks.has(name)),
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
        rows,
        sdks,
        signal: context.signal,
        onProgress: (text) => context.progress(text),
        onRow: (row) => tellRow(row, context),
      };
      const inPages = await runBrowserFaults({
        ...options,
        executable,
        rounds: flags.rounds,
        subjects: [
          ...(sdks.has(SLUICE) ? [createSluiceSubject(instance.target)] : []),
          ...installed.map(({ peer, dir }) => peerSubject(peer, dir)),
        ],
        ...(flags.trace === true ? { onTrace: (text) => context.tell(text) } : {}),
      });
      const inProcesses = await runNodeFaults({
        ...options,
        peersDir: PEERS_DIR,
        onMissing(name, reason) {
          missing[name] = reason;
          context.tell(`${name} is left out: ${reason}`);
        },
      });
      const isAudited = await isBalanced(instance.target.apiUrl, instance.target.readKey);
      return conclude([...inPages, ...inProcesses], isAudited, missing);
    } finally {
      await instance.stop();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});

async function requireChromium(wanted: string | undefined): Promise<string> {
  const executable = await findChromium(wanted);
  if (executable !== undefined) return executable;
  throw new Error(
    `No Chromium${wanted === undefined ? '' : ` at ${wanted}`}: the browser SDK cannot be verified. ` +
      'Install it (Debian, Ubuntu: "apt-get install chromium") or name one with --chromium.',
  );
}

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
      // Not judged: what the spool is for.
      withoutSpool: rows.filter((row) => row.sdk === SLUICE_WITHOUT_SPOOL),
      peers: rows.filter((row) => row.sdk !== SLUICE && row.sdk !== SLUICE_WITHOUT_SPOOL),
      missingPeers: missing,
    },
    text: [
      faultTable(rows),
      '',
      'arrived/tracked, +further copies on the wire; after landing no event of Sluice may count twice.',
      'On the return visit Sluice only starts; peers are given one further event, as some send what they kept only then.',
      ...problems.map((problem) => `BROKEN  ${problem}`),
    ].join('\n'),
  };
}

function tellRow(row: Row, context: CommandContext): void {
  context.tell(
    [
      `${row.sdk}${row.place === 'node' ? ' in Node' : ''}, ${row.title}: ${row.distinct}/${row.expected}`,
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
