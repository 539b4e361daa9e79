import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** Pid of the server that runs in a cluster's directory; undefined when none runs there. */
export function findPostmaster(clusterDir: string): number | undefined {
  const pid = readPidFile(clusterDir);
  if (pid === undefined) return undefined;
  return processesOf(clusterDir, pid).includes(pid) ? pid : undefined;
}

/**
 * Ends a server that was left behind, and what was left behind of one: after its postmaster was killed, its other
 * processes may go on writing for a moment. Then removes its pid file, whose pid may belong to anyone by now.
 * @throws Error when its processes do not end.
 */
export async function endLeftover(clusterDir: string): Promise<void> {
  for (const [signal, patienceMs] of [
    ['SIGINT', 15_000],
    ['SIGQUIT', 15_000],
    ['SIGKILL', 10_000],
  ] as const) {
    const postmaster = readPidFile(clusterDir);
    const deadline = Date.now() + patienceMs;
    let pids = processesOf(clusterDir, postmaster);
    // The postmaster ends its own; without one, each is told.
    const told = postmaster !== undefined && pids.includes(postmaster) ? [postmaster] : pids;
    for (const pid of signal === 'SIGKILL' ? pids : told) send(pid, signal);
    while (pids.length > 0 && Date.now() < deadline) {
      await wait(25);
      pids = processesOf(clusterDir, postmaster);
    }
    if (pids.length === 0) return;
  }
  throw new Error(`The Postgres processes left behind in ${clusterDir} do not end.`);
}

/** True when postmaster.pid names a process that has nothing to do with this cluster: a server would not start. */
export function hasForeignPidFile(clusterDir: string): boolean {
  const pid = readPidFile(clusterDir);
  return pid !== undefined && isAlive(pid) && processesOf(clusterDir, pid).length === 0;
}

/** All processes whose working directory is the cluster, as that of every Postgres process is. */
function processesOf(clusterDir: string, postmaster: number | undefined): number[] {
  if (process.platform !== 'linux') {
    return postmaster !== undefined && isPostgres(postmaster) ? [postmaster] : [];
  }
  let dir: string;
  try {
    dir = realpathSync(clusterDir);
  } catch {
    return [];
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => worksIn(pid, dir));
}

/** Where /proc is missing; does not tell one cluster's server from another's. */
function isPostgres(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-p', String(pid), '-o', 'comm='], { encoding: 'utf8' });
  return stdout.trim().endsWith('postgres');
}

function worksIn(pid: number, dir: string): boolean {
  try {
    if (readlinkSync(`/proc/${pid}/cwd`) !== dir) return false;
    const command = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
    // A process that has ended but was not yet collected by its parent holds nothing.
    const isZombie = /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return command === 'postgres' && !isZombie;
  } catch {
    // It ended meanwhile, or is another user's.
    return false;
  }
}

function readPidFile(clusterDir: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(clusterDir, 'postmaster.pid'), 'utf8').split('\n', 1)[0]);
    return Number.isInteger(pid) && pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended meanwhile.
  }
}
