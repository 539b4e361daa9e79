import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

export interface DirectoryLock {
  release(): Promise<void>;
}

interface Holder {
  pid: number;
  /** When that process started, so that a recycled pid is not taken for it; empty where it cannot be known. */
  startedAt: string;
}

/**
 * Makes this process the only one that works in a directory. A lock whose process is gone (it was killed) is taken over.
 * @throws Error, with a text for people, when another process works there.
 */
export async function lockDirectory(dir: string): Promise<DirectoryLock> {
  await mkdir(dir, { recursive: true });
  const path = join(dir, 'process.lock');
  const me: Holder = { pid: process.pid, startedAt: await startTimeOf(process.pid) };
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.writeFile(JSON.stringify(me));
      await file.close();
      return { release: () => rm(path, { force: true }) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = await readHolder(path);
    if (holder !== undefined && (await isRunning(holder))) {
      throw new Error(
        `The directory ${dir} is in use by process ${holder.pid}. ` +
          'Stop that instance, or give this one a data directory of its own.',
      );
    }
    await rm(path, { force: true });
  }
  throw new Error(`The directory ${dir} could not be locked: another process keeps taking it.`);
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const holder = JSON.parse(await readFile(path, 'utf8')) as Partial<Holder>;
    return typeof holder.pid === 'number'
      ? { pid: holder.pid, startedAt: holder.startedAt ?? '' }
      : undefined;
  } catch {
    // Gone, or half written by a process that was killed: nobody holds it.
    return undefined;
  }
}

async function isRunning(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
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
