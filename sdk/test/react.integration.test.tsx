import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { StrictMode, type ReactNode } from 'react';
import { renderToString } from 'react-dom/server';
import { build, defaultClientConditions, type Rollup } from 'vite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { SluiceProvider, useAnalytics, usePageViews, useTrack } from '../src/react/index.js';
import { startCaptureSite, type ArrivedMessage, type CaptureSite } from './capture-site.js';
import { launchChromium } from './chromium.js';

const EXAMPLE = fileURLToPath(new URL('../../examples/react', import.meta.url));

let site: CaptureSite;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let faults: string[];

beforeAll(async () => {
  [site, browser] = await Promise.all([startCaptureSite(inject('postgresUrl')), launchChromium()]);
});

afterAll(async () => {
  await browser.close();
  await site.close();
});

beforeEach(async () => {
  await site.clear();
  faults = [];
  context = await browser.newContext();
  page = await context.newPage();
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text());
  });
});

afterEach(async () => {
  await context.close();
  expect(faults).toEqual([]);
});

const namesOf = (messages: ArrivedMessage[]): string[] =>
  messages.map(
    ({
      type,
      event,
      context: {
        page: { url },
      },
    }) => event ?? `${type} ${url.slice(site.url.length)}`,
  );

describe('on a server', () => {
  function App(): ReactNode {
    const analytics = useAnalytics();
    const track = useTrack();
    usePageViews('/a');
    return `${analytics.track('In A Render')}${track('In A Render')}shown`;
  }

  it('renders what is within the provider, and its analytics do nothing', () => {
    const told: Error[] = [];
    const settings = {
      writeKey: 'k',
      host: 'http://127.0.0.1:9',
      onError: (error: Error) => told.push(error),
    };
    const html = renderToString(
      <StrictMode>
        <SluiceProvider settings={settings}>
          <App />
        </SluiceProvider>
      </StrictMode>,
    );
    expect(html).toBe('shown');
    expect(told).toEqual([]);
  });

  it('says what is missing where there is no provider', () => {
    expect(() => renderToString(<App />)).toThrow('needs a <SluiceProvider>');
  });
});

describe.each(['client', 'settings'] as const)('with %s, under StrictMode', (by) => {
  beforeAll(async () => {
    await serveBundle(fileURLToPath(new URL('./react-page.tsx', import.meta.url)), 'development');
  });

  beforeEach(async () => {
    const settings = JSON.stringify({ writeKey: site.writeKey, host: site.gatewayUrl, flushIntervalMs: 20 });
    site.serveText(
      '/a',
      'text/html',
      `<!doctype html><title>React</title><link rel="icon" href="data:,"><div id=root></div>
       <script type="module">import '/react.js'; startReact(${settings}, '${by}');</script>`,
    );
    await page.goto(`${site.url}/a`);
  });

  async function show(pathname: string | null, search: string | null): Promise<void> {
    await page.evaluate((address) => window.show(address), { pathname, search });
    await page.waitForFunction(
      (text) => document.querySelector('output')?.textContent === text,
      `${pathname ?? ''}${search ?? ''}`,
    );
  }

  async function arrivedSoFar(): Promise<ArrivedMessage[]> {
    await page.evaluate(() => window.analytics.track('mark'));
    const messages = await site.arrived((all) => all.some(({ event }) => event === 'mark'));
    return messages.filter(({ event }) => event !== 'mark');
  }

  it('counts each address of a router once, however often it is rendered', async () => {
    await show(null, null);
    await show('/a', null);
    await show('/a', '');
    await show('/a', null);
    await show('/a', 'x=1');
    await show('/b', 'x=1');
    await show('/a', null);
    expect((await arrivedSoFar()).map(({ type }) => type)).toEqual(Array(4).fill('page'));
  });

  it('counts again when the application was taken away and is shown anew', async () => {
    await show('/a', null);
    await page.evaluate(() => window.show(undefined));
    await page.waitForFunction(() => document.querySelector('output') === null);
    await show('/a', null);
    expect(await arrivedSoFar()).toHaveLength(2);
  });

  it('gives all components of all renders one analytics, and one track each', async () => {
    await show('/a', null);
    await show('/b', null);
    const analytics = await page.evaluate(
      () => [...window.seen].filter((value) => typeof value === 'object').length,
    );
    expect(analytics).toBe(1);
    const tracks = await page.evaluate(
      () => [...window.seen].filter((value) => typeof value === 'function').length,
    );
    expect(tracks).toBe(by === 'client' ? 1 : 2);
  });
});

describe.each(['production', 'development'] as const)('the React example, built for %s', (mode) => {
  beforeAll(async () => {
    const built = (await build({
      root: EXAMPLE,
      mode,
      esbuild: { jsx: 'automatic', jsxDev: mode === 'development' },
      logLevel: 'error',
      resolve: { conditions: ['sluice-source', ...defaultClientConditions] },
      define: {
        'process.env.NODE_ENV': JSON.stringify(mode),
        'import.meta.env.VITE_SLUICE_WRITE_KEY': JSON.stringify(site.writeKey),
        'import.meta.env.VITE_SLUICE_HOST': JSON.stringify(site.gatewayUrl),
      },
      build: { write: false },
    })) as Rollup.RollupOutput;
    for (const file of built.output) {
      const text = file.type === 'chunk' ? file.code : String(file.source);
      const contentType = file.fileName.endsWith('.js')
        ? 'text/javascript'
        : file.fileName.endsWith('.css')
          ? 'text/css'
          : 'text/html';
      site.serveText(`/${file.fileName}`, contentType, text);
      if (file.fileName === 'index.html')
        for (const path of ['/', '/about']) site.serveText(path, contentType, text);
    }
  });

  it('sends each page view, each note and each click once, and not what a note says', async () => {
    await page.goto(`${site.url}/`);
    await page.fill('input', 'Water the plants');
    await page.keyboard.press('Enter');
    await page.click('text=About');
    await page.click('text=Good to know');
    await page.goBack();
    await page.fill('input', 'Feed the cat');
    await page.keyboard.press('Enter');
    await page.click('li button');
    const messages = await site.arrived((all) => all.some(({ event }) => event === 'Note Removed'));
    expect(namesOf(messages)).toEqual([
      'page /',
      'Note Added',
      'page /about',
      'Click',
      'page /',
      'Note Added',
      'Note Removed',
    ]);
    expect(messages[1]!.properties).toEqual({ length: 16 });
    expect(JSON.stringify(messages)).not.toContain('plants');
  });
});

/** Serves the entry as `/react.js`, with what it loads later beside it. */
async function serveBundle(entry: string, mode: string): Promise<void> {
  const [built] = (await build({
    configFile: false,
    mode,
    logLevel: 'error',
    esbuild: { jsx: 'automatic' },
    resolve: { conditions: ['sluice-source', ...defaultClientConditions] },
    define: { 'process.env.NODE_ENV': JSON.stringify(mode) },
    build: { write: false, target: 'es2022', lib: { entry, formats: ['es'], fileName: 'react' } },
  })) as Rollup.RollupOutput[];
  for (const file of built!.output) {
    if (file.type === 'chunk') site.serveText(`/${file.fileName}`, 'text/javascript', file.code);
  }
}
