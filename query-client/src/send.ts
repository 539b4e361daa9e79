import { errorOf, QueryError } from './query-error.js';

export interface ClientOptions {
  /** Address of the analytics API, such as `https://analytics.example.com`. */
  url: string;
  /** A read key; an admin key for what changes something. */
  key: string;
  /** Longest time for an answer, tries together, milliseconds. Default 60,000. */
  timeoutMs?: number;
  /** Tries after the first, of what may help. Default 2. */
  retries?: number;
  /** Default: the global one. */
  fetch?: typeof fetch;
  /** Waits between tries. Default: a timer. */
  sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface CallOptions {
  /** Ends the call; it then fails with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Default: the client's. */
  timeoutMs?: number | undefined;
}

export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  search?: Search | undefined;
  body?: unknown;
  /** Whether it changes something: then it is sent again only when the server says that it did nothing. */
  changes?: boolean;
  headers?: Readonly<Record<string, string>>;
}

export type Search = Readonly<Record<string, SearchValue | undefined>>;
type SearchValue = string | number | boolean | readonly (string | number)[];

/** Longer than this nobody waits in a call: the error says when to come back. */
const MAX_WAIT_MS = 20_000;
const FIRST_WAIT_MS = 200;

export interface Sender {
  /** Sends, again where that may help, and resolves with an answer that is none of an error. @throws QueryError */
  send: (call: Call, options?: CallOptions) => Promise<Response>;
  json: <Answer>(call: Call, options?: CallOptions) => Promise<Answer>;
  /** Opens a stream, without a time limit. @throws QueryError */
  open: (call: Call, signal: AbortSignal) => Promise<Response>;
}

export function createSender(client: ClientOptions): Sender {
  const { url, key, timeoutMs: defaultTimeoutMs = 60_000, retries = 2, sleep = wait } = client;
  const fetchIt = client.fetch ?? globalThis.fetch.bind(globalThis);
  const base = url.replace(/\/+$/, '');

  async function once(call: Call, signal: AbortSignal): Promise<Response> {
    const { method, path, search = {}, body, headers = {} } = call;
    const response = await fetchIt(`${base}${path}${queryString(search)}`, {
      method,
      signal,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (response.ok) return response;
    throw await errorOf(response);
  }

  /** `read` belongs to a try: an answer that breaks off is tried again, too. */
  async function attempt<T>(
    call: Call,
    { signal: outer, timeoutMs = defaultTimeoutMs }: CallOptions,
    read: (response: Response) => Promise<T>,
  ): Promise<T> {
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = outer === undefined ? timeout : AbortSignal.any([outer, timeout]);
    const fail = (cause: unknown): never => {
      outer?.throwIfAborted();
      if (timeout.aborted) {
        throw new QueryError('timeout', `There was no answer within ${timeoutMs} ms.`, {
          retryable: true,
          cause,
        });
      }
      throw toQueryError(cause);
    };
    for (let tries = 0; ; tries += 1) {
      try {
        return await read(await once(call, signal));
      } catch (error) {
        if (signal.aborted) return fail(error);
        const known = toQueryError(error);
        const waitMs = waitBefore(known, tries);
        if (tries >= retries || waitMs > MAX_WAIT_MS || !mayRepeat(call, known)) throw known;
        await sleep(waitMs, signal).catch(fail);
      }
    }
  }

  return {
    send: async (call, options = {}) => attempt(call, options, async (response) => response),
    json: async <Answer>(call: Call, options: CallOptions = {}) =>
      attempt(call, options, async (response) => (await response.json()) as Answer),
    async open(call, signal) {
      try {
        return await once(call, signal);
      } catch (error) {
        signal.throwIfAborted();
        throw toQueryError(error);
      }
    },
  };
}

/** What fails in `fetch`, or while an answer is read, is the network. */
export function toQueryError(error: unknown): QueryError {
  if (error instanceof QueryError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new QueryError('network_error', message, { retryable: true, cause: error });
}

/** A change may have been made although its answer was lost: only where the server was too busy to begin was it not. */
function mayRepeat({ changes = false }: Call, { retryable, status }: QueryError): boolean {
  return retryable && (!changes || status === 429 || status === 503);
}

/** As the server says, else longer each time, by chance: many clients shall not come back at once. */
function waitBefore({ retryAfter }: QueryError, tries: number): number {
  return retryAfter === undefined
    ? FIRST_WAIT_MS * 2 ** tries * (0.5 + Math.random() / 2)
    : retryAfter * 1_000;
}

function queryString(search: Search): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) {
    if (value === undefined) continue;
    for (const item of Array.isArray(value) ? (value as unknown[]) : [value])
      parameters.append(name, String(item));
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

export async function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, ms);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
