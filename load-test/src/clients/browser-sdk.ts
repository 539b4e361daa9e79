import { build } from 'esbuild';
import { constants } from 'node:fs';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';

export interface BrowserSdkOptions {
  /** The gateway as browsers reach it. */
  gatewayUrl: string;
  gatewayHost: string;
  writeKey: string;
  /** How the SDK sends: each message by itself, or several at once. */
  strategy: 'standard' | 'batching';
  /** Rounds of all kinds of calls. */
  rounds: number;
  label: string;
  /** Chromium's executable. */
  executable: string;
  /** Resolves when every one of the messages has been seen on the wire. */
  untilSeen(messageIds: ReadonlySet<string>): Promise<void>;
}

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const CANDIDATES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/snap/bin/chromium',
  '/usr/bin/google-chrome',
];

/** The first Chromium of this machine; `wanted`, when given. */
export async function findChromium(wanted: string | undefined): Promise<string | undefined> {
  for (const path of wanted === undefined ? CANDIDATES : [wanted]) {
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

/**
 * Uses the official browser SDK in a real browser: all kinds of calls, then some more and at once on to another page.
 * Resolves with the ids of the messages it must have delivered; those of the hasty last calls are the SDK's own risk.
 */
export async function runBrowserSdk(options: BrowserSdkOptions): Promise<Set<string>> {
  const site = await startSite(await bundleSdk());
  const profile = await mkdtemp(join(tmpdir(), 'sluice-chromium-'));
  let context: BrowserContext | undefined;
  try {
    context = await chromium.launchPersistentContext(profile, {
      executablePath: options.executable,
      headless: true,
      args: FLAGS,
    });
    const page = context.pages()[0] ?? (await context.newPage());
    return await usePage(page, site.url, options);
  } finally {
    await context?.close();
    await site.close();
    await rm(profile, { recursive: true, force: true });
  }
}

async function usePage(page: Page, siteUrl: string, options: BrowserSdkOptions): Promise<Set<string>> {
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  const made = new Set<string>();
  await page.exposeFunction('noteMessageId', (id: string) => {
    made.add(id);
  });
  const settings = JSON.stringify({
    writeKey: options.writeKey,
    gatewayUrl: options.gatewayUrl,
    apiHost: `${options.gatewayHost}/v1`,
    strategy: options.strategy,
  });
  await page.goto(`${siteUrl}/?utm_source=verify&utm_medium=test&utm_campaign=${options.label}`);
  await page.evaluate(`window.startAnalytics(${settings})`);
  await page.evaluate(`window.makeCalls(${JSON.stringify(options.label)}, ${options.rounds})`);
  await options.untilSeen(new Set(made));
  const required = new Set(made);

  await page.evaluate(`window.makeHastyCalls(${JSON.stringify(options.label)}, 5)`);
  await page.goto(`${siteUrl}/next`);
  await page.evaluate(`window.startAnalytics(${settings})`);
  await page.evaluate(`window.makeCalls(${JSON.stringify(`${options.label}-next`)}, 1)`);
  await options.untilSeen(required);
  if (problems.length > 0) throw new Error(`The page failed: ${problems.join('; ')}`);
  return required;
}

/** The page's script: the SDK as an application bundles it, and the calls an application makes. */
const PAGE_SCRIPT = `
import { AnalyticsBrowser } from '@segment/analytics-next';

window.startAnalytics = async ({ writeKey, gatewayUrl, apiHost, strategy }) => {
  const deliveryStrategy =
    strategy === 'batching' ? { strategy: 'batching', config: { size: 10, timeout: 300 } } : { strategy: 'standard' };
  const analytics = AnalyticsBrowser.load(
    { writeKey, cdnURL: gatewayUrl },
    { integrations: { 'Segment.io': { apiHost, protocol: 'http', deliveryStrategy } } },
  );
  await analytics.addSourceMiddleware(({ payload, next }) => {
    window.noteMessageId(payload.obj.messageId);
    next(payload);
  });
  await analytics.ready();
  window.analytics = analytics;
};

window.makeCalls = async (label, rounds) => {
  const { analytics } = window;
  const calls = [];
  for (let round = 0; round < rounds; round++) {
    calls.push(
      analytics.page('docs', 'Start', { section: 'intro' }),
      analytics.track('login', { method: 'password' }),
      analytics.identify(label + '-user', { plan: 'pro', name: 'Grace Hopper' }),
      analytics.group(label + '-group', { seats: 12 }),
      analytics.alias(label + '-user', label + '-earlier'),
      analytics.screen('Home', { tab: 1 }),
      analytics.track('Order Completed', { revenue: 19.9, currency: 'USD', note: 'ünïcödé 🎉' }),
    );
  }
  await Promise.all(calls);
};

window.makeHastyCalls = (label, count) => {
  for (let i = 0; i < count; i++) window.analytics.track('hasty', { label, i });
};
`;

async function bundleSdk(): Promise<string> {
  const sdk = createRequire(import.meta.url).resolve('@segment/analytics-next');
  const result = await build({
    stdin: { contents: PAGE_SCRIPT, resolveDir: dirname(sdk), loader: 'js' },
    bundle: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2020',
    define: { 'process.env.NODE_ENV': '"production"' },
    write: false,
    logLevel: 'silent',
  });
  return result.outputFiles[0]?.text ?? '';
}

async function startSite(script: string): Promise<{ url: string; close(): Promise<void> }> {
  const server: Server = createServer((request, response) => {
    if (request.url === '/app.js') {
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
    } else if (request.url === '/favicon.ico') {
      response.writeHead(204).end();
    } else {
      response
        .writeHead(200, { 'content-type': 'text/html' })
        .end('<!doctype html><title>A shop</title><h1>A shop</h1><script src="/app.js"></script>');
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
