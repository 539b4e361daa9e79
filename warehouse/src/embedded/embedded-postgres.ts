import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import pg from 'pg';
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries.js';
import { chooseUser, type RunAs } from './postgres-user.js';

export interface EmbeddedPostgres {
  /** Address with its password; listens on 127.0.0.1 only. */
  url: string;
  pid: number;
  /** Calls back once, when the server has ended for whatever reason. */
  onExit(callback: () => void): void;
  /** Shuts down fast and clean: open transactions are rolled back. */
  stop(): Promise<void>;
}

interface ConnectionFile {
  port: number;
  password: string;
}

const DATABASE = 'sluice';
const USER = 'sluice';
const START_TIMEOUT_MS = 60_000;

/** Durable, and sized for a small machine. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  wal_level: 'minimal',
  max_wal_senders: '0',
  wal_compression: 'on',
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  shared_buffers: '128MB',
  max_connections: '60',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  lc_messages: 'C',
};

/**
 * Starts the Postgres server of a data directory; the first time, makes it. A server that was left behind there, because
 * the process that started it was killed, is shut down first. Its log is DIR/postgres.log.
 * @throws Error, with the last lines of the log, when it does not start.
 */
export async function startEmbeddedPostgres(options: { dataDir: string }): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir);
  const clusterDir = join(dataDir, 'cluster');
  const binaries = findPostgresBinaries();
  await mkdir(dataDir, { recursive: true });
  const runAs = chooseUser(clusterDir, dirname(binaries.postgres));
  await stopLeftover(clusterDir);
  let connection = await readConnection(dataDir);
  if (connection === undefined || !existsSync(join(clusterDir, 'PG_VERSION'))) {
    connection = { port: await freePort(), password: randomBytes(18).toString('base64url') };
    await makeCluster(dataDir, clusterDir, connection.password, binaries, runAs);
    await writeConnection(dataDir, connection);
  } else if (!(await isPortFree(connection.port))) {
    connection = { ...connection, port: await freePort() };
    await writeConnection(dataDir, connection);
  }
  const logFile = join(dataDir, 'postgres.log');
  const child = spawnServer(binaries.postgres, clusterDir, connection.port, logFile, runAs);
  const exited = new Promise<void>((resolveExit) => {
    child.once('exit', () => resolveExit());
    child.once('error', () => resolveExit());
  });
  const url = urlOf(connection, DATABASE);
  try {
    await untilReady(connection, child, logFile);
  } catch (error) {
    child.kill('SIGINT');
    throw error;
  }
  return {
    url,
    pid: child.pid!,
    onExit: (callback) => void exited.then(callback),
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT');
      await exited;
    },
  };
}

/** The address of the server that runs in a data directory; undefined when none runs there. */
export async function findEmbeddedPostgres(dataDir: string): Promise<string | undefined> {
  const connection = await readConnection(resolve(dataDir));
  if (connection === undefined || leftoverPid(join(resolve(dataDir), 'cluster')) === undefined)
    return undefined;
  return (await answers(connection)) ? urlOf(connection, DATABASE) : undefined;
}

async function makeCluster(
  dataDir: string,
  clusterDir: string,
  password: string,
  binaries: PostgresBinaries,
  runAs: RunAs,
): Promise<void> {
  // A cluster that was being made when its maker was killed has no connection file: it holds nothing, and is made anew.
  await rm(clusterDir, { recursive: true, force: true });
  await mkdir(clusterDir, { mode: 0o700 });
  const passwordFile = join(dataDir, 'initial-password');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (runAs.uid !== undefined && runAs.gid !== undefined) {
    for (const path of [clusterDir, passwordFile]) chownSync(path, runAs.uid, runAs.gid);
  }
  try {
    const args = [
      `--pgdata=${clusterDir}`,
      '--auth=scram-sha-256',
      `--username=${USER}`,
      `--pwfile=${passwordFile}`,
      '--encoding=UTF8',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--locale=C',
      '--no-instructions',
    ];
    await runToEnd(runAs, binaries.initdb, args);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function runToEnd(runAs: RunAs, program: string, programArgs: readonly string[]): Promise<void> {
  const { file, args } = runAs.command(program, programArgs);
  const child = spawn(file, args, { ...identityOf(runAs), stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-4_000)));
  }
  const code = await new Promise<number | null>((resolveCode, reject) => {
    child.once('error', reject);
    child.once('close', resolveCode);
  });
  if (code !== 0) throw new Error(`${program} failed (exit code ${code ?? 'none'}):\n${output}`);
}

function spawnServer(
  postgres: string,
  clusterDir: string,
  port: number,
  logFile: string,
  runAs: RunAs,
): ChildProcess {
  const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const { file, args } = runAs.command(postgres, ['-D', clusterDir, '-p', String(port), ...settings]);
  const log = openSync(logFile, 'a', 0o600);
  try {
    // A group of its own: Ctrl+C in a terminal must not end it before those who still write to it.
    return spawn(file, args, { ...identityOf(runAs), stdio: ['ignore', log, log], detached: true, cwd: '/' });
  } finally {
    closeSync(log);
  }
}

function identityOf(runAs: RunAs): { uid?: number; gid?: number } {
  return runAs.uid === undefined || runAs.gid === undefined ? {} : { uid: runAs.uid, gid: runAs.gid };
}

/** Polls until the server takes connections and its database exists; it tells no other way that it is ready. */
async function untilReady(connection: ConnectionFile, child: ChildProcess, logFile: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await answers(connection))) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
      throw new Error(`Postgres did not start. The end of ${logFile}:\n${await tailOf(logFile)}`);
    }
    if (Date.now() > deadline) {
      throw new Error(
        `Postgres took longer than ${START_TIMEOUT_MS / 1000} s. The end of its log:\n${await tailOf(logFile)}`,
      );
    }
    await new Promise((resolveWait) => setTimeout(resolveWait, 50));
  }
  const client = new pg.Client({ connectionString: urlOf(connection, 'postgres') });
  await client.connect();
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [DATABASE]);
    if (found.rowCount === 0) await client.query(`create database ${DATABASE}`);
  } finally {
    await client.end();
  }
}

async function answers(connection: ConnectionFile): Promise<boolean> {
  const client = new pg.Client({
    connectionString: urlOf(connection, 'postgres'),
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

/** Shuts a left-behind server down and waits until its processes, which may outlive it, have let go of the files. */
async function stopLeftover(clusterDir: string): Promise<void> {
  const pid = leftoverPid(clusterDir);
  if (pid === undefined) return;
  const startedAt = Date.now();
  for (const [signal, patienceMs] of [
    ['SIGINT', 15_000],
    ['SIGQUIT', 30_000],
    ['SIGKILL', 40_000],
  ] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    while (Date.now() - startedAt < patienceMs) {
      if (leftoverPid(clusterDir) === undefined) return;
      await new Promise((resolveWait) => setTimeout(resolveWait, 50));
    }
  }
  throw new Error(`The Postgres process ${pid}, left behind in ${clusterDir}, does not end.`);
}

/** The running server that postmaster.pid names, if it is one: the pid may by now belong to another program. */
function leftoverPid(clusterDir: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(clusterDir, 'postmaster.pid'), 'utf8').split('\n', 1)[0]);
    if (!Number.isInteger(pid) || pid <= 1) return undefined;
    process.kill(pid, 0);
    if (process.platform !== 'linux') return pid;
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return commandLine.includes(clusterDir) ? pid : undefined;
  } catch {
    return undefined;
  }
}

async function readConnection(dataDir: string): Promise<ConnectionFile | undefined> {
  try {
    return JSON.parse(await readFile(join(dataDir, 'connection.json'), 'utf8')) as ConnectionFile;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function writeConnection(dataDir: string, connection: ConnectionFile): Promise<void> {
  const draft = join(dataDir, 'connection.json.tmp');
  await writeFile(draft, JSON.stringify(connection), { mode: 0o600 });
  await chmod(draft, 0o600);
  await rename(draft, join(dataDir, 'connection.json'));
}

function urlOf(connection: ConnectionFile, database: string): string {
  return `postgres://${USER}:${connection.password}@127.0.0.1:${connection.port}/${database}`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolveListen, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolveListen);
  });
  const address = server.address();
  await new Promise<void>((resolveClose) => server.close(() => resolveClose()));
  if (address === null || typeof address === 'string') throw new Error('No free port was found.');
  return address.port;
}

async function isPortFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await new Promise<void>((resolveListen, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolveListen);
    });
    return true;
  } catch {
    return false;
  } finally {
    await new Promise<void>((resolveClose) => server.close(() => resolveClose()));
  }
}

async function tailOf(file: string): Promise<string> {
  return (await readFile(file, 'utf8').catch(() => '')).split('\n').slice(-15).join('\n');
}
