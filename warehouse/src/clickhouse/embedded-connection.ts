import { ClickHouseError, parseError, type ClickHouseClientConfigOptions } from '@clickhouse/client';
import type { Session } from 'chdb';
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { createConcurrencyLimit, type ConcurrencyLimit } from './concurrency-limit.js';
import type { EmbeddedEngine } from './embedded-engine.js';
import {
  changeOfSettings,
  parameterLiterals,
  parseInsert,
  quoteLiteral,
  settingLiterals,
} from './statement-text.js';

/** The client does not export the contract by name. */
type Connection = NonNullable<ClickHouseClientConfigOptions['connection']>;
type QueryParams = Parameters<Connection['query']>[0];
type InsertParams = Parameters<Connection['insert']>[0];

/** Each running statement takes a thread of Node's pool, which has four; files and zlib need one as well. */
const MAX_READS = 2;
const MAX_WRITES = 1;

const MAX_IDLE_SESSIONS = MAX_READS + MAX_WRITES;

/**
 * What the official client needs to talk to the engine in this process. The connection that comes with the engine is not
 * used: it makes settings with SET on one shared session, so that the deduplication token of one insert stays on for the
 * next ones, which are then silently dropped, and a read-only query leaves everything read-only; and it runs one
 * statement at a time. Here a statement has a session to itself while it runs, with exactly its own settings and
 * parameters.
 */
export function createEmbeddedConnection(engine: EmbeddedEngine): Connection {
  const reads = createConcurrencyLimit(MAX_READS);
  const writes = createConcurrencyLimit(MAX_WRITES);
  const idle: StatementSession[] = [];
  const running = new Set<Promise<unknown>>();
  const stops = new Set<AbortController>();
  let isClosed = false;

  async function execute(limit: ConcurrencyLimit, statement: Statement): Promise<Uint8Array> {
    if (isClosed) throw closedError();
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

  async function start(statement: Statement, signal: AbortSignal): Promise<Uint8Array> {
    const id = randomUUID();
    const kill = (): void => void keep(killStatement(id));
    signal.addEventListener('abort', kill, { once: true });
    const session = takeSession(statement);
    try {
      const bytes = await keep(session.run(statement, id));
      if (session.isReusable && idle.length < MAX_IDLE_SESSIONS && !isClosed) idle.push(session);
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

  function takeSession(statement: Statement): StatementSession {
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

  async function write(params: InsertParams): Promise<void> {
    const body = await bytesOf(params.values);
    // The engine refuses an insert without rows; a server takes it.
    if (body.length === 0) return;
    await execute(writes, { ...params, body });
  }

  return {
    async query(params) {
      const bytes = await execute(reads, params);
      return { ...resultOf(params), stream: streamOf(bytes) };
    },
    async exec(params) {
      if (params.values !== undefined) {
        await write({ ...params, values: params.values });
        return { ...resultOf(params), stream: streamOf(new Uint8Array()) };
      }
      return { ...resultOf(params), stream: streamOf(await execute(reads, params)) };
    },
    async command(params) {
      await execute(writes, params);
      return resultOf(params);
    },
    async insert(params) {
      await write(params);
      return resultOf(params);
    },
    async ping() {
      try {
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
      await writes.run(() => Promise.resolve());
      for (const stop of stops) stop.abort(closedError());
      while (running.size > 0) await Promise.allSettled(running);
      for (const session of idle.splice(0)) session.close();
      await engine.close();
    },
  };
}

type Statement = QueryParams & { body?: Uint8Array };

/** A session and what earlier statements have left on it. */
interface StatementSession {
  run(statement: Statement, id: string): Promise<Uint8Array>;
  /** Whether a value from earlier would stand in for a parameter that this statement forgot to give. */
  holdsParameterOf(statement: Statement): boolean;
  /** False when its settings cannot be changed any more. */
  readonly isReusable: boolean;
  close(): void;
}

function createStatementSession(session: Session): StatementSession {
  let settings: ReadonlyMap<string, string> = new Map();
  const parameters = new Map<string, string>();

  function prepare(statement: Statement, own: ReadonlyMap<string, string>): string[] {
    const wanted = settingLiterals(statement.clickhouse_settings ?? {});
    for (const [name, literal] of own) wanted.set(name, literal);
    const change = changeOfSettings(settings, wanted);
    settings = wanted;
    const bound = parameterLiterals(statement.query_params ?? {});
    const assignments = [...bound]
      .filter(([name, literal]) => parameters.get(name) !== literal)
      .map(([name, literal]) => `SET param_${name} = ${literal}`);
    for (const [name, literal] of bound) parameters.set(name, literal);
    // Parameters first: nothing can be set once the session is read-only.
    return [...assignments, ...(change === undefined ? [] : [change])];
  }

  return {
    async run(statement, id) {
      const mark = ['log_comment', quoteLiteral(id)] as const;
      const insert = statement.body === undefined ? undefined : parseInsert(statement.query);
      if (statement.body !== undefined && insert !== undefined) {
        const { settings: own, ...target } = insert;
        const preparations = prepare(statement, new Map([...own, mark]));
        if (preparations.length > 0) await session.queryAsync(preparations.join(';\n'));
        await session.insert({ ...target, values: statement.body });
        return new Uint8Array();
      }
      const text =
        statement.body === undefined
          ? statement.query
          : `${statement.query}\n${Buffer.from(statement.body).toString('utf8')}`;
      const result = await session.queryAsync([...prepare(statement, new Map([mark])), text].join(';\n'));
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

async function bytesOf(values: string | Readable): Promise<Buffer> {
  if (typeof values === 'string') return Buffer.from(values, 'utf8');
  const chunks: Buffer[] = [];
  for await (const chunk of values) {
    chunks.push(typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : Buffer.from(chunk as Uint8Array));
  }
  return Buffer.concat(chunks);
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
