/**
 * A real Apache Kafka broker for tests: one process, broker and controller in one (KRaft), on free ports, with a small
 * heap. It can be killed and restarted on its data, and it dies with the process that started it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { provisionKafka, type ProvisionKafkaOptions } from './provision-kafka.js';

const START_DEADLINE_MS = 180_000;
const STOP_DEADLINE_MS = 15_000;
const READY_POLL_MS = 100;

export interface StartKafkaBrokerOptions extends ProvisionKafkaOptions {
  /** Where the broker keeps its data. Default: a temporary directory, removed by `stop`. */
  dataDir?: string;
  /** Port of the broker on 127.0.0.1. Default: a free one. */
  port?: number;
  /** Most heap, MiB. Default 384. */
  heapMb?: number;
  /** Broker settings beside, or instead of, the kit's own. `{port}` and `{controllerPort}` in a value stand for the ports. */
  properties?: Readonly<Record<string, string>>;
  /** Arguments for the command that formats the storage, for example `--add-scram …`. */
  formatArguments?: readonly string[];
}

export interface KafkaBroker {
  /** `host:port`, as a client wants it. */
  readonly brokers: string;
  /** Process id of the running broker. */
  readonly pid: number;
  /** What the broker printed: warnings and errors. */
  readonly logFile: string;
  /** SIGKILL. Resolves when the process is gone. */
  kill(): Promise<void>;
  /** Starts a killed or stopped broker again, on its data and port. Resolves when it answers. */
  restart(): Promise<void>;
  /** Orderly end, then SIGKILL after 15 s. Removes the data unless `dataDir` was given. */
  stop(): Promise<void>;
}

export async function startKafkaBroker(options: StartKafkaBrokerOptions = {}): Promise<KafkaBroker> {
  const { libDir } = await provisionKafka(options);
  const directory = await mkdtemp(join(tmpdir(), 'sluice-kafka-'));
  const dataDir = options.dataDir ?? join(directory, 'data');
  const port = options.port ?? (await freePort());
  const controllerPort = await freePort();
  const propertiesFile = join(directory, 'server.properties');
  const logFile = join(directory, 'broker.log');
  const properties = { ...defaultProperties(port, controllerPort, dataDir), ...options.properties };
  await writeFile(
    propertiesFile,
    Object.entries(properties)
      .map(
        ([name, value]) =>
          `${name}=${value.replaceAll('{port}', String(port)).replaceAll('{controllerPort}', String(controllerPort))}\n`,
      )
      .join(''),
  );

  const java = (heapMb: number, ...args: string[]) =>
    spawn(
      'java',
      [
        `-Xmx${heapMb}m`,
        '-XX:+UseSerialGC',
        '-XX:TieredStopAtLevel=1',
        '-Xshare:auto',
        '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
        '-cp',
        join(libDir, '*'),
        ...args,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], cwd: directory },
    );

  let broker: { process: ChildProcess; watchdog: ChildProcess } | undefined;

  async function format(): Promise<void> {
    const child = java(
      128,
      'kafka.tools.StorageTool',
      'format',
      '--config',
      propertiesFile,
      '--cluster-id',
      clusterId(),
      '--ignore-formatted',
      ...(options.formatArguments ?? []),
    );
    logTo(logFile, child);
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0)
      throw new Error(`Kafka's storage could not be formatted:\n${await readFile(logFile, 'utf8')}`);
  }

  async function start(): Promise<void> {
    const child = java(options.heapMb ?? 384, 'kafka.Kafka', propertiesFile);
    logTo(logFile, child);
    // Reads from this process until that ends, however it ends; then the broker must not outlive it.
    const watchdog = spawn('sh', ['-c', 'cat > /dev/null; kill -9 "$1"', 'watchdog', String(child.pid)], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    watchdog.unref();
    broker = { process: child, watchdog };
    const deadline = Date.now() + START_DEADLINE_MS;
    while (!(await answers(port))) {
      if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
        await end('SIGKILL');
        throw new Error(
          `the Kafka broker did not start:\n${(await readFile(logFile, 'utf8')).slice(-4_000)}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
  }

  async function end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (broker === undefined) return;
    const { process: child, watchdog } = broker;
    broker = undefined;
    if (child.exitCode === null && child.signalCode === null) {
      const closed = once(child, 'close');
      child.kill(signal);
      const force = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
      await closed;
      clearTimeout(force);
    }
    // Before its input ends: the process id may belong to somebody else by then.
    watchdog.kill('SIGKILL');
  }

  await format();
  await start();
  return {
    brokers: `127.0.0.1:${port}`,
    get pid() {
      const pid = broker?.process.pid;
      if (pid === undefined) throw new Error('the broker is not running');
      return pid;
    },
    logFile,
    kill: () => end('SIGKILL'),
    restart: async () => {
      await end('SIGKILL');
      await start();
    },
    async stop() {
      await end('SIGTERM');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function defaultProperties(port: number, controllerPort: number, dataDir: string): Record<string, string> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'listener.security.protocol.map':
      'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': dataDir,
    'auto.create.topics.enable': 'false',
    'num.network.threads': '2',
    'num.io.threads': '2',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    // A broker killed and restarted is back at once instead of after its session timed out.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    'group.initial.rebalance.delay.ms': '0',
  };
}

function logTo(file: string, child: ChildProcess): void {
  const stream = createWriteStream(file, { flags: 'a' });
  child.stdout?.pipe(stream, { end: false });
  child.stderr?.pipe(stream, { end: false });
  child.once('close', () => stream.end());
  child.once('error', () => stream.end());
}

/** A cluster id as Kafka makes them: 16 random bytes in base64url, not looking like an option. */
function clusterId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Asks for the API versions, the one request that needs no session: answered once the broker serves requests. */
function answers(port: number): Promise<boolean> {
  const request = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 2_000 }, () => socket.write(request));
    const finish = (isReady: boolean) => {
      socket.destroy();
      resolve(isReady);
    };
    socket.once('data', () => finish(true));
    for (const event of ['error', 'timeout', 'close']) socket.once(event, () => finish(false));
  });
}
