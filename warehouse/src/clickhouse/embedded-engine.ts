import { Session, drainPending } from 'chdb';
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { lockDirectory, type DirectoryLock } from '../embedded/directory-lock.js';

/** The ClickHouse engine in this process, open on one directory. */
export interface EmbeddedEngine {
  openSession(): Session;
  /** A path for a file that lives no longer than a statement; what a killed process left there goes at the next start. */
  scratchFile(): string;
  /** Shuts the engine down when nobody in the process uses it any more. */
  close(): Promise<void>;
}

interface Running {
  dir: string;
  lock: DirectoryLock;
  /** Keeps the engine alive while no statement runs. */
  anchor: Session;
  users: number;
}

/**
 * The engine is a library that lives once in a process, with one directory: so its state is the module's, and everyone in
 * the process who opens that directory shares it.
 */
let current: Promise<Running> | undefined;

/**
 * @throws Error, with a text for people, when another process has the directory, or this process already has another one
 * open.
 */
export async function openEmbeddedEngine(
  dir: string,
  options: { maxMemoryBytes?: number } = {},
): Promise<EmbeddedEngine> {
  const wanted = resolve(dir);
  current ??= startEngine(wanted, options.maxMemoryBytes ?? defaultMemoryBytes());
  const starting = current;
  let running: Running;
  try {
    running = await starting;
  } catch (error) {
    if (current === starting) current = undefined;
    throw error;
  }
  if (running.dir !== wanted) {
    throw new Error(
      `This process already has ClickHouse open in ${running.dir}; it can have one directory at a time.`,
    );
  }
  running.users++;
  let isClosed = false;
  return {
    openSession: () => new Session(join(wanted, 'store')),
    scratchFile: () => join(wanted, 'scratch', randomUUID()),
    async close() {
      if (isClosed) return;
      isClosed = true;
      running.users--;
      if (running.users > 0) return;
      current = undefined;
      running.anchor.close();
      // Sessions whose statements were still running are let go after them.
      await drainPending();
      await running.lock.release();
    },
  };
}

async function startEngine(dir: string, maxMemoryBytes: number): Promise<Running> {
  await mkdir(dir, { recursive: true });
  const lock = await lockDirectory(dir);
  try {
    await rm(join(dir, 'scratch'), { recursive: true, force: true });
    await mkdir(join(dir, 'scratch'));
    const anchor = new Session(join(dir, 'store'), { connectionArgs: serverArguments(maxMemoryBytes) });
    await anchor.queryAsync('SELECT 1');
    return { dir, lock, anchor, users: 0 };
  } catch (error) {
    await lock.release();
    throw new Error(
      `ClickHouse does not open the directory ${dir}: another process may have it open, or it cannot be written.`,
      { cause: error },
    );
  }
}

/** Two fifths of the machine, at least 1 GiB: Postgres, the log and the services live there too. */
function defaultMemoryBytes(): number {
  return Math.max(1024 ** 3, Math.floor(totalmem() * 0.4));
}

const MIB = 1024 ** 2;

/** What is the server's and not a statement's: these cannot be set later. */
function serverArguments(maxMemoryBytes: number): string[] {
  const settings = {
    max_server_memory_usage: maxMemoryBytes,
    mark_cache_size: 128 * MIB,
    primary_index_cache_size: 128 * MIB,
    index_mark_cache_size: 32 * MIB,
    query_condition_cache_size: 16 * MIB,
    text_index_tokens_cache_size: 16 * MIB,
    text_index_header_cache_size: 16 * MIB,
    text_index_postings_cache_size: 16 * MIB,
  };
  return Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
}
