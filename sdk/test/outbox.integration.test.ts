import { build } from 'esbuild';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchChromium } from './chromium.js';
import type { Outcome } from './tests-in-page.js';

const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

let browser: Browser;
let server: Server;
let url: string;

beforeAll(async () => {
  const { outputFiles } = await build({
    entryPoints: [pathOf('outbox-page.ts')],
    alias: { vitest: pathOf('tests-in-page.ts') },
    bundle: true,
    format: 'iife',
    target: 'es2022',
    write: false,
  });
  const script = outputFiles[0]!.text;
  server = createServer((request, response) => {
    if (request.url === '/page.js')
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
    else response.writeHead(200, { 'content-type': 'text/html' }).end('<script src="/page.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  browser = await launchChromium();
});

afterAll(async () => {
  await browser.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe('in a browser', () => {
  it.each(['indexed-db', 'local-storage', 'memory'])('the outbox in %s keeps its contract', async (kind) => {
    const page = await browser.newPage();
    await page.goto(url);
    const outcomes = await page.evaluate<Outcome[]>(`window.runContract(${JSON.stringify(kind)})`);
    expect(outcomes.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(outcomes.length).toBeGreaterThan(10);
    await page.close();
  });

  it('a database that opens too late is given up, and in the way of nobody', async () => {
    const page = await browser.newPage();
    await page.goto(url);
    expect(await page.evaluate('window.giveUpOpening()')).toBe('Error: IndexedDB does not open');
    await page.close();
  });
});
