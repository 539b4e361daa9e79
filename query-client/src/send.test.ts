import { describe, expect, it } from 'vitest';
import { createQueryClient, QueryError } from './index.js';

const problem = (code: string, status: number, retryable: boolean, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify({ code, status, retryable, message: code, field: '/x', instance: 'id-1' }), {
    status,
    headers,
  });
const ok = (body: unknown = {}) => new Response(JSON.stringify(body));

/** A client whose fetch gives these answers in turn; what it was asked and how long it waited. */
function clientOf(...answers: (Response | Error)[]) {
  const requests: { url: string; init: RequestInit }[] = [];
  const waits: number[] = [];
  const client = createQueryClient({
    url: 'https://a.example/',
    key: 'rk_1',
    fetch: async (url, init) => {
      requests.push({ url: url as string, init: init! });
      const answer = answers[requests.length - 1];
      if (answer instanceof Error) throw answer;
      return answer ?? ok();
    },
    sleep: async (ms) => void waits.push(ms),
  });
  return { client, requests, waits };
}

async function errorOf(work: Promise<unknown>): Promise<QueryError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(QueryError);
  return error as QueryError;
}

describe('a call', () => {
  it('carries the key, and its body as JSON', async () => {
    const { client, requests } = clientOf();
    await client.query({ kind: 'trends' });
    expect(requests[0]!.url).toBe('https://a.example/v1/query');
    expect(requests[0]!.init).toMatchObject({
      method: 'POST',
      body: '{"kind":"trends"}',
      headers: { authorization: 'Bearer rk_1', 'content-type': 'application/json' },
    });
  });

  it('writes parameters and names so that nothing in them is taken for more', async () => {
    const { client, requests } = clientOf();
    await client.saved.answer('a/../b', { country: ['N&O', 'S E'], n: 1, none: undefined }, { version: 2 });
    expect(requests[0]!.url).toBe(
      'https://a.example/v1/saved/a%2F..%2Fb.json?country=N%26O&country=S+E&n=1&version=2',
    );
  });

  it('is tried again when the answer says that this can help', async () => {
    const { client, requests, waits } = clientOf(
      problem('store_unavailable', 503, true, { 'retry-after': '2' }),
      new TypeError('fetch failed'),
      ok({ complete_through: null }),
    );
    expect(await client.status()).toEqual({ complete_through: null });
    expect(requests).toHaveLength(3);
    expect(waits[0]).toBe(2_000);
    expect(waits[1]).toBeGreaterThan(0);
  });

  it('fails at once when it cannot, with everything that the answer says', async () => {
    const { client, requests } = clientOf(problem('invalid_query', 400, false));
    expect(await errorOf(client.status())).toMatchObject({
      ...{ code: 'invalid_query', status: 400, field: '/x', retryable: false, requestId: 'id-1' },
    });
    expect(requests).toHaveLength(1);
  });

  it('does not wait for an hour: the error says when to come back', async () => {
    const { client, requests } = clientOf(problem('budget_exceeded', 429, true, { 'retry-after': '1800' }));
    expect(await errorOf(client.status())).toMatchObject({ code: 'budget_exceeded', retryAfter: 1_800 });
    expect(requests).toHaveLength(1);
  });

  it('gives up after its tries', async () => {
    const busy = () => problem('overloaded', 503, true);
    const { client, requests } = clientOf(busy(), busy(), busy(), ok());
    expect(await errorOf(client.status())).toMatchObject({ code: 'overloaded', retryable: true });
    expect(requests).toHaveLength(3);
  });

  it('that changes something is sent again only when nothing was done', async () => {
    const lost = clientOf(new TypeError('fetch failed'), ok());
    const body = { user_ids: ['ann'] };
    expect(await errorOf(lost.client.cohorts.save('c', body))).toMatchObject({ code: 'network_error' });
    const failed = clientOf(problem('internal_error', 500, true), ok());
    expect(await errorOf(failed.client.cohorts.save('c', body))).toMatchObject({ code: 'internal_error' });
    const busy = clientOf(problem('rate_limited', 429, true, { 'retry-after': '1' }), ok({ name: 'c' }));
    expect(await busy.client.cohorts.save('c', body)).toEqual({ name: 'c' });
  });

  it('tells what a proxy says from its status', async () => {
    const page = () => new Response('<html>', { status: 502 });
    const { client } = clientOf(page(), ok({ names: [] }));
    expect(await client.properties.eventNames()).toEqual({ names: [] });
    const { client: other } = clientOf(new Response('<html>', { status: 404 }));
    expect(await errorOf(other.status())).toMatchObject({
      code: 'unexpected_answer',
      status: 404,
      retryable: false,
    });
  });

  const silent: typeof fetch = async (_url, init) =>
    new Promise((_resolve, reject) => {
      init!.signal!.addEventListener('abort', () => reject(init!.signal!.reason as Error));
    });

  it('ends after its time', async () => {
    const client = createQueryClient({ url: 'https://a.example', key: 'k', fetch: silent });
    expect(await errorOf(client.status({ timeoutMs: 5 }))).toMatchObject({
      code: 'timeout',
      retryable: true,
    });
  });

  it('ends with its signal, and fails with the reason of it', async () => {
    const client = createQueryClient({ url: 'https://a.example', key: 'k', fetch: silent });
    const controller = new AbortController();
    const work = client.status({ signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(work).rejects.toThrow('enough');
  });
});

describe('pages', () => {
  it('are asked for one after the other, as they are wanted', async () => {
    const page = (ids: string[], next_cursor: string | null) =>
      ok({ events: ids.map((event_id) => ({ event_id })), next_cursor });
    const { client, requests } = clientOf(page(['a', 'b'], 'next page'), page(['c'], null));
    const seen: string[] = [];
    for await (const { event_id } of client.events({ event: 'buy' }, { pageSize: 2 })) {
      seen.push(event_id);
      if (seen.length === 2) expect(requests).toHaveLength(1);
    }
    expect(seen).toEqual(['a', 'b', 'c']);
    expect(requests[1]!.url).toBe('https://a.example/v1/events?event=buy&limit=2&cursor=next+page');
  });
});

describe('a stream', () => {
  const stream = (text: string) => new Response(text, { headers: { 'content-type': 'text/event-stream' } });
  const answer = (n: number) => `event: answer\nid: W/"${n}"\ndata: {"kind":"trends","n":${n}}\n\n`;

  it('goes on from its last event where the connection was lost, over signs of life and faults that pass', async () => {
    const { client, requests, waits } = clientOf(
      stream(`retry: 2000\n\n${answer(1)}: alive\n\n${answer(2)}event: answer\ndata: {"cut`),
      new TypeError('fetch failed'),
      problem('overloaded', 503, true, { 'retry-after': '5' }),
      stream(
        `event: problem\ndata: {"code":"query_timeout","retryable":true,"message":"m","status":504}\n\n${answer(3)}`,
      ),
    );
    const stop = new AbortController();
    const seen: unknown[] = [];
    for await (const { n } of client.saved.live('q', {}, { signal: stop.signal }) as AsyncIterable<{
      n?: number;
    }>) {
      seen.push(n);
      if (n === 3) stop.abort();
    }
    expect(seen).toEqual([1, 2, 3]);
    const lastEventIds = requests.map(
      ({ init }) => (init.headers as Record<string, string>)['last-event-id'],
    );
    expect(lastEventIds).toEqual([undefined, 'W/"2"', 'W/"2"', 'W/"2"']);
    expect(waits).toEqual([1_000, 2_000, 5_000]);
  });

  it('ends with an error that no new connection can help', async () => {
    const refused = { code: 'cohort_not_found', retryable: false, message: 'm', status: 404 };
    const { client } = clientOf(stream(`event: problem\ndata: ${JSON.stringify(refused)}\n\n`));
    expect(await errorOf(client.saved.live('q').next())).toMatchObject({ code: 'cohort_not_found' });
    const { client: other } = clientOf(problem('invalid_api_key', 401, false));
    expect(await errorOf(other.live().next())).toMatchObject({ code: 'invalid_api_key' });
  });
});
