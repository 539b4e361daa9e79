import { ingestAnswerSchema, type IngestAnswer } from '@sluice/contracts';
import { Pool } from 'undici';

export interface GatewayClientOptions {
  url: string;
  writeKey: string;
  /** Connections at most. Default 64. */
  connections?: number;
  /** How long an answer may take, milliseconds. Default 15,000. */
  timeoutMs?: number;
}

/** What became of one request. */
export type SendOutcome =
  | { kind: 'answered'; answer: IngestAnswer }
  /** The gateway said no to the request as a whole. */
  | { kind: 'refused'; status: number; reason: string; retryAfterMs: number | undefined }
  /** No answer: the messages may or may not have been taken. */
  | { kind: 'unanswered'; reason: string };

export interface GatewayClient {
  /** Posts a body as it is to a path of the gateway, `/v1/batch` unless named. Never rejects. */
  send(body: string | Uint8Array, path?: string): Promise<SendOutcome>;
  close(): Promise<void>;
}

export function createGatewayClient(options: GatewayClientOptions): GatewayClient {
  const { origin, pathname } = new URL(options.url);
  const prefix = pathname.replace(/\/$/, '');
  const timeoutMs = options.timeoutMs ?? 15_000;
  const pool = new Pool(origin, {
    connections: options.connections ?? 64,
    pipelining: 1,
    connectTimeout: timeoutMs,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  });
  const headers = {
    authorization: `Basic ${Buffer.from(`${options.writeKey}:`).toString('base64')}`,
    'content-type': 'application/json',
  };
  return {
    async send(body, path = '/v1/batch') {
      try {
        const response = await pool.request({ method: 'POST', path: prefix + path, headers, body });
        const text = await response.body.text();
        return readOutcome(response.statusCode, response.headers['retry-after'], text);
      } catch (error) {
        return { kind: 'unanswered', reason: reasonOf(error) };
      }
    },
    close: () => pool.destroy(),
  };
}

function readOutcome(status: number, retryAfter: string | string[] | undefined, text: string): SendOutcome {
  const body = parseJson(text);
  if (status === 200) {
    const answer = ingestAnswerSchema.safeParse(body);
    if (answer.success) return { kind: 'answered', answer: answer.data };
    return { kind: 'refused', status, reason: 'unexpected answer', retryAfterMs: undefined };
  }
  const code = (body as { code?: unknown } | undefined)?.code;
  const seconds = Number(retryAfter);
  return {
    kind: 'refused',
    status,
    reason: typeof code === 'string' ? code : `HTTP ${status}`,
    retryAfterMs: retryAfter !== undefined && Number.isFinite(seconds) ? seconds * 1_000 : undefined,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A short name of a network failure, to count by. */
function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return typeof code === 'string' ? code : String(message);
}
