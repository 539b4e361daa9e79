import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { endLeftover, findPostmaster, hasForeignPidFile } from './cluster-processes.js';
import { lockDirectory } from './directory-lock.js';
import { findPostgresBinaries } from './postgres-binaries.js';
import {
  clusterDirOf,
  DATABASE,
  freePort,
  identityOf,
  prepareCluster,
  readConnection,
  urlOf,
  writeConnection,
  type ClusterConnection,
} from './postgres-cluster.js';
import { chooseUser, type RunAs } from './postgres-user.js';

export interface EmbeddedPostgres {
  /** Address with its password; the server listens on 127.0.0.1 only. */
  url: string;
  pid: number;
  /** Calls back once, when the server has ended for whatever reason; its directory can be started again by then. */
  onExit(callback: () => void): void;
  /** Shuts down fast and clean: open transactions are rolled back. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;
const MAX_STARTS = 5;
const STOP_PATIENCE_MS = 30_000;
const LARGEST_LOG_BYTES = 16 * 1024 ** 2;

/** Durable, and sized for a small machine. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '60',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  wal_level: 'minimal',
  max_wal_senders: '0',
  wal_compression: 'on',
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  shared_buffers: '128MB',
  effective_cache_size: '512MB',
  maintenance_work_mem: '64MB',
  temp_buffers: '16MB',
  random_page_cost: '1.1',
  max_parallel_workers_per_gather: '1',
  // Partitions are many and plans short: compiling them costs more than it saves.
  jit: 'off',
  // A transaction whose client has died is ended although it is computing, or waits for a lock.
  client_connection_check_interval: '1s',
  timezone: 'UTC',
  log_timezone: 'UTC',
  lc_messages: 'C',
};

/**
 * Starts the Postgres server of a data directory; the first time, makes it. A server that was left behind there, because
 * the process that started it was killed, is shut down first. Its log is DIR/postgres.log.
 * @throws DirectoryInUseError when another process, or this one, runs it already.
 * @throws Error, with the last lines of the log, when it does not start.
 */
export async function startEmbeddedPostgres(options: {
  dataDir: string;
  /** Server settings beside, or instead of, its own. */
  settings?: Readonly<Record<string, string>>;
}): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir);
  await mkdir(dataDir, { recursive: true });
  const lock = await lockDirectory(dataDir);
  try {
    const { child, connection } = await startServer(dataDir, { ...SETTINGS, ...options.settings });
    const exited = exitOf(child).then(() => lock.release());
    return {
      url: urlOf(connection),
      pid: child.pid!,
      onExit: (callback) => void exited.then(callback),
      async stop() {
        for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
          if (hasEnded(child)) break;
          child.kill(signal);
          await Promise.race([exited, wait(STOP_PATIENCE_MS, undefined, { ref: false })]);
        }
        await exited;
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** The address of the server that runs in a data directory; undefined when none runs there. */
export async function findEmbeddedPostgres(dataDir: string): Promise<string | undefined> {
  const dir = resolve(dataDir);
  if (findPostmaster(clusterDirOf(dir)) === undefined) return undefined;
  const connection = await readConnection(dir);
  if (connection === undefined) return undefined;
  return (await isAnswering(connection, DATABASE)) ? urlOf(connection) : undefined;
}

async function startServer(
  dataDir: string,
  settings: Readonly<Record<string, string>>,
): Promise<{ child: ChildProcess; connection: ClusterConnection }> {
  const binaries = findPostgresBinaries();
  const clusterDir = clusterDirOf(dataDir);
  const runAs = chooseUser(clusterDir, dirname(binaries.postgres));
  await endLeftover(clusterDir);
  let connection = await prepareCluster(dataDir, binaries, runAs);
  const logFile = join(dataDir, 'postgres.log');
  await rotate(logFile);
  for (let start = 1; ; start++) {
    // Postgres takes any living process with that pid for a server.
    if (hasForeignPidFile(clusterDir)) await rm(join(clusterDir, 'postmaster.pid'), { force: true });
    const logStart = (await stat(logFile).catch(() => undefined))?.size ?? 0;
    const child = spawnServer(binaries.postgres, clusterDir, connection.port, settings, logFile, runAs);
    const outcome = await untilReady(connection, child);
    if (outcome === 'ready') return { child, connection };
    child.kill('SIGQUIT');
    const log = (await readFile(logFile, 'utf8').catch(() => '')).slice(logStart);
    if (outcome === 'ended' && start < MAX_STARTS) {
      if (/could not bind|could not create any TCP/.test(log)) {
        // Someone took the port since it was found free.
        connection = { ...connection, port: await freePort() };
        await writeConnection(dataDir, connection);
        continue;
      }
      if (/pre-existing shared memory block|lock file .* already exists/.test(log)) {
        await endLeftover(clusterDir);
        await wait(200 * start);
        continue;
      }
    }
    throw new Error(
      `Postgres ${outcome === 'ended' ? 'ended while it started' : `took longer than ${START_TIMEOUT_MS / 1000} s to start`}. ` +
        `The end of ${logFile}:\n${log.split('\n').slice(-15).join('\n')}`,
    );
  }
}

function spawnServer(
  postgres: string,
  clusterDir: string,
  port: number,
  settings: Readonly<Record<string, string>>,
  logFile: string,
  runAs: RunAs,
): ChildProcess {
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const { file, args } = runAs.command(postgres, ['-D', clusterDir, '-p', String(port), ...flags]);
  const log = openSync(logFile, 'a', 0o600);
  try {
    // A group of its own: Ctrl+C in a terminal must not end it before those who still write to it.
    return spawn(file, args, { ...identityOf(runAs), stdio: ['ignore', log, log], detached: true, cwd: '/' });
  } finally {
    closeSync(log);
  }
}

/** Polls until the server takes connections and its database exists; it tells no other way that it is ready. */
async function untilReady(
  connection: ClusterConnection,
  child: ChildProcess,
): Promise<'ready' | 'ended' | 'late'> {
  const exited = exitOf(child);
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!hasEnded(child)) {
    if (await isAnswering(connection, 'postgres')) {
      await ensureDatabase(connection);
      return 'ready';
    }
    if (Date.now() > deadline) return 'late';
    await Promise.race([exited, wait(50)]);
  }
  return 'ended';
}

async function ensureDatabase(connection: ClusterConnection): Promise<void> {
  const client = new pg.Client({ connectionString: urlOf(connection, 'postgres') });
  await client.connect();
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [DATABASE]);
    if (found.rowCount === 0) await client.query(`create database ${DATABASE}`);
  } finally {
    await client.end();
  }
}

async function isAnswering(connection: ClusterConnection, database: string): Promise<boolean> {
  const client = new pg.Client({
    connectionString: urlOf(connection, database),
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function exitOf(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return Promise.resolve();
  return new Promise((resolveExit) => {
    child.once('exit', () => resolveExit());
    child.once('error', () => resolveExit());
  });
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

async function rotate(logFile: string): Promise<void> {
  const size = (await stat(logFile).catch(() => undefined))?.size ?? 0;
  if (size > LARGEST_LOG_BYTES) await rename(logFile, `${logFile}.1`);
}
