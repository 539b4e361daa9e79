import { ClickHouseError, parseError, type ClickHouseClientConfigOptions } from '@clickhouse/client';
import type { Session } from 'chdb';
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createConcurrencyLimit, type ConcurrencyLimit } from './concurrency-limit.js';
import type { EmbeddedEngine } from './embedded-engine.js';
import {
  changeOfSettings,
  insertFromFile,
  parameterLiterals,
  quoteLiteral,
  settingLiterals,
} from './statement-text.js';

/** The client does not export the contract by name. */
export type Connection = NonNullable<ClickHouseClientConfigOptions['connection']>;
type QueryParams = Parameters<Connection['query']>[0];
type InsertParams = Parameters<Connection['insert']>[0];

/** Each running statement takes a thread of Node's pool, which has four; files and zlib need one as well. */
const DEFAULT_CONCURRENCY: StatementConcurrency = { reads: 2, writes: 1 };

/** Statements that run at once; the others wait in line. */
export interface StatementConcurrency {
  reads: number;
  writes: number;
}

/** Of ClickHouse, bytes. */
const DEFAULT_MAX_QUERY_SIZE = 262_144;

/**
 * What the official client needs to talk to the engine in this process. The connection that comes with the engine is not
 * used: it makes settings with SET on one shared session, so that the deduplication token of one insert stays on for the
 * next ones, which are then silently dropped, and a read-only query leaves everything read-only; and it runs one
 * statement at a time. Here a statement has a session to itself while it runs, with exactly its own settings and
 * parameters.
 */
export function createEmbeddedConnection(
  engine: EmbeddedEngine,
  concurrency: StatementConcurrency = DEFAULT_CONCURRENCY,
): Connection {
  const reads = createConcurrencyLimit(concurrency.reads);
  const writes = createConcurrencyLimit(concurrency.writes);
  const maxIdleSessions = concurrency.reads + concurrency.writes;
  const idle: StatementSession[] = [];
  const running = new Set<Promise<unknown>>();
  const inserts = new Set<Promise<unknown>>();
  const stops = new Set<AbortController>();
  let isClosed = false;

  async function execute(limit: ConcurrencyLimit, statement: QueryParams): Promise<Uint8Array> {
    const stop = new AbortController();
    const abort = (): void => stop.abort(new Error('The user aborted a request.'));
    statement.abort_signal?.addEventListener('abort', abort, { once: true });
    if (statement.abort_signal?.aborted === true) abort();
    stops.add(stop);
    try {
      // The caller of an aborted statement is told at once; the engine takes a moment to stop.
      return await new Promise((resolve, reject) => {
        stop.signal.addEventListener('abort', () => reject(stop.signal.reason as Error), { once: true });
        limit.run(() => start(statement, stop.signal), stop.signal).then(resolve, reject);
      });
    } catch (error) {
      throw stop.signal.aborted ? error : asClickHouseError(error);
    } finally {
      stops.delete(stop);
      statement.abort_signal?.removeEventListener('abort', abort);
    }
  }

  async function start(statement: QueryParams, signal: AbortSignal): Promise<Uint8Array> {
    const id = randomUUID();
    const kill = (): void => void keep(killStatement(id));
    signal.addEventListener('abort', kill, { once: true });
    const session = takeSession(statement);
    try {
      const bytes = await keep(session.run(statement, id));
      if (session.isReusable && idle.length < maxIdleSessions && !isClosed) idle.push(session);
      else session.close();
      return bytes;
    } catch (error) {
      // Which of its settings took effect is not known.
      session.close();
      throw error;
    } finally {
      signal.removeEventListener('abort', kill);
    }
  }

  /** Closing waits for it. */
  function keep<T>(work: Promise<T>): Promise<T> {
    running.add(work);
    const forget = (): void => void running.delete(work);
    work.then(forget, forget);
    return work;
  }

  function takeSession(statement: QueryParams): StatementSession {
    const index = idle.findIndex((session) => !session.holdsParameterOf(statement));
    return idle.splice(index, index === -1 ? 0 : 1)[0] ?? createStatementSession(engine.openSession());
  }

  async function killStatement(id: string): Promise<void> {
    const session = engine.openSession();
    try {
      await session.queryAsync(`KILL QUERY WHERE Settings['log_comment'] = ${quoteLiteral(id)} ASYNC`);
    } catch {
      // Its caller has been told already; the statement goes on to its own end.
    } finally {
      session.close();
    }
  }

  function write(params: InsertParams): Promise<void> {
    refuseWhenClosed();
    const work = writeThroughFile(params);
    inserts.add(work);
    const forget = (): void => void inserts.delete(work);
    work.then(forget, forget);
    return work;
  }

  /** Rows go through a file: in the text of a statement the engine reads them at two thirds of the speed, and only as text. */
  async function writeThroughFile(params: InsertParams): Promise<void> {
    const path = engine.scratchFile();
    try {
      await pipeline(
        typeof params.values === 'string' ? [params.values] : params.values,
        createWriteStream(path),
      );
      // The engine refuses an insert without rows; a server takes it.
      if ((await stat(path)).size === 0) return;
      const query =
        insertFromFile(params.query, path) ??
        `${params.query}\n${await readFile(path, { encoding: 'utf8' })}`;
      await execute(writes, { ...params, query });
    } finally {
      await rm(path, { force: true });
    }
  }

  function refuseWhenClosed(): void {
    if (isClosed) throw closedError();
  }

  return {
    async query(params) {
      refuseWhenClosed();
      const bytes = await execute(reads, params);
      return { ...resultOf(params), stream: streamOf(bytes) };
    },
    async exec(params) {
      refuseWhenClosed();
      if (params.values !== undefined) {
        await write({ ...params, values: params.values });
        return { ...resultOf(params), stream: streamOf(new Uint8Array()) };
      }
      return { ...resultOf(params), stream: streamOf(await execute(reads, params)) };
    },
    async command(params) {
      refuseWhenClosed();
      await execute(writes, params);
      return resultOf(params);
    },
    async insert(params) {
      await write(params);
      return resultOf(params);
    },
    async ping() {
      try {
        refuseWhenClosed();
        await execute(reads, { query: 'SELECT 1' });
        return { success: true };
      } catch (error) {
        return { success: false, error: error instanceof Error ? error : new Error(String(error)) };
      }
    },
    /** Waits for inserts that run, cancels the rest. */
    async close() {
      if (isClosed) return;
      isClosed = true;
      while (inserts.size > 0) await Promise.allSettled(inserts);
      for (const stop of stops) stop.abort(closedError());
      while (running.size > 0) await Promise.allSettled(running);
      for (const session of idle.splice(0)) session.close();
      await engine.close();
    },
  };
}

/** A session and what earlier statements have left on it. */
interface StatementSession {
  run(statement: QueryParams, id: string): Promise<Uint8Array>;
  /** Whether a value from earlier would stand in for a parameter that this statement forgot to give. */
  holdsParameterOf(statement: QueryParams): boolean;
  /** False when its settings cannot be changed any more. */
  readonly isReusable: boolean;
  close(): void;
}

function createStatementSession(session: Session): StatementSession {
  let settings: ReadonlyMap<string, string> = new Map();
  const parameters = new Map<string, string>();

  function prepare(statement: QueryParams, id: string): string[] {
    const wanted = settingLiterals(statement.clickhouse_settings ?? {}).set('log_comment', quoteLiteral(id));
    const change = changeOfSettings(settings, wanted);
    settings = wanted;
    const bound = parameterLiterals(statement.query_params ?? {});
    const assignments = [...bound]
      .filter(([name, literal]) => parameters.get(name) !== literal)
      .map(([name, literal]) => `SET param_${name} = ${literal}`);
    for (const [name, literal] of bound) parameters.set(name, literal);
    const longest = Math.max(0, ...assignments.map((assignment) => Buffer.byteLength(assignment)));
    // Parameters first: nothing can be set once the session is read-only.
    return [
      // Here values are text of a statement, for which there is a limit; a server takes them beside it.
      ...(longest < DEFAULT_MAX_QUERY_SIZE ? [] : [`SET max_query_size = ${longest + 1_024}`]),
      ...assignments,
      ...(change === undefined ? [] : [change]),
    ];
  }

  return {
    async run(statement, id) {
      const result = await session.queryAsync([...prepare(statement, id), statement.query].join(';\n'));
      return result.bytes();
    },
    holdsParameterOf({ query, query_params = {} }) {
      for (const name of parameters.keys()) {
        if (!Object.hasOwn(query_params, name) && new RegExp(`\\{\\s*${name}\\s*:`).test(query)) return true;
      }
      return false;
    },
    get isReusable() {
      return !settings.has('readonly');
    },
    close: () => session.close(),
  };
}

function streamOf(bytes: Uint8Array): Readable {
  const stream = Readable.from([Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)], {
    objectMode: false,
  });
  // A result that is closed unread is destroyed with an error that nobody listens to.
  stream.on('error', () => undefined);
  return stream;
}

function resultOf(params: { query_id?: string }): {
  query_id: string;
  response_headers: Record<string, never>;
  http_status_code: number;
} {
  return { query_id: params.query_id ?? randomUUID(), response_headers: {}, http_status_code: 200 };
}

/** The errors that the client gives for a server: with `code` and `type`. */
function asClickHouseError(error: unknown): Error {
  if (error instanceof ClickHouseError) return error;
  const parsed = parseError(error instanceof Error ? error.message : String(error));
  parsed.cause = error;
  return parsed;
}

function closedError(): Error {
  return new Error('The ClickHouse connection is closed.');
}
