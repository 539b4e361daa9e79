import { build } from 'esbuild';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EdgeAnalytics, EdgeSettings } from './index.js';

const ENTRY = fileURLToPath(new URL('./index.ts', import.meta.url));

/** What edge runtimes have in common; nothing of Node is among it. */
const GLOBALS = {
  fetch,
  URL,
  TextEncoder,
  AbortController,
  crypto,
  setTimeout: (callback: () => void, delayMs: number): number => Number(setTimeout(callback, delayMs)),
  clearTimeout: (id: number) => clearTimeout(id),
};

describe('the SDK at the edge', () => {
  let script: string;
  let imports: string[];
  let server: Server;
  let host: string;
  let received: { event: string; userId?: string }[];

  beforeAll(async () => {
    const bundle = await build({
      entryPoints: [ENTRY],
      bundle: true,
      write: false,
      metafile: true,
      platform: 'neutral',
      conditions: ['sluice-source'],
      format: 'iife',
      globalName: 'sluice',
      logLevel: 'silent',
    });
    script = bundle.outputFiles[0]!.text;
    imports = Object.values(bundle.metafile.inputs).flatMap(({ imports: of }) => of.map(({ path }) => path));
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        received.push(...(JSON.parse(body) as { batch: typeof received }).batch);
        response.end('{"success":true,"accepted":1,"rejected":[],"durability":"log","watermark":null}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  beforeEach(() => {
    received = [];
  });

  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  function start(settings: Partial<EdgeSettings> = {}, globals: object = {}): EdgeAnalytics {
    const runtime = createContext({ ...GLOBALS, ...globals });
    runInContext(`${script}; globalThis.started = sluice.init`, runtime);
    const { started } = runtime as { started: (settings: EdgeSettings) => EdgeAnalytics };
    return started({ writeKey: 'k', host, ...settings });
  }

  it('is built of nothing that is of Node', () => {
    expect(imports.filter((path) => path.startsWith('node:'))).toEqual([]);
    expect(script).not.toMatch(/\brequire\(|\bprocess\.|\bBuffer\b/);
  });

  it('delivers with fetch alone', async () => {
    const analytics = start();
    analytics.track('At the Edge', {}, { userId: 'u1' });
    expect(await analytics.flush()).toEqual({ accepted: 1, rejected: 0, waiting: 0 });
    expect(received).toMatchObject([{ event: 'At the Edge', userId: 'u1' }]);
  });

  it('hands the delivery of what a request tracked to the runtime, once for all of it', async () => {
    const work: Promise<unknown>[] = [];
    const analytics = start({ waitUntil: (promise) => void work.push(promise) });
    analytics.track('First', {}, { userId: 'u1' });
    analytics.track('Second', {}, { userId: 'u1' });
    expect(work).toHaveLength(1);
    await work[0];
    expect(received.map(({ event }) => event)).toEqual(['First', 'Second']);
    analytics.track('Third', {}, { userId: 'u1' });
    expect(work).toHaveLength(2);
    await work[1];
    expect(received).toHaveLength(3);
  });

  it('tracks on when the runtime refuses the work', async () => {
    const errors: string[] = [];
    const analytics = start({
      waitUntil: () => {
        throw new Error('the request is over');
      },
      onError: (error) => errors.push(error.message),
    });
    expect(analytics.track('Kept', {}, { userId: 'u1' })).not.toBe('');
    expect(errors.join()).toContain('the request is over');
    expect((await analytics.flush()).accepted).toBe(1);
  });

  it('carries contexts over awaits where the runtime has AsyncLocalStorage', async () => {
    const { AsyncLocalStorage } = await import('node:async_hooks');
    const analytics = start({}, { AsyncLocalStorage });
    await analytics.withContext({ userId: 'u1' }, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      analytics.track('Inside');
    });
    await analytics.shutdown();
    expect(received).toMatchObject([{ event: 'Inside', userId: 'u1' }]);
  });

  it('never rejects, whatever fetch does', async () => {
    const analytics = start({ fetch: () => Promise.reject(new Error('no network')) });
    analytics.track('Waiting', {}, { userId: 'u1' });
    expect(await analytics.flush({ timeoutMs: 100 })).toEqual({ accepted: 0, rejected: 0, waiting: 1 });
    expect(await analytics.shutdown({ timeoutMs: 100 })).toEqual({ accepted: 0, rejected: 0, waiting: 1 });
  });
});
