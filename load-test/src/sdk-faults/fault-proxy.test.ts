import { afterEach, describe, expect, it } from 'vitest';
import { startFaultProxy, type FaultProxy, type ForwardedRequest } from './fault-proxy.js';

let proxy: FaultProxy | undefined;
afterEach(() => proxy?.close());

/** A proxy before a server that says yes, and what that server got. */
async function startProxy(): Promise<{ proxy: FaultProxy; received: ForwardedRequest[] }> {
  const received: ForwardedRequest[] = [];
  proxy = await startFaultProxy({
    delayMs: 1,
    upstream: {
      async exchange(request) {
        received.push(request);
        return { status: 200, headers: {}, body: Buffer.from('{}') };
      },
      async close() {
        // It holds nothing.
      },
    },
  });
  return { proxy, received };
}

function post(url: string, messageId = 'm'): Promise<Response> {
  return fetch(`${url}/v1/b`, { method: 'POST', body: JSON.stringify({ batch: [{ messageId }] }) });
}

describe('startFaultProxy', () => {
  it('forwards, and notes the messages of each request', async () => {
    const { proxy, received } = await startProxy();
    expect((await post(proxy.url, 'a')).status).toBe(200);
    expect(received).toHaveLength(1);
    expect(proxy.requests).toMatchObject([
      { messageIds: ['a'], takenIn: true, status: 200, weather: 'pass' },
    ]);
  });

  it.each([
    ['unavailable', 503, null],
    ['limited', 429, '8'],
  ] as const)('answers %s without forwarding, readable for pages', async (weather, status, retryAfter) => {
    const { proxy, received } = await startProxy();
    await proxy.setWeather(weather);
    const answer = await post(proxy.url);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('retry-after')).toBe(retryAfter);
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(answer.headers.get('access-control-expose-headers')).toBe('Retry-After');
    expect(received).toHaveLength(0);
  });

  it('resets connections without forwarding', async () => {
    const { proxy, received } = await startProxy();
    await proxy.setWeather('reset');
    await expect(post(proxy.url)).rejects.toThrow();
    expect(received).toHaveLength(0);
    expect(proxy.requests).toMatchObject([{ weather: 'reset', takenIn: false, status: null }]);
  });

  it('loses the answers of so many requests that the server took in', async () => {
    const { proxy, received } = await startProxy();
    await proxy.setWeather('answer-lost', 1);
    await expect(post(proxy.url)).rejects.toThrow();
    expect((await post(proxy.url)).status).toBe(200);
    expect(received).toHaveLength(2);
    expect(proxy.requests).toMatchObject([
      { takenIn: true, status: null },
      { takenIn: true, status: 200 },
    ]);
  });

  it('is not there while it is down, and at the same address afterwards', async () => {
    const { proxy, received } = await startProxy();
    await proxy.setWeather('down');
    await expect(post(proxy.url)).rejects.toThrow();
    expect(received).toHaveLength(0);
    await proxy.setWeather('pass');
    expect((await post(proxy.url)).status).toBe(200);
  });
});
