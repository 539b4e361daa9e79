import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { text } from 'node:stream/consumers';
import { BridgeError } from './bridge-error.js';

/** A request of the HTTP interface, taken apart. */
export interface Statement {
  query: string;
  queryId: string | undefined;
  /** Rows of an INSERT whose statement is in the address. */
  rows: Readable | undefined;
  /** Values as the interface writes them. */
  parameters: Map<string, string>;
  settings: Record<string, string>;
  acceptsGzip: boolean;
}

/** Parameters of the address that are neither settings nor values of the statement. */
const KNOWN = new Set(['query', 'query_id', 'user', 'password', 'database', 'stacktrace', 'quota_key']);

/** What the interface has beyond Sluice's use: refused, so that nothing seems to work that does not. */
const REFUSED = new Set([
  ...['session_id', 'session_timeout', 'session_check', 'role', 'compress', 'decompress'],
  'default_format',
]);

/**
 * Reads a request: the statement in the address, in the body, in both (then the body follows the address), or in a form.
 * Source: the documentation of ClickHouse, HTTP interface.
 * @throws BridgeError for what is not known here.
 */
export async function readStatement(request: IncomingMessage): Promise<Statement> {
  const { searchParams } = new URL(request.url ?? '/', 'http://bridge');
  const parameters = new Map<string, string>();
  const settings: Record<string, string> = {};
  for (const [name, value] of searchParams) {
    if (name.startsWith('param_')) parameters.set(name.slice('param_'.length), value);
    else if (REFUSED.has(name)) throw notImplemented(`the parameter ${name}`);
    else if (!KNOWN.has(name)) settings[name] = value;
  }
  const database = searchParams.get('database') ?? 'default';
  if (database !== 'default') throw notImplemented('a database of the request');
  const acceptsGzip =
    settings['enable_http_compression'] === '1' && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
  const rest = { queryId: searchParams.get('query_id') ?? undefined, parameters, settings, acceptsGzip };

  const inAddress = searchParams.get('query') ?? '';
  const contentType = request.headers['content-type'] ?? '';
  const body = inflated(request);
  if (contentType.startsWith('multipart/form-data')) {
    const form = await readForm(body, contentType);
    for (const [name, value] of form) {
      if (name.startsWith('param_')) parameters.set(name.slice('param_'.length), value);
    }
    return { ...rest, query: inAddress + (form.get('query') ?? ''), rows: undefined };
  }
  if (request.method !== 'POST') return { ...rest, query: inAddress, rows: undefined };
  if (/^\s*insert\s/i.test(inAddress)) return { ...rest, query: inAddress, rows: body };
  const inBody = await text(body);
  return {
    ...rest,
    query: inAddress !== '' && inBody !== '' ? `${inAddress}\n${inBody}` : inAddress + inBody,
    rows: undefined,
  };
}

function inflated(request: IncomingMessage): Readable {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding === 'identity') return request;
  if (encoding === 'gzip') return request.pipe(createGunzip());
  throw notImplemented(`a body in ${encoding}`);
}

/** The fields of a form as the official client writes it: texts, each with nothing but its name. */
async function readForm(body: Readable, contentType: string): Promise<Map<string, string>> {
  const [, quoted, plain] = /boundary=(?:"([^"]+)"|([^;\s]+))/.exec(contentType) ?? [];
  const boundary = quoted ?? plain ?? '';
  const parts = `\r\n${await text(body)}`.split(`\r\n--${boundary}`).slice(1, -1);
  const fields = new Map<string, string>();
  for (const part of parts) {
    const end = part.indexOf('\r\n\r\n');
    const name = /\bname="([^"]*)"/.exec(part.slice(0, end))?.[1];
    if (name === undefined || /\bfilename=/.test(part.slice(0, end)))
      throw notImplemented('a file in a form');
    fields.set(name, part.slice(end + 4));
  }
  return fields;
}

function notImplemented(what: string): BridgeError {
  return new BridgeError(48, 'NOT_IMPLEMENTED', `${what} is not known to this bridge`);
}
