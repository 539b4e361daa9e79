import { createKey, ensureProject } from '@sluice/service-kit';
import { lockDirectory, migratePostgres, openPostgres, startEmbeddedPostgres } from '@sluice/warehouse';
import { mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readInstance, writeInstance, type Instance } from '../instance-file.js';
import { awaitLeftovers } from '../leftovers.js';
import { requireFreePort } from '../ports.js';
import { superviseProcess, type SupervisedProcess } from '../supervised-process.js';
import { embeddedDir, storeUrls, type StoreUrls } from '../store-urls.js';

export interface StartOptions {
  dataDir: string;
  host: string;
  gatewayPort: number;
  apiPort: number;
  environment: NodeJS.ProcessEnv;
  /** Writes a line for people. */
  print(line: string): void;
  /** Aborted when the instance shall stop. */
  signal: AbortSignal;
}

/** How long the services may take until they answer; a first start makes all tables. */
const READY_TIMEOUT_MS = 120_000;
const LARGEST_LOG_BYTES = 32 * 1024 * 1024;

/**
 * Runs all of Sluice on this machine until the signal aborts: Postgres (unless a server is named), the gateway, and the
 * worker, which holds the pipeline, the analytics API and the one embedded ClickHouse engine. Each is restarted when it
 * ends. Killed at any moment, a next start goes on where the stores and the log are.
 */
export async function start(options: StartOptions): Promise<void> {
  const { dataDir, host, signal } = options;
  const print = (line: string): void => options.print(line);
  const lock = await lockDirectory(dataDir);
  const running: { stop(): Promise<void> }[] = [];
  const stopAll = async (): Promise<void> => {
    for (const part of running.reverse()) await part.stop();
    running.length = 0;
  };
  try {
    await awaitLeftovers(await readInstance(dataDir), print);
    await requireFreePort(host, options.gatewayPort, '--gateway-port');
    await requireFreePort(host, options.apiPort, '--api-port');
    const urls = storeUrls(dataDir, options.environment);
    const record = createInstanceRecord(dataDir, print);

    const postgresDir = embeddedDir(urls.postgres);
    let postgresUrl = urls.postgres;
    if (postgresDir !== undefined) {
      print('Starting Postgres …');
      const postgres = await keepPostgresRunning(postgresDir, print, (pid) =>
        record.noteChild('postgres', pid),
      );
      running.push(postgres);
      postgresUrl = postgres.url;
    }
    const instance = await prepareInstance(dataDir, postgresUrl, urls, options);

    print('Starting the gateway, the pipeline and the analytics API …');
    const logDir = join(dataDir, 'logs');
    await mkdir(logDir, { recursive: true });
    const spawn = async (
      name: string,
      entry: string,
      environment: Record<string, string>,
    ): Promise<SupervisedProcess> => {
      const logFile = join(logDir, `${name}.log`);
      await rotate(logFile);
      return superviseProcess({
        name,
        entry,
        logFile,
        environment: {
          ...options.environment,
          HOST: host,
          EVENT_LOG_URL: urls.eventLog,
          POSTGRES_URL: postgresUrl,
          CLICKHOUSE_URL: urls.clickhouse,
          ...environment,
        },
        onNotice: print,
        onStarted: (pid) => record.noteChild(name, pid),
      });
    };
    running.push(
      await spawn('worker', fileURLToPath(new URL('./worker.js', import.meta.url)), {
        PORT: String(options.apiPort),
      }),
    );
    running.push(
      await spawn('gateway', fileURLToPath(new URL('./gateway.js', import.meta.url)), {
        PORT: String(options.gatewayPort),
        SPOOL_DIR: join(dataDir, 'spool'),
        SHOP_WRITE_KEY: instance.writeKey,
      }),
    );
    const isReady =
      (await untilReady(`${instance.apiUrl}/health/ready`, signal)) &&
      (await untilReady(`${instance.gatewayUrl}/health/ready`, signal));
    if (isReady) {
      await record.publish(instance);
      printWelcome(instance, dataDir, print);
      await untilAborted(signal);
    }
    print('Stopping …');
    await stopAll();
    await record.retire();
    print('Stopped. Everything accepted is in the data directory.');
  } finally {
    await stopAll();
    await lock.release();
  }
}

interface InstanceRecord {
  /** A part runs (again) under this pid. */
  noteChild(name: string, pid: number): void;
  /** From now on the instance file tells of this instance, with the pids of its parts. */
  publish(instance: Instance): Promise<void>;
  /** The instance file tells that nothing runs. */
  retire(): Promise<void>;
}

/** Keeps the instance file true. Writes go one after the other, so that two parts starting at once lose no pid. */
function createInstanceRecord(dataDir: string, print: (line: string) => void): InstanceRecord {
  const children: Record<string, number> = {};
  let published: Instance | undefined;
  let writing: Promise<void> = Promise.resolve();
  const write = (instance: Instance): Promise<void> => {
    writing = writing.then(() => writeInstance(dataDir, instance));
    return writing;
  };
  return {
    noteChild(name, pid) {
      children[name] = pid;
      if (published === undefined) return;
      write({ ...published, children: { ...children } }).catch((error: unknown) =>
        print(`The instance file could not be written: ${String(error)}`),
      );
    },
    async publish(instance) {
      published = instance;
      await write({ ...instance, children: { ...children } });
    },
    async retire() {
      const instance = published;
      published = undefined;
      if (instance !== undefined) await write({ ...instance, pid: null, children: {} });
    },
  };
}

/** An embedded Postgres that is started again whenever it ends, under the same address. */
async function keepPostgresRunning(
  dataDir: string,
  print: (line: string) => void,
  onStarted: (pid: number) => void,
): Promise<{ url: string; stop(): Promise<void> }> {
  let stopping = false;
  let server = await startEmbeddedPostgres({ dataDir });
  let restarting = Promise.resolve();
  const { url } = server;

  function watch(): void {
    onStarted(server.pid);
    server.onExit(() => {
      if (stopping) return;
      print('Postgres ended; starting it again.');
      restarting = restart();
    });
  }
  async function restart(): Promise<void> {
    for (let delayMs = 250; !stopping; delayMs = Math.min(delayMs * 2, 10_000)) {
      try {
        server = await startEmbeddedPostgres({ dataDir });
        watch();
        return;
      } catch (error) {
        print(`Postgres could not be started: ${error instanceof Error ? error.message : String(error)}`);
        await new Promise((resolve) => setTimeout(resolve, delayMs));
      }
    }
  }

  watch();
  return {
    url,
    async stop() {
      stopping = true;
      await restarting;
      await server.stop();
    },
  };
}

/** Brings the schema up to date and makes, on the first start, the first project with its keys. */
async function prepareInstance(
  dataDir: string,
  postgresUrl: string,
  urls: StoreUrls,
  options: StartOptions,
): Promise<Instance> {
  const postgres = await openPostgres(postgresUrl, { max: 2, applicationName: 'sluice start' });
  try {
    await migratePostgres(postgres.pool);
    const earlier = await readInstance(dataDir);
    const projectId = await ensureProject(postgres.pool, 'default');
    const keyOf = async (kind: 'write' | 'read' | 'admin', known: string | undefined): Promise<string> =>
      known ?? (await createKey(postgres.pool, { projectId, kind })).key;
    const shownHost = options.host === '0.0.0.0' || options.host === '::' ? 'localhost' : options.host;
    const instance: Instance = {
      gatewayUrl: `http://${shownHost}:${options.gatewayPort}`,
      apiUrl: `http://${shownHost}:${options.apiPort}`,
      writeKey: await keyOf('write', earlier?.writeKey),
      readKey: await keyOf('read', earlier?.readKey),
      adminKey: await keyOf('admin', earlier?.adminKey),
      eventLogUrl: urls.eventLog,
      postgresUrl,
      clickhouseUrl: urls.clickhouse,
      pid: process.pid,
      children: {},
    };
    // The keys are kept at once: were they lost in a crash before the first welcome, nobody would know them.
    await writeInstance(dataDir, { ...instance, pid: null });
    return instance;
  } finally {
    await postgres.close();
  }
}

/** Polls until the address answers 200; false when the signal aborts first. */
async function untilReady(url: string, signal: AbortSignal): Promise<boolean> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  let last: string;
  while (!signal.aborted) {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
      if (answer.ok) return true;
      last = await answer.text();
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    if (Date.now() > deadline) {
      throw new Error(`${url} did not become ready within ${READY_TIMEOUT_MS / 1000} s: ${last}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Keeps one earlier log file, so that the logs of an instance stay bounded. */
async function rotate(file: string): Promise<void> {
  try {
    if ((await stat(file)).size > LARGEST_LOG_BYTES) await rename(file, `${file}.1`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function printWelcome(instance: Instance, dataDir: string, print: (line: string) => void): void {
  print(`
Sluice is running. Its data is in ${dataDir}.

  Gateway         ${instance.gatewayUrl}     (SDKs send events here; OpenAPI at /openapi.json)
  Analytics API   ${instance.apiUrl}     (OpenAPI at /openapi.json)
  Write key       ${instance.writeKey}
  Read key        ${instance.readKey}
  Example shop    ${instance.gatewayUrl}/shop/     (its clicks, searches and orders are events)

Send an event:

  curl -s ${instance.gatewayUrl}/v1/track -u ${instance.writeKey}: -H 'content-type: application/json' \\
    -d '{"userId":"user-1","event":"signed_up","properties":{"plan":"pro"}}'

Ask how many there were:

  curl -s ${instance.apiUrl}/v1/query -u ${instance.readKey}: -H 'content-type: application/json' \\
    -d '${EXAMPLE_QUERY}'

Stop with Ctrl+C.`);
}

/** Shown to newcomers; a test sends it. */
export const EXAMPLE_QUERY = JSON.stringify({
  kind: 'trends',
  series: [{ event: 'signed_up', measure: 'count' }],
});
