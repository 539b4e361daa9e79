import { startKafkaBroker } from '@sluice/event-log/testing';
import { startEmbeddedPostgres } from '@sluice/warehouse';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { z } from 'zod';
import { findFreePorts } from '../instance/standalone-instance.js';
import { readComposeFile, readEnvFile, type ComposeFile, type ComposeService } from './compose-file.js';
import { environmentHere, kafkaSettingsOf, postgresSettingsOf, type Place } from './place.js';
import { createServiceProcess, runJob, type ServiceProcess } from './service-process.js';

/** The system of `docker-compose.yml`, as processes of this machine. */
export interface ComposedSystem {
  compose: ComposeFile;
  gateways: readonly ServiceProcess[];
  pipelines: readonly ServiceProcess[];
  api: ServiceProcess;
  /** Where each copy of a service is: `gateway:8001` → its addresses here. */
  targets: ReadonlyMap<string, readonly string[]>;
  gatewayUrls: readonly string[];
  apiUrl: string;
  writeKey: string;
  readKey: string;
  stop(): Promise<void>;
}

export interface ComposedSystemOptions {
  /** Folder with `docker-compose.yml`, and what it mounts. */
  root: string;
  /** Folder that the services' commands start from: what the image has as /app. */
  imageRoot: string;
  /** Empty, for data and logs. */
  dir: string;
  onStep: (text: string) => void;
}

const STOP_MS = 40_000;
const keySchema = z.object({ key: z.string() });

/**
 * Starts what the Compose file says, in its order: stores, the migrate job, services. Stores are Apache Kafka, Postgres,
 * and the ClickHouse engine behind a bridge that speaks its HTTP interface.
 */
export async function startComposedSystem(options: ComposedSystemOptions): Promise<ComposedSystem> {
  const { root, imageRoot, dir, onStep } = options;
  const environment = await readEnvFile(join(root, 'deploy/local.env'));
  const compose = await readComposeFile(join(root, 'docker-compose.yml'), environment);
  const service = (name: string): ComposeService => {
    const found = compose.services[name];
    if (found === undefined) throw new Error(`docker-compose.yml has no service ${name}`);
    return found;
  };
  const ends: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    const logs = join(dir, 'logs');
    await mkdir(logs, { recursive: true });
    const ports = await findFreePorts(6);
    const [gatewayPort, gateway2Port, pipeline1Port, pipeline2Port, apiPort, clickhousePort] = ports as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];

    onStep('starting Apache Kafka, Postgres and the ClickHouse engine behind its HTTP interface');
    const starts = await Promise.allSettled([
      startKafkaBroker({ properties: kafkaSettingsOf(service('kafka')) }),
      startEmbeddedPostgres({
        dataDir: join(dir, 'postgres'),
        settings: postgresSettingsOf(service('postgres')),
      }),
      startBridge(
        { clickhouse: service('clickhouse'), migrate: service('migrate') },
        join(dir, 'clickhouse'),
        clickhousePort,
        logs,
      ),
    ]);
    const [kafka, postgres, clickhouse] = starts;
    for (const store of [kafka, postgres]) {
      if (store.status === 'fulfilled') ends.push(() => store.value.stop());
    }
    if (clickhouse.status === 'fulfilled') ends.push(() => clickhouse.value.stop(STOP_MS));
    for (const store of starts) if (store.status === 'rejected') throw store.reason as Error;
    if (kafka.status !== 'fulfilled' || postgres.status !== 'fulfilled')
      throw new Error('a store is missing');

    await givePassword(postgres.value.url, service('postgres').environment['POSTGRES_PASSWORD'] ?? '');
    const addresses = new Map([
      ['kafka:9092', kafka.value.brokers],
      ['postgres:5432', new URL(postgres.value.url).host],
      ['clickhouse:8123', `127.0.0.1:${clickhousePort}`],
    ]);
    const place = (port?: number, spool?: string): Place => ({
      addresses,
      folders: new Map(spool === undefined ? [] : [['/var/lib/sluice/spool', spool]]),
      ...(port === undefined ? {} : { port }),
    });

    onStep('running the migrate job');
    const migrate = service('migrate');
    const job = (args: readonly string[]) =>
      runJob({
        name: args.join(' '),
        command: [process.execPath, ...args],
        cwd: imageRoot,
        environment: environmentHere(migrate, place()),
      });
    await job(migrate.command);
    const sluice = migrate.command[0] ?? '';
    const keyOf = async (kind: string): Promise<string> =>
      keySchema.parse(JSON.parse(await job([sluice, 'keys', 'create', '--kind', kind, '--json']))).key;
    const writeKey = await keyOf('write');
    const readKey = await keyOf('read');

    onStep('starting two gateways, two workers and the analytics API');
    const copy = (name: string, as: string, port: number, spool?: string): ServiceProcess => {
      const created = createServiceProcess({
        name: as,
        command: [process.execPath, ...service(name).command],
        cwd: imageRoot,
        environment: environmentHere(service(name), place(port, spool)),
        logFile: join(logs, `${as}.log`),
        readyUrl: `http://127.0.0.1:${port}/health/ready`,
      });
      ends.push(() => created.stop(STOP_MS));
      return created;
    };
    const api = copy('analytics-api', 'analytics-api', apiPort);
    const pipelines = [
      copy('pipeline', 'pipeline-1', pipeline1Port),
      copy('pipeline', 'pipeline-2', pipeline2Port),
    ];
    const gateways = [
      copy('gateway', 'gateway', gatewayPort, join(dir, 'spool-1')),
      copy('gateway-2', 'gateway-2', gateway2Port, join(dir, 'spool-2')),
    ];
    await Promise.all([...pipelines, api, ...gateways].map((one) => one.start()));
    const at = (port: number): string => `127.0.0.1:${port}`;
    return {
      compose,
      gateways,
      pipelines,
      api,
      gatewayUrls: [gatewayPort, gateway2Port].map((port) => `http://${at(port)}`),
      apiUrl: `http://${at(apiPort)}`,
      targets: new Map([
        ['gateway:8001', [at(gatewayPort), at(gateway2Port)]],
        ['pipeline:8003', [at(pipeline1Port), at(pipeline2Port)]],
        ['analytics-api:8002', [at(apiPort)]],
      ]),
      writeKey,
      readKey,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * The users of the Compose file's ClickHouse: its owner, and those that the migrate job makes on a server, which it cannot
 * here. The API may only read.
 */
async function startBridge(
  { clickhouse, migrate }: { clickhouse: ComposeService; migrate: ComposeService },
  dataDir: string,
  port: number,
  logs: string,
): Promise<ServiceProcess> {
  const { CLICKHOUSE_USER = '', CLICKHOUSE_PASSWORD } = clickhouse.environment;
  const { SLUICE_PIPELINE_PASSWORD, SLUICE_API_PASSWORD } = migrate.environment;
  const users = {
    [CLICKHOUSE_USER]: { password: CLICKHOUSE_PASSWORD },
    sluice_pipeline_login: { password: SLUICE_PIPELINE_PASSWORD },
    sluice_api_login: { password: SLUICE_API_PASSWORD, readOnly: true },
  };
  const bridge = createServiceProcess({
    name: 'clickhouse',
    command: [process.execPath, fileURLToPath(new URL('./clickhouse-bridge.js', import.meta.url))],
    cwd: logs,
    environment: {
      PORT: String(port),
      DATA_DIR: dataDir,
      USERS: JSON.stringify(users),
      UV_THREADPOOL_SIZE: '24',
    },
    logFile: join(logs, 'clickhouse.log'),
    readyUrl: `http://127.0.0.1:${port}/ping`,
  });
  await bridge.start();
  return bridge;
}

/** The embedded server's user and database have the names of the Compose file's; its password is made anew. */
async function givePassword(url: string, password: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`alter role sluice password ${client.escapeLiteral(password)}`);
  } finally {
    await client.end();
  }
}
