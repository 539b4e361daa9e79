import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createGatewayClient, type GatewayClient } from '../client/gateway-client.js';
import { deliver } from '../client/deliver.js';
import { wait } from '../client/wait.js';
import { generateTraffic } from '../generate/traffic.js';
import type { Broker } from '../faults/strike.js';
import type { Target } from '../target/target.js';

const DAY_MS = 86_400_000;
const HISTORY_BATCH = 250;

/** A week of visits, so that there is something to tell of. */
export async function sendHistory(
  target: Target,
  options: { events: number; days: number; signal: AbortSignal },
): Promise<void> {
  const client = createGatewayClient({ url: target.gatewayUrl, writeKey: target.writeKey, connections: 4 });
  const endMs = Date.now();
  try {
    let batch: unknown[] = [];
    const send = async (): Promise<void> => {
      const delivery = await deliver(client, JSON.stringify({ batch }), { signal: options.signal });
      if (delivery.kind !== 'delivered') throw new Error(`History was not taken: ${delivery.reason}`);
      batch = [];
    };
    for (const message of generateTraffic({
      seed: 7,
      events: options.events,
      users: 400,
      startMs: endMs - options.days * DAY_MS,
      endMs,
    })) {
      batch.push(message);
      if (batch.length === HISTORY_BATCH) await send();
    }
    if (batch.length > 0) await send();
  } finally {
    await client.close();
  }
}

/** `steady`, as a process of its own that serves metrics of itself. Resolves when it has come to its end. */
export async function runSteady(
  target: Target,
  options: { eventsPerSecond: number; seconds: number; metricsPort: number; signal: AbortSignal },
): Promise<void> {
  const child = spawn(
    process.execPath,
    [
      steadyPath(),
      ...['--url', target.gatewayUrl, '--key', target.writeKey],
      ...['--rate', String(options.eventsPerSecond), '--duration', `${options.seconds}s`],
      ...['--shape', 'spike', '--peak', String(options.eventsPerSecond * 2), '--batch', '10'],
      ...['--metrics-port', String(options.metricsPort), '--json'],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], signal: options.signal },
  );
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  if (code !== 0) throw new Error(`The load came to a bad end:\n${said}`);
}

/** The built command, whether this code runs built or from its sources. */
function steadyPath(): string {
  const entry = createRequire(import.meta.url).resolve('@sluice/load-test');
  return fileURLToPath(new URL('../dist/steady.js', pathToFileURL(entry)));
}

/** Everything that is not load: what is refused, what comes twice, and questions. Goes on until the signal aborts. */
export async function makeTrouble(target: Target, adminKey: string, signal: AbortSignal): Promise<void> {
  const receiver = await startReceiver();
  const client = createGatewayClient({ url: target.gatewayUrl, writeKey: target.writeKey, connections: 4 });
  const stranger = createGatewayClient({
    url: target.gatewayUrl,
    writeKey: 'not-a-key-of-this-instance',
    connections: 1,
  });
  try {
    await ask(target, 'PUT', '/v1/notification-channels/dashboards', adminKey, {
      kind: 'webhook',
      url: receiver.url,
    });
    for (let turn = 0; !signal.aborted; turn += 1) {
      await Promise.all([refuse(client, stranger, turn), question(target, adminKey, turn)]);
      await wait(150, signal);
    }
  } finally {
    await client.close();
    await stranger.close();
    await receiver.close();
  }
}

async function refuse(client: GatewayClient, stranger: GatewayClient, turn: number): Promise<void> {
  const id = `twice-${Math.floor(turn / 2)}`;
  const good = { type: 'track', event: 'Sent twice', userId: 'somebody', messageId: id };
  await client.send(
    JSON.stringify({
      batch: [good, { type: 'track', userId: 'somebody' }, { type: 'teleport', userId: 'somebody' }],
    }),
  );
  if (turn % 5 === 0) await client.send('{"batch": [');
  if (turn % 10 === 0) await stranger.send(JSON.stringify({ batch: [good] }));
}

const QUESTIONS: readonly object[] = [
  { kind: 'trends', series: [{ measure: 'count' }], breakdown: { column: 'type' } },
  { kind: 'trends', series: [{ measure: 'count' }], cache: 'refresh' },
  { kind: 'funnel', steps: [{ type: 'page' }, { event: 'Sent twice' }], window_seconds: 86_400 },
  { kind: 'retention' },
  { kind: 'sessions' },
  { kind: 'lifecycle' },
];

async function question(target: Target, adminKey: string, turn: number): Promise<void> {
  const body = QUESTIONS[turn % QUESTIONS.length]!;
  await ask(target, 'POST', '/v1/query', target.readKey, body);
  if (turn % 20 === 0) await ask(target, 'POST', '/v1/query', target.readKey, { kind: 'nonsense' });
  if (turn % 20 === 10) {
    await ask(target, 'POST', '/v1/notification-channels/dashboards/test', adminKey, {});
  }
}

/** The answer does not matter: what it leaves in the metrics does. */
async function ask(target: Target, method: string, path: string, key: string, body: object): Promise<void> {
  try {
    const answer = await fetch(`${target.apiUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    await answer.arrayBuffer();
  } catch {
    // A part that is away answers nothing, and that shows, too.
  }
}

async function startReceiver(): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.writeHead(204).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The log is away for so long: events go to the spool, and are drained from it afterwards. */
export async function interruptLog(broker: Broker, awayMs: number, signal: AbortSignal): Promise<void> {
  await broker.kill();
  try {
    await wait(awayMs, signal);
  } finally {
    await broker.restart();
  }
}
