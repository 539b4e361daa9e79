import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { chownSync, existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { PostgresBinaries } from './postgres-binaries.js';
import type { RunAs } from './postgres-user.js';

/** How to reach the server of a data directory; kept there, readable by its owner only. */
export interface ClusterConnection {
  port: number;
  password: string;
}

export const DATABASE = 'sluice';
const USER = 'sluice';

export function clusterDirOf(dataDir: string): string {
  return join(dataDir, 'cluster');
}

export function urlOf(connection: ClusterConnection, database = DATABASE): string {
  return `postgres://${USER}:${connection.password}@127.0.0.1:${connection.port}/${database}`;
}

/**
 * Makes sure that the data directory holds a cluster and the way to reach it, on a port that is free now. A cluster that
 * was being made when its maker was killed is made anew; one whose connection file was lost gets a new password.
 */
export async function prepareCluster(
  dataDir: string,
  binaries: PostgresBinaries,
  runAs: RunAs,
): Promise<ClusterConnection> {
  const clusterDir = clusterDirOf(dataDir);
  let connection = await readConnection(dataDir);
  const exists = existsSync(join(clusterDir, 'PG_VERSION'));
  if (exists && connection !== undefined) {
    if (await isPortFree(connection.port)) return connection;
    connection = { ...connection, port: await freePort() };
  } else {
    connection = { port: await freePort(), password: randomBytes(18).toString('base64url') };
    if (exists) await setPassword(clusterDir, connection.password, binaries, runAs);
    else await makeCluster(dataDir, connection.password, binaries, runAs);
  }
  await writeConnection(dataDir, connection);
  return connection;
}

async function makeCluster(
  dataDir: string,
  password: string,
  binaries: PostgresBinaries,
  runAs: RunAs,
): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (/^(?:new-cluster|password)-/.test(name)) await rm(join(dataDir, name), { recursive: true });
  }
  const draft = join(dataDir, `new-cluster-${randomUUID()}`);
  const passwordFile = join(dataDir, `password-${randomUUID()}`);
  await mkdir(draft, { mode: 0o700 });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (runAs.uid !== undefined && runAs.gid !== undefined) {
    for (const path of [draft, passwordFile]) chownSync(path, runAs.uid, runAs.gid);
  }
  try {
    await runToEnd(runAs, binaries.initdb, [
      `--pgdata=${draft}`,
      '--auth=scram-sha-256',
      `--username=${USER}`,
      `--pwfile=${passwordFile}`,
      '--encoding=UTF8',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--locale=C',
      '--data-checksums',
      '--no-instructions',
    ]);
  } finally {
    await rm(passwordFile, { force: true });
  }
  // The password is known before the cluster is there under its name: it is never one that nobody can enter.
  await rename(draft, clusterDirOf(dataDir));
}

async function setPassword(
  clusterDir: string,
  password: string,
  binaries: PostgresBinaries,
  runAs: RunAs,
): Promise<void> {
  await runToEnd(
    runAs,
    binaries.postgres,
    ['--single', '-D', clusterDir, 'postgres'],
    `alter role ${USER} password '${password}';\n`,
  );
}

async function runToEnd(
  runAs: RunAs,
  program: string,
  programArgs: readonly string[],
  input = '',
): Promise<void> {
  const { file, args } = runAs.command(program, programArgs);
  const child = spawn(file, args, { ...identityOf(runAs), stdio: ['pipe', 'pipe', 'pipe'], cwd: '/' });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-4_000)));
  }
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`${program} failed (exit code ${code ?? 'none'}):\n${output}`);
}

export function identityOf(runAs: RunAs): { uid?: number; gid?: number } {
  return runAs.uid === undefined || runAs.gid === undefined ? {} : { uid: runAs.uid, gid: runAs.gid };
}

/** Undefined when there is none, or none that can be read: the cluster then gets a new one. */
export async function readConnection(dataDir: string): Promise<ClusterConnection | undefined> {
  try {
    const { port, password } = JSON.parse(
      await readFile(connectionFile(dataDir), 'utf8'),
    ) as Partial<ClusterConnection>;
    return typeof port === 'number' && typeof password === 'string' ? { port, password } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function writeConnection(dataDir: string, connection: ClusterConnection): Promise<void> {
  const draft = `${connectionFile(dataDir)}.${randomUUID()}`;
  await writeFile(draft, JSON.stringify(connection), { mode: 0o600 });
  await chmod(draft, 0o600);
  await rename(draft, connectionFile(dataDir));
}

function connectionFile(dataDir: string): string {
  return join(dataDir, 'connection.json');
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error('No free port was found.');
  return address.port;
}

async function isPortFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    return true;
  } catch {
    return false;
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}
