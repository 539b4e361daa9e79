import {
  ClickHouseLogLevel,
  createClient,
  type ClickHouseClient,
  type ClickHouseSettings,
} from '@clickhouse/client';
import { createEmbeddedConnection } from './embedded-connection.js';
import { COMMON_SETTINGS, INSERT_SETTINGS, insertSettingsFor } from './settings.js';
import { PLAIN_LAYOUT, replicatedLayout, type TableLayout } from './table-layout.js';

export interface ClickHouse {
  /** The official client, on whichever connection. */
  client: ClickHouseClient;
  /** Name of the database that holds a generation of the rollups. */
  database(generation: number): string;
  /** Every setting on which exactly-once depends, for each insert into a generation's tables. */
  insertSettings: ClickHouseSettings;
  /** How tables are made: plain on one node, replicated on a cluster. */
  layout: TableLayout;
  close(): Promise<void>;
}

export interface ClickHouseOptions {
  /** Start of the databases' names. Default `sluice`; from the address by `?prefix=`. */
  databasePrefix?: string;
  /** Memory of the embedded engine in bytes. Default two fifths of the machine's, at least 1 GiB. */
  maxMemoryBytes?: number;
}

/** Whoever calls gets the error, and logs it in the service's own form. */
const SILENT = { level: ClickHouseLogLevel.OFF };

/**
 * Opens ClickHouse. `embedded:DIR` runs the engine in this process, which must be the only one in that directory;
 * `http(s)://user:password@host:port/` uses a server: with `?cluster=NAME` for replicated tables on that cluster, with
 * `?replicated=1` for replicated tables without naming one, with `?prefix=NAME` for other names of the databases.
 * @throws Error, with a text for people, when the directory is in use or the server does not answer.
 */
export async function openClickHouse(url: string, options: ClickHouseOptions = {}): Promise<ClickHouse> {
  return url.startsWith('embedded:')
    ? openEmbedded(url.slice('embedded:'.length), options)
    : openServer(url, options);
}

async function openEmbedded(dir: string, options: ClickHouseOptions): Promise<ClickHouse> {
  // Loaded only when it is wanted: the engine is a library of several hundred megabytes.
  const { openEmbeddedEngine } = await import('./embedded-engine.js');
  const engine = await openEmbeddedEngine(dir, options);
  const client = createClient({
    connection: createEmbeddedConnection(engine),
    clickhouse_settings: COMMON_SETTINGS,
    log: SILENT,
  });
  return {
    client,
    database: databaseNames(options.databasePrefix),
    insertSettings: INSERT_SETTINGS,
    layout: PLAIN_LAYOUT,
    close: () => client.close(),
  };
}

async function openServer(url: string, options: ClickHouseOptions): Promise<ClickHouse> {
  const address = new URL(url);
  const cluster = address.searchParams.get('cluster');
  const isReplicated = cluster !== null || address.searchParams.get('replicated') === '1';
  const prefix = address.searchParams.get('prefix') ?? undefined;
  if (cluster !== null && !/^[\w-]+$/.test(cluster)) throw new Error('The name of the cluster is not valid.');
  const client = createClient({
    url: `${address.protocol}//${address.host}`,
    username: decodeURIComponent(address.username) || 'default',
    password: decodeURIComponent(address.password),
    request_timeout: 60_000,
    clickhouse_settings: COMMON_SETTINGS,
    log: SILENT,
    compression: { request: false, response: true },
    keep_alive: { enabled: true },
    // Long lists of values do not fit into an address.
    use_multipart_params_auto: true,
  });
  try {
    const insertSettings = await readInsertSettings(client);
    return {
      client,
      database: databaseNames(prefix ?? options.databasePrefix),
      insertSettings,
      layout: isReplicated ? replicatedLayout(cluster) : PLAIN_LAYOUT,
      close: () => client.close(),
    };
  } catch (error) {
    await client.close();
    throw new Error(`ClickHouse at ${address.host} cannot be used: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function readInsertSettings(client: ClickHouseClient): Promise<ClickHouseSettings> {
  const result = await client.query({
    query: 'select name, version() as version from system.settings where name in ({names: Array(String)})',
    query_params: { names: Object.keys(INSERT_SETTINGS) },
    format: 'JSONEachRow',
  });
  const rows = await result.json<{ name: string; version: string }>();
  return insertSettingsFor(
    new Set(rows.map(({ name }) => name)),
    rows[0]?.version ?? 'of an unknown version',
  );
}

function databaseNames(prefix = 'sluice'): (generation: number) => string {
  if (!/^[a-z][a-z0-9_]*$/.test(prefix)) throw new Error('The prefix of the databases is not valid.');
  return (generation) => `${prefix}_g${generation}`;
}
