import { randomUUID } from 'node:crypto';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { wait } from '../client/wait.js';

interface RawRequest {
  path: string;
  headers: Record<string, string>;
  body: Buffer;
}

/** Requests in every form that a client library is known to send, each with one or two messages. */
export function createRawRequests(writeKey: string): { messages: number; requests: RawRequest[] } {
  const basic = `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`;
  const basicWithoutColon = `Basic ${Buffer.from(writeKey).toString('base64')}`;
  const json = 'application/json';
  const sentAt = new Date().toISOString();
  const requests: RawRequest[] = [];
  let messages = 0;

  const message = (type: string, more: object = {}): Record<string, unknown> => {
    messages++;
    return {
      type,
      messageId: randomUUID(),
      timestamp: new Date(Date.now() - 1_500).toISOString(),
      userId: `raw-user-${messages % 4}`,
      ...more,
    };
  };
  const track = (form: string, more: object = {}) =>
    message('track', { event: 'raw_request', properties: { form }, ...more });
  const add = (path: string, headers: Record<string, string>, body: object): void => {
    requests.push({ path, headers, body: Buffer.from(JSON.stringify(body)) });
  };
  const addEncoded = (encoding: string, encode: (body: Buffer) => Buffer): void => {
    const body = Buffer.from(JSON.stringify({ sentAt, batch: [track(encoding), track(encoding)] }));
    requests.push({
      path: '/v1/batch',
      headers: { authorization: basic, 'content-type': json, 'content-encoding': encoding },
      body: encode(body),
    });
  };

  // The key in the header only, as Go, Ruby and PHP send it; then without the colon; then in the body only.
  add('/v1/batch', { authorization: basic, 'content-type': json }, { sentAt, batch: [track('basic-only')] });
  add(
    '/v1/track',
    { authorization: basicWithoutColon, 'content-type': json },
    { ...track('no-colon'), sentAt },
  );
  add(
    '/v1/batch',
    { 'content-type': json },
    { writeKey, sentAt, batch: [track('body-only'), track('body-only')] },
  );
  add(
    '/v1/track',
    { 'content-type': `${json}; charset=utf-8` },
    { writeKey, ...track('body-only-single'), sentAt },
  );
  // text/plain, as browsers send it to spare themselves a preflight.
  const plain = { 'content-type': 'text/plain', origin: 'http://localhost:3000' };
  add('/v1/t', plain, { writeKey, ...track('text-plain'), sentAt });
  add('/v1/b', plain, { writeKey, sentAt, batch: [track('text-plain-batch')] });
  // The key on each message; OAuth's bearer token beside a key in the body.
  add('/v1/b', { 'content-type': json }, { sentAt, batch: [track('key-in-message', { writeKey })] });
  add(
    '/v1/batch',
    { authorization: 'Bearer token', 'content-type': json },
    { writeKey, sentAt, batch: [track('bearer')] },
  );
  // Ruby's and Java's address, batch context under each message's own.
  add(
    '/v1/import/',
    { authorization: basic, 'content-type': json },
    {
      sentAt,
      context: { library: { name: 'analytics-java', version: '3.5' } },
      batch: [track('import'), track('import')],
    },
  );
  // Every single-call address, type left out where the address says it.
  const keyed = { authorization: basic, 'content-type': json };
  add('/v1/identify', keyed, {
    ...message('identify', { traits: { plan: 'free' } }),
    type: undefined,
    sentAt,
  });
  add('/v1/page/', keyed, { ...message('page', { name: 'Home' }), type: undefined, sentAt });
  add('/v1/s', keyed, { ...message('screen', { name: 'Home' }), type: undefined, sentAt });
  add('/v1/g', keyed, { ...message('group', { groupId: 'raw-group' }), type: undefined, sentAt });
  add('/v1/alias', keyed, { ...message('alias', { previousId: 'raw-earlier' }), type: undefined, sentAt });
  // Without a timestamp, with a numeric user id, with nanoseconds and an offset.
  add('/v1/track', keyed, { ...track('undated'), timestamp: undefined });
  add('/v1/track', keyed, { ...track('numeric-id', { userId: 4711 }), sentAt });
  add('/v1/track', keyed, {
    ...track('nanoseconds', { timestamp: new Date().toISOString().replace('Z', '123456+00:00') }),
    sentAt,
  });
  addEncoded('gzip', gzipSync);
  addEncoded('deflate', deflateSync);
  addEncoded('br', brotliCompressSync);
  return { messages, requests };
}

const ATTEMPTS = 6;

/** Sends each request until it is answered with 200, the way a client retries: the same bytes. */
export async function sendRawRequests(url: string, requests: readonly RawRequest[]): Promise<void> {
  for (const request of requests) {
    let last = '';
    let isDone = false;
    for (let attempt = 1; attempt <= ATTEMPTS && !isDone; attempt++) {
      if (attempt > 1) await wait(100 * attempt);
      try {
        const answer = await fetch(url + request.path, {
          method: 'POST',
          headers: request.headers,
          body: request.body as Uint8Array<ArrayBuffer>,
        });
        last = `HTTP ${answer.status} ${await answer.text()}`;
        isDone = answer.status === 200;
      } catch (error) {
        last = String(error);
      }
    }
    if (!isDone) throw new Error(`POST ${request.path} ${JSON.stringify(request.headers)}: ${last}`);
  }
}
