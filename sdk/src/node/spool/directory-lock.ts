import { createHash, randomUUID } from 'node:crypto';
import {
  linkSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

/**
 * One writer per directory. Everything is synchronous: a spool is opened, and written to, within the first call of an
 * application that may end right after it.
 */
export interface DirectoryLock {
  /** False once another process took the lock over, because this one had not shown life for too long. */
  isHeld(): boolean;
  release(): void;
}

/** Another writer works in the directory. */
export class SpoolInUseError extends Error {
  override name = 'SpoolInUseError';

  constructor(
    readonly dir: string,
    readonly pid: number,
  ) {
    super(`The spool ${dir} is in use by process ${pid}.`);
  }
}

export interface LockOptions {
  /** How often the holder shows that it lives, milliseconds. Default 10,000. */
  heartbeatMs?: number;
  /**
   * A holder that this process cannot look up (it runs in another container or on another machine) counts as gone when it
   * has shown no life for so long, milliseconds. Default 60,000.
   */
  staleAfterMs?: number;
}

interface Holder {
  pid: number;
  /** When that process started, so that a recycled pid is not taken for it; empty where it cannot be known. */
  startedAt: string;
  /** Where pids mean the same: the machine's start and the pid namespace. */
  place: string;
  /** Makes every lock a different text. */
  nonce: string;
}

const NAME = 'writer.lock';

/**
 * Makes the caller the only writer of a directory that exists. A killed process does not keep its lock.
 * @throws SpoolInUseError when another writer has it, be it in this process.
 */
export function lockDirectory(dir: string, options: LockOptions = {}): DirectoryLock {
  const { heartbeatMs = 10_000, staleAfterMs = 60_000 } = options;
  const path = join(dir, NAME);
  const text = JSON.stringify({
    pid: process.pid,
    startedAt: startTimeOf(process.pid),
    place: placeOfPids(),
    nonce: randomUUID(),
  } satisfies Holder);
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, text, { mode: 0o600 });
  try {
    acquire(path, draft, dir, staleAfterMs);
  } finally {
    rmSync(draft, { force: true });
  }

  let isHeld = true;
  const check = (): void => {
    try {
      isHeld &&= readIfThere(path) === text;
    } catch {
      // A disk that does not answer says nothing about who holds the lock.
    }
  };
  const heartbeat = setInterval(() => {
    check();
    if (isHeld) touch(path);
    else clearInterval(heartbeat);
  }, heartbeatMs);
  heartbeat.unref();
  return {
    isHeld: () => isHeld,
    release() {
      clearInterval(heartbeat);
      check();
      if (isHeld) rmSync(path, { force: true });
      isHeld = false;
    },
  };
}

/**
 * Puts the draft's content at `path`. A stale lock is replaced only by whoever holds a lock named after the stale one's
 * content, so that of several that find it stale at once, one gets it.
 */
function acquire(path: string, draft: string, dir: string, staleAfterMs: number): void {
  // A link appears with all its content, or not at all.
  while (!createsLink(draft, path)) {
    const text = readIfThere(path);
    if (text === undefined) continue;
    const holder = parseHolder(text);
    if (holder !== undefined && isAlive(holder, path, staleAfterMs))
      throw new SpoolInUseError(dir, holder.pid);
    const claim = `${path}-${createHash('sha256').update(text).digest('hex').slice(0, 12)}`;
    acquire(claim, draft, dir, staleAfterMs);
    try {
      if (readIfThere(path) !== text) continue;
      linkSync(draft, `${draft}.copy`);
      renameSync(`${draft}.copy`, path);
      touch(path);
      return;
    } finally {
      rmSync(claim, { force: true });
    }
  }
}

function createsLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, startedAt = '', place = '', nonce = '' } = JSON.parse(text) as Partial<Holder>;
    return typeof pid === 'number' ? { pid, startedAt, place, nonce } : undefined;
  } catch {
    // Not written by this code, or by a disk that lost power.
    return undefined;
  }
}

function isAlive(holder: Holder, path: string, staleAfterMs: number): boolean {
  if (holder.place !== placeOfPids()) {
    const shownAtMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    return Date.now() - shownAtMs < staleAfterMs;
  }
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (isCode(error, 'ESRCH')) return false;
  }
  return holder.startedAt === '' || startTimeOf(holder.pid) === holder.startedAt;
}

/** Field 22 of /proc/PID/stat: the start of a process in clock ticks since boot. Empty outside Linux. */
function startTimeOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in parentheses, which may hold spaces.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function placeOfPids(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

function touch(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // The next heartbeat tries again; meanwhile the lock only looks older than it is.
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}
