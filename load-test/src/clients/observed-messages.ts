import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';

/** The JSON of a request's body, whatever its encoding; undefined when it is none. */
export function parseBody(body: Buffer, encoding: string | undefined): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(inflate(body, encoding).toString('utf8'));
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function inflate(body: Buffer, encoding: string | undefined): Buffer {
  switch (encoding) {
    case 'gzip':
      return gunzipSync(body);
    case 'deflate':
      return inflateSync(body);
    case 'br':
      return brotliDecompressSync(body);
    default:
      return body;
  }
}

/** The ids of a request's messages, by their position; undefined where a message has none. */
export function messageIdsOf(body: Record<string, unknown>): (string | undefined)[] {
  const messages: unknown[] = Array.isArray(body['batch']) ? body['batch'] : [body];
  return messages.map((message) => {
    const id = (message as { messageId?: unknown } | null)?.messageId;
    return typeof id === 'string' ? id : undefined;
  });
}
