import { createKey, ensureProject } from '@sluice/service-kit';
import { migratePostgres, openPostgres } from '@sluice/warehouse';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TrafficMessage } from '../generate/message.js';
import { generateTraffic } from '../generate/traffic.js';

export interface GatewayBenchOptions {
  /** How often the gateway and the baseline take turns; medians count. Default 7. */
  rounds?: number;
  /** Length of one turn, milliseconds. Default 2,500. */
  roundMs?: number;
  /** Connections that each have one request on its way: enough that there is work while the disk is waited for. Default 64. */
  connections?: number;
  messagesPerRequest?: number;
  onProgress?: (text: string) => void;
}

export interface GatewayBenchResult {
  /** Events a second, validated and durably logged, to events a second of a server that only parses the same JSON. */
  ratio: number;
  eventsPerSecond: number;
  baselineEventsPerSecond: number;
  /** The same, measured as CPU time an event: what other programs on this machine do weighs less on it. */
  cpuRatio: number;
  cpuMicrosPerEvent: number;
  baselineCpuMicrosPerEvent: number;
  p50Ms: number;
  p99Ms: number;
  bytesPerEvent: number;
  messagesPerRequest: number;
  /** Requests whose messages are of many devices, so that they are split between the partitions of the log. */
  manyDevices: Comparison;
  onePerRequest: Comparison;
  rounds: number;
  /** Whether the servers had one core to themselves. */
  pinned: boolean;
}

export interface Comparison {
  ratio: number;
  eventsPerSecond: number;
  baselineEventsPerSecond: number;
  cpuRatio: number;
  cpuMicrosPerEvent: number;
  p50Ms: number;
  p99Ms: number;
}

const SERVER_CORE = '0';
const LOAD_CORE = '1';
const BODIES = 64;
const WARM_UP_MS = 1_500;
const HOUR_MS = 3_600_000;

/**
 * Measures the gateway beside a Fastify server that only parses the same JSON, each a process of its own on the same core,
 * in turns; the load comes from this process, on another core. The gateway runs as it is shipped, with the embedded log
 * synced to disk before every answer.
 */
export async function benchGateway(options: GatewayBenchOptions = {}): Promise<GatewayBenchResult> {
  const { rounds = 7, roundMs = 2_500, connections = 64, messagesPerRequest = 50 } = options;
  const progress = options.onProgress ?? (() => undefined);
  const dir = await mkdtemp(join(tmpdir(), 'sluice-bench-gateway-'));
  const postgres = await openPostgres(`embedded:${join(dir, 'postgres')}`, { max: 2 });
  const servers: Server[] = [];
  try {
    await migratePostgres(postgres.pool);
    const projectId = await ensureProject(postgres.pool, 'bench');
    const { key } = await createKey(postgres.pool, { projectId, kind: 'write' });
    const pinned = pinThisProcess();
    const gateway = await startGatewayServer(dir, postgres.url, pinned);
    servers.push(gateway);
    const baseline = await startBaseline(pinned);
    servers.push(baseline);

    const compare = async (
      what: string,
      bodies: readonly string[],
      perRequest: number,
    ): Promise<Comparison> => {
      const requests = bodies.map((body) => requestOf(body, key));
      for (const server of servers) await run(server, requests, perRequest, connections, WARM_UP_MS);
      const ours: Turn[] = [];
      const theirs: Turn[] = [];
      for (let round = 0; round < rounds; round++) {
        ours.push(await run(gateway, requests, perRequest, connections, roundMs));
        theirs.push(await run(baseline, requests, perRequest, connections, roundMs));
        progress(`${what}: round ${round + 1} of ${rounds}, ratio ${ratioOf(ours, theirs).toFixed(3)}`);
      }
      return summarise(ours, theirs);
    };

    const many = makeBodies(messagesPerRequest, 'many devices');
    const one = makeBodies(messagesPerRequest, 'one device');
    const single = makeBodies(1, 'one device');
    const main = await compare(`${messagesPerRequest} a request, one device`, one, messagesPerRequest);
    const manyDevices = await compare(
      `${messagesPerRequest} a request, many devices`,
      many,
      messagesPerRequest,
    );
    const onePerRequest = await compare('1 a request', single, 1);
    return {
      ...main,
      baselineCpuMicrosPerEvent: round(main.cpuMicrosPerEvent * main.cpuRatio, 2),
      bytesPerEvent: Math.round(Buffer.byteLength(one.join('')) / one.length / messagesPerRequest),
      messagesPerRequest,
      manyDevices,
      onePerRequest,
      rounds,
      pinned,
    };
  } finally {
    for (const { child } of servers) {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    }
    await postgres.close();
    await rm(dir, { recursive: true, force: true });
  }
}

// Traffic

function makeBodies(perRequest: number, mix: 'one device' | 'many devices'): string[] {
  const endMs = Date.now();
  const messages = [
    ...generateTraffic({
      seed: 7,
      users: 50,
      events: BODIES * Math.max(perRequest, 20),
      startMs: endMs - 20 * HOUR_MS,
      endMs,
    }),
  ];
  if (mix === 'one device') messages.sort((a, b) => (a.anonymousId < b.anonymousId ? -1 : 1));
  const sentAt = new Date(endMs).toISOString();
  return Array.from({ length: BODIES }, (_, n) => {
    const batch = messages.slice(n * perRequest, (n + 1) * perRequest).map((message) => ({ ...message }));
    if (mix === 'one device') makeOneDevice(batch);
    return JSON.stringify({ batch, sentAt });
  });
}

/** As an SDK on one device has it: whoever was first in the batch, with all ids of their own. */
function makeOneDevice(batch: TrafficMessage[]): void {
  for (const message of batch) message.anonymousId = batch[0]!.anonymousId;
}

function requestOf(body: string, key: string): Buffer {
  const authorization = Buffer.from(`${key}:`).toString('base64');
  const head = [
    'POST /v1/batch HTTP/1.1',
    'host: 127.0.0.1',
    'user-agent: sluice-bench',
    'content-type: application/json',
    `authorization: Basic ${authorization}`,
    `content-length: ${Buffer.byteLength(body)}`,
    '',
    '',
  ];
  return Buffer.from(head.join('\r\n') + body);
}

// Servers

interface Server {
  child: ChildProcess;
  port: number;
}

/** Only parses JSON: Fastify with its own defaults. */
const BASELINE = `
  import Fastify from 'fastify';
  const app = Fastify({ bodyLimit: 4 * 1024 * 1024 });
  app.get('/health/live', () => ({ status: 'live' }));
  app.post('/v1/batch', (request, reply) => {
    reply.send({ success: true, accepted: request.body.batch.length });
  });
  await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
`;

async function startBaseline(pinned: boolean): Promise<Server> {
  return startServer(['--input-type=module', '-e', BASELINE], {}, pinned);
}

async function startGatewayServer(dir: string, postgresUrl: string, pinned: boolean): Promise<Server> {
  const entry = fileURLToPath(import.meta.resolve('@sluice/gateway'));
  const fromSource = entry.endsWith('.ts');
  const main = join(dirname(entry), fromSource ? 'main.ts' : 'main.js');
  const loader = fromSource ? ['--conditions=sluice-source', '--import', 'tsx'] : [];
  return startServer(
    [...loader, main],
    {
      POSTGRES_URL: postgresUrl,
      EVENT_LOG_URL: `embedded:${join(dir, 'log')}`,
      SPOOL_DIR: join(dir, 'spool'),
      HOST: '127.0.0.1',
      LOG_LEVEL: 'warn',
      // Counted, but out of the way.
      RATE_LIMIT_PER_IP: '1000000000',
      RATE_LIMIT_PER_KEY: '1000000000',
    },
    pinned,
  );
}

async function startServer(args: string[], env: Record<string, string>, pinned: boolean): Promise<Server> {
  const port = await freePort();
  const command = [process.execPath, ...(process.env['BENCH_NODE_ARGS']?.split(' ') ?? []), ...args];
  const [file = '', ...rest] = pinned ? ['taskset', '-c', SERVER_CORE, ...command] : command;
  const child = spawn(file, rest, {
    cwd: dirname(fileURLToPath(import.meta.url)),
    env: { ...process.env, ...env, PORT: String(port), NODE_ENV: 'production' },
    stdio: ['ignore', process.env['BENCH_STDOUT'] === undefined ? 'ignore' : 2, 'inherit'],
  });
  const deadline = Date.now() + 30_000;
  while (!(await isLive(port))) {
    if (child.exitCode !== null)
      throw new Error(`a server of the benchmark ended with code ${child.exitCode}`);
    if (Date.now() > deadline) throw new Error('a server of the benchmark did not start in time');
  }
  return { child, port };
}

async function isLive(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/health/live`)).ok;
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port could be found');
  return address.port;
}

/** Puts the load on a core of its own; false where cores cannot be chosen. */
function pinThisProcess(): boolean {
  if (availableParallelism() < 2) return false;
  return (
    spawnSync('taskset', ['-a', '-c', '-p', LOAD_CORE, String(process.pid)], { stdio: 'ignore' }).status === 0
  );
}

// Turns

interface Turn {
  eventsPerSecond: number;
  cpuMicrosPerEvent: number;
  p50Ms: number;
  p99Ms: number;
}

async function run(
  server: Server,
  requests: readonly Buffer[],
  perRequest: number,
  connections: number,
  durationMs: number,
): Promise<Turn> {
  const latencies: number[] = [];
  const cpuBefore = await cpuMicros(server.child.pid!);
  const startedMs = performance.now();
  const endMs = startedMs + durationMs;
  let next = 0;
  await Promise.all(
    Array.from({ length: connections }, () =>
      drive(server.port, () => requests[next++ % requests.length]!, endMs, latencies),
    ),
  );
  const seconds = (performance.now() - startedMs) / 1_000;
  const cpu = (await cpuMicros(server.child.pid!)) - cpuBefore;
  const events = latencies.length * perRequest;
  latencies.sort((a, b) => a - b);
  return {
    eventsPerSecond: events / seconds,
    cpuMicrosPerEvent: cpu / events,
    p50Ms: latencies[Math.floor(latencies.length * 0.5)] ?? 0,
    p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
  };
}

/** One connection: a request, its answer, the next request, until the time is over. */
async function drive(
  port: number,
  nextRequest: () => Buffer,
  endMs: number,
  latencies: number[],
): Promise<void> {
  const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  await new Promise<void>((resolve, reject) => {
    let sentMs = 0;
    let answer = '';
    const send = (): void => {
      sentMs = performance.now();
      socket.write(nextRequest());
    };
    socket.on('data', (chunk: Buffer) => {
      answer = answer === '' ? chunk.toString('latin1') : answer + chunk.toString('latin1');
      if (!isWhole(answer)) return;
      if (!answer.startsWith('HTTP/1.1 200') || answer.includes('"success":false')) {
        reject(new Error(`a request of the benchmark was refused: ${answer}`));
        socket.destroy();
        return;
      }
      answer = '';
      const nowMs = performance.now();
      latencies.push(nowMs - sentMs);
      if (nowMs < endMs) send();
      else socket.end(() => resolve());
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('a server of the benchmark closed the connection')));
    send();
  });
}

function isWhole(answer: string): boolean {
  const bodyAt = answer.indexOf('\r\n\r\n');
  if (bodyAt === -1) return false;
  const length = /content-length: (\d+)/i.exec(answer)?.[1];
  return answer.length >= bodyAt + 4 + Number(length);
}

/** CPU time of a process with all its threads, microseconds; counted in hundredths of a second where it is known. */
async function cpuMicros(pid: number): Promise<number> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  } catch {
    return NaN;
  }
}

// Figures

function summarise(ours: readonly Turn[], theirs: readonly Turn[]): Comparison {
  const cpu = median(ours.map((turn) => turn.cpuMicrosPerEvent));
  return {
    ratio: round(ratioOf(ours, theirs), 3),
    eventsPerSecond: Math.round(median(ours.map((turn) => turn.eventsPerSecond))),
    baselineEventsPerSecond: Math.round(median(theirs.map((turn) => turn.eventsPerSecond))),
    cpuRatio: round(median(theirs.map((turn) => turn.cpuMicrosPerEvent)) / cpu, 3),
    cpuMicrosPerEvent: round(cpu, 2),
    p50Ms: round(median(ours.map((turn) => turn.p50Ms)), 2),
    p99Ms: round(median(ours.map((turn) => turn.p99Ms)), 2),
  };
}

/** Median over the rounds of the ratio within each: neighbours in time saw the same machine. */
function ratioOf(ours: readonly Turn[], theirs: readonly Turn[]): number {
  return median(ours.map((turn, i) => turn.eventsPerSecond / theirs[i]!.eventsPerSecond));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
