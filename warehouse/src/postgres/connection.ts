import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { DirectoryInUseError } from '../embedded/directory-lock.js';
import { findEmbeddedPostgres, startEmbeddedPostgres } from '../embedded/embedded-postgres.js';

export interface Postgres {
  pool: pg.Pool;
  /** Plain `postgres://` address, also for an embedded server. */
  url: string;
  /** Closes the pool; stops an embedded server that this call started. */
  close(): Promise<void>;
}

export interface PostgresOptions {
  /** Connections at most. Default 10. */
  max?: number;
  /** Shown in pg_stat_activity. Default `sluice`. */
  applicationName?: string;
  /** Gets what goes wrong with idle connections; the pool replaces them by itself. */
  onIdleError?: (error: Error) => void;
}

/** Counts and ids stay below 2^53; a number beyond would silently be another one, so it is refused. */
const INT8_OID = 20;
const standardParserOf = pg.types.getTypeParser as (oid: number, format: 'text') => (text: string) => unknown;
const TYPES = {
  getTypeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
    if (oid === INT8_OID && format !== 'binary') return parseSafeInteger;
    return standardParserOf(oid, 'text');
  },
};

function parseSafeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${text} does not fit a number`);
  return value;
}

/** How long to wait for a server that another process is starting. */
const ATTACH_TIMEOUT_MS = 90_000;

/**
 * Opens Postgres: `postgres://…` (TLS by `?sslmode=`), or `embedded:DIR`, which uses the server that runs there or starts
 * one.
 * @throws Error, with a text for people, when the server does not answer or does not start.
 */
export async function openPostgres(url: string, options: PostgresOptions = {}): Promise<Postgres> {
  if (!url.startsWith('embedded:')) return openPool(url, options);
  const server = await startOrAttach(url.slice('embedded:'.length));
  try {
    const opened = await openPool(server.url, options);
    return {
      ...opened,
      async close() {
        await opened.close();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function startOrAttach(dataDir: string): Promise<{ url: string; stop(): Promise<void> }> {
  const deadline = Date.now() + ATTACH_TIMEOUT_MS;
  for (;;) {
    const running = await findEmbeddedPostgres(dataDir);
    if (running !== undefined) return { url: running, stop: () => Promise.resolve() };
    try {
      return await startEmbeddedPostgres({ dataDir });
    } catch (error) {
      // Another process is starting it, or stopping it.
      if (!(error instanceof DirectoryInUseError) || Date.now() > deadline) throw error;
      await wait(100);
    }
  }
}

async function openPool(url: string, options: PostgresOptions): Promise<Postgres> {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.max ?? 10,
    application_name: options.applicationName ?? 'sluice',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    types: TYPES,
  });
  pool.on('error', options.onIdleError ?? (() => undefined));
  // A connection can also break while its holder is busy with something else, within a transaction. That is no reason to
  // crash: the holder's next statement fails.
  pool.on('connect', (client) => client.on('error', () => undefined));
  try {
    await pool.query('select 1');
  } catch (error) {
    await pool.end();
    const where = new URL(url);
    throw new Error(`Postgres at ${where.host}${where.pathname} does not answer: ${String(error)}`, {
      cause: error,
    });
  }
  return { pool, url, close: () => pool.end() };
}
