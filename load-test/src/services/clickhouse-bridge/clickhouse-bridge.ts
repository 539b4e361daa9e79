import { ClickHouseError } from '@clickhouse/client';
import { FormattedParameter, type EngineConnection } from '@sluice/warehouse/testing';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { BridgeError } from './bridge-error.js';
import { statusOf } from './exception-status.js';
import { readStatement, type Statement } from './read-statement.js';

export interface BridgeUser {
  password: string;
  /** May ask only. */
  readOnly?: boolean;
}

export interface ClickHouseBridgeOptions {
  engine: EngineConnection;
  users: Readonly<Record<string, BridgeUser>>;
  /** Default 127.0.0.1. */
  host?: string;
  /** Default: a free one. */
  port?: number;
}

export interface ClickHouseBridge {
  port: number;
  /** Finishes inserts that run, cancels the rest. */
  stop(): Promise<void>;
}

/** As ClickHouse's `http_max_uri_size`. */
const MAX_ADDRESS_BYTES = 1024 * 1024;

const READ =
  /^(?:\s|\(|--[^\n]*\n|\/\*[\s\S]*?\*\/)*(?:select|with|show|describe|desc|explain|exists|check)\b/i;

/**
 * ClickHouse's HTTP interface, as far as the official client and Sluice use it, before the engine in this process: the
 * same statements on the same engine, over the wire of a server. It is no server of its own: it knows no roles, no grants
 * beyond read-only, no sessions, and holds a result whole before it sends it.
 */
export async function startClickHouseBridge(options: ClickHouseBridgeOptions): Promise<ClickHouseBridge> {
  const { engine, users } = options;
  const server = createServer(
    { maxHeaderSize: MAX_ADDRESS_BYTES, requestTimeout: 0 },
    (request, response) => {
      serve(request, response).catch((error: unknown) => refuse(response, error));
    },
  );
  // Longer than the client keeps idle connections.
  server.keepAliveTimeout = 30_000;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?')[0];
    if (path === '/ping' || (path === '/' && request.method === 'GET' && request.url === '/')) {
      response.end('Ok.\n');
      return;
    }
    if (path !== '/') {
      response.writeHead(404).end('There is no handle here.\n');
      return;
    }
    const user = authenticate(request, users);
    const statement = await readStatement(request);
    const abort = new AbortController();
    const isAskedToCancel = statement.settings['cancel_http_readonly_queries_on_client_close'] === '1';
    response.once('close', () => {
      if (!response.writableFinished && isAskedToCancel) abort.abort();
    });
    const body = await run(engine, statement, {
      isReadOnly: user.readOnly === true || request.method === 'GET',
      signal: abort.signal,
    });
    response.writeHead(200, {
      'x-clickhouse-query-id': body.queryId,
      'x-clickhouse-summary': JSON.stringify({ elapsed_ns: String(Math.round(body.elapsedMs * 1e6)) }),
      'x-clickhouse-timezone': 'UTC',
      'content-type': 'text/plain; charset=UTF-8',
      ...(statement.acceptsGzip ? { 'content-encoding': 'gzip' } : {}),
    });
    await (statement.acceptsGzip
      ? pipeline(body.stream, createGzip({ level: 1 }), response)
      : pipeline(body.stream, response));
  }

  server.listen(options.port ?? 0, options.host ?? '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeIdleConnections();
      await engine.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

interface RunResult {
  queryId: string;
  stream: AsyncIterable<Uint8Array>;
  elapsedMs: number;
}

async function run(
  engine: EngineConnection,
  statement: Statement,
  { isReadOnly, signal }: { isReadOnly: boolean; signal: AbortSignal },
): Promise<RunResult> {
  const startedAtMs = performance.now();
  const isRead = READ.test(statement.query);
  if (isReadOnly && !isRead) {
    throw new BridgeError(164, 'READONLY', 'Cannot execute query in readonly mode.');
  }
  const given = {
    query: statement.query,
    clickhouse_settings: statement.settings,
    query_params: Object.fromEntries(
      [...statement.parameters].map(([name, value]) => [name, new FormattedParameter(value)]),
    ),
    abort_signal: signal,
    ...(statement.queryId === undefined ? {} : { query_id: statement.queryId }),
  };
  if (statement.rows !== undefined) {
    const { query_id: queryId } = await engine.insert({ ...given, values: statement.rows });
    return { queryId, stream: nothing(), elapsedMs: performance.now() - startedAtMs };
  }
  if (!isRead) {
    const { query_id: queryId } = await engine.command(given);
    return { queryId, stream: nothing(), elapsedMs: performance.now() - startedAtMs };
  }
  const { query_id: queryId, stream } = await engine.query(given);
  return { queryId, stream: stream as AsyncIterable<Uint8Array>, elapsedMs: performance.now() - startedAtMs };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** By Basic authentication, the headers of ClickHouse's own, or the address. @throws BridgeError */
function authenticate(
  request: IncomingMessage,
  users: Readonly<Record<string, BridgeUser>>,
): BridgeUser & { name: string } {
  const { searchParams } = new URL(request.url ?? '/', 'http://bridge');
  const [scheme, token = ''] = (request.headers.authorization ?? '').split(' ');
  const basic = scheme?.toLowerCase() === 'basic' ? Buffer.from(token, 'base64').toString('utf8') : undefined;
  const colon = basic?.indexOf(':') ?? -1;
  const name =
    (basic === undefined ? undefined : basic.slice(0, colon)) ??
    header(request, 'x-clickhouse-user') ??
    searchParams.get('user') ??
    'default';
  const password =
    (basic === undefined ? undefined : basic.slice(colon + 1)) ??
    header(request, 'x-clickhouse-key') ??
    searchParams.get('password') ??
    '';
  const user = Object.hasOwn(users, name) ? users[name] : undefined;
  if (user?.password !== password) {
    throw new BridgeError(
      516,
      'AUTHENTICATION_FAILED',
      `${name}: Authentication failed: password is incorrect, or there is no user with such name.`,
    );
  }
  return { ...user, name };
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** Answers with the exception as a server words it; a connection whose answer has begun is cut. */
function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { code, type, message } = exceptionOf(error);
  response
    .writeHead(statusOf(code), {
      'x-clickhouse-exception-code': String(code),
      'content-type': 'text/plain; charset=UTF-8',
      // Rows of a refused insert may still be on their way.
      connection: 'close',
    })
    .end(`Code: ${code}. DB::Exception: ${message} (${type})\n`);
}

/** What is no exception of the engine's is one of the server's own: code 1002, as ClickHouse has it. */
function exceptionOf(error: unknown): { code: number; type: string; message: string } {
  if (error instanceof BridgeError) return error;
  if (error instanceof ClickHouseError) {
    return { code: Number(error.code), type: error.type ?? 'UNKNOWN_EXCEPTION', message: error.message };
  }
  return {
    code: 1002,
    type: 'UNKNOWN_EXCEPTION',
    message: error instanceof Error ? error.message : String(error),
  };
}
