import { createHash, randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface DirectoryLock {
  release(): Promise<void>;
}

/** Another process works in the directory; the message is for people. */
export class DirectoryInUseError extends Error {
  override name = 'DirectoryInUseError';

  constructor(
    readonly dir: string,
    readonly pid: number,
  ) {
    super(
      `The directory ${dir} is in use by process ${pid}. ` +
        'Stop that instance, or give this one a data directory of its own.',
    );
  }
}

interface Holder {
  pid: number;
  /** When that process started, so that a recycled pid is not taken for it; empty where it cannot be known. */
  startedAt: string;
  /** Makes every lock a different text. */
  nonce: string;
}

/**
 * Makes this process the only one that works in a directory. A lock whose process is gone (it was killed) is taken over.
 * @throws DirectoryInUseError when another process, or this one, has the lock.
 */
export async function lockDirectory(dir: string): Promise<DirectoryLock> {
  await mkdir(dir, { recursive: true });
  const path = join(dir, 'process.lock');
  const me: Holder = { pid: process.pid, startedAt: await startTimeOf(process.pid), nonce: randomUUID() };
  const draft = `${path}.${me.nonce}`;
  await writeFile(draft, JSON.stringify(me), { mode: 0o600 });
  try {
    await acquire(path, draft, dir);
  } finally {
    await rm(draft, { force: true });
  }
  return { release: () => rm(path, { force: true }) };
}

/**
 * Puts the draft's content at `path`. A stale lock is replaced only by whoever holds a lock named after the stale one's
 * content, so that of several that find it stale at once, one gets it.
 */
async function acquire(path: string, draft: string, dir: string): Promise<void> {
  // A link appears with all its content, or not at all.
  while (!(await createsLink(draft, path))) {
    const text = await readIfThere(path);
    if (text === undefined) continue;
    const holder = parseHolder(text);
    if (holder !== undefined && (await isRunning(holder))) throw new DirectoryInUseError(dir, holder.pid);
    const claim = `${path}-${createHash('sha256').update(text).digest('hex').slice(0, 12)}`;
    await acquire(claim, draft, dir);
    try {
      if ((await readIfThere(path)) !== text) continue;
      await link(draft, `${draft}.copy`);
      await rename(`${draft}.copy`, path);
      return;
    } finally {
      await rm(claim, { force: true });
    }
  }
}

async function createsLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function parseHolder(text: string): Omit<Holder, 'nonce'> | undefined {
  try {
    const { pid, startedAt = '' } = JSON.parse(text) as Partial<Holder>;
    return typeof pid === 'number' ? { pid, startedAt } : undefined;
  } catch {
    // Not written by this code, or by a disk that lost power.
    return undefined;
  }
}

async function isRunning(holder: Omit<Holder, 'nonce'>): Promise<boolean> {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (isCode(error, 'ESRCH')) return false;
  }
  return holder.startedAt === '' || (await startTimeOf(holder.pid)) === holder.startedAt;
}

/** Field 22 of /proc/PID/stat: the start of a process in clock ticks since boot. Empty outside Linux. */
async function startTimeOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses, which may hold spaces.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}
