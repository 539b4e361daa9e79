import { build, transform } from 'esbuild';
import { spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createApiClient, type ApiClient } from '../../client/api-client.js';
import { wait } from '../../client/wait.js';
import { findChromium } from '../../clients/browser-sdk.js';
import { startLabBrowser, type LabBrowser } from '../../sdk-faults/lab-browser.js';
import type { Target } from '../../target/target.js';
import type { Block } from '../pages/read-page.js';

/** Runs scripts of pages against an instance, and asks it for what they should have sent. */
export interface ScriptRunner {
  /** What is wrong, or undefined. */
  run(block: Block, code: string): Promise<string | undefined>;
  close(): Promise<void>;
}

const COUNTED_WITHIN_MS = 30_000;
const NODE_TIMEOUT_MS = 60_000;

/** @param root Of the checkout: scripts find its packages. */
export function createScriptRunner(root: string, target: Target): ScriptRunner {
  const api = createApiClient({ url: target.apiUrl, readKey: target.readKey });
  const folder = join(root, '.cache', 'docs-run');
  let browser: LabBrowser | undefined;
  return {
    async run(block, code) {
      const where = block.annotation?.kind === 'run' ? block.annotation.where : 'node';
      const events = eventsOf(code);
      const before = await counts(api, events);
      const fault =
        where === 'node'
          ? await runInNode(root, folder, block, code)
          : await runInBrowser((browser ??= await openBrowser()), folder, block, code);
      return fault ?? (await awaitCounted(api, events, before));
    },
    async close() {
      await browser?.close();
      await api.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** @throws Error, with a text for people, when there is no browser. */
async function openBrowser(): Promise<LabBrowser> {
  const executable = await findChromium(process.env['CHROMIUM_PATH']);
  if (executable !== undefined) return startLabBrowser(executable);
  throw new Error(
    "There is no Chromium to run the pages' scripts in: apt-get install chromium, or set CHROMIUM_PATH.",
  );
}

/** Names of the events that a script sends; null, all together, when it names none. */
function eventsOf(code: string): (string | null)[] {
  const names = [...code.matchAll(/\btrack\(\s*(?:\{[^}]*event: )?'([^']+)'/g)].map(([, name]) => name!);
  return names.length === 0 ? [null] : [...new Set(names)];
}

async function counts(api: ApiClient, events: readonly (string | null)[]): Promise<number[]> {
  const found: number[] = [];
  for (const event of events) found.push(await api.count({ event }));
  return found;
}

async function awaitCounted(
  api: ApiClient,
  events: readonly (string | null)[],
  before: readonly number[],
): Promise<string | undefined> {
  const deadline = Date.now() + COUNTED_WITHIN_MS;
  for (;;) {
    const now = await counts(api, events);
    const missing = events.filter((_event, n) => now[n]! <= before[n]!);
    if (missing.length === 0) return undefined;
    if (Date.now() > deadline) {
      return `ran, and no event ${missing.map((event) => event ?? 'at all').join(', ')} was counted`;
    }
    await wait(100);
  }
}

async function runInNode(
  root: string,
  folder: string,
  block: Block,
  code: string,
): Promise<string | undefined> {
  await mkdir(folder, { recursive: true });
  const { code: plain } = await transform(code, { loader: 'ts', format: 'esm', target: 'node20' });
  const file = join(folder, `line-${block.line}.mjs`);
  await writeFile(file, plain);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [file], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: NODE_TIMEOUT_MS,
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', reject);
    child.once('close', (exitCode, signal) => {
      resolve(
        exitCode === 0
          ? undefined
          : `exits with ${exitCode ?? signal}: ${stderr.trim().split('\n').slice(0, 6).join(' / ')}`,
      );
    });
  });
}

async function runInBrowser(
  browser: LabBrowser,
  folder: string,
  block: Block,
  code: string,
): Promise<string | undefined> {
  await mkdir(folder, { recursive: true });
  const isHtml = block.language === 'html';
  const script = isHtml ? '' : await bundled(folder, code);
  const html = `<!doctype html><title>A page of the documentation</title>${isHtml ? code : '<script type="module" src="/page.js"></script>'}`;
  const server = createServer((request, response) => {
    if (request.url === '/page.js')
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
    else if (request.url === '/') response.writeHead(200, { 'content-type': 'text/html' }).end(html);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  try {
    const tab = await browser.openTab();
    const errors: string[] = [];
    tab.on('pageerror', (error) => errors.push(error.message));
    await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    // What a page sends right away is under way; leaving it sends the rest.
    await tab.waitForLoadState('networkidle');
    await browser.closeTab(tab);
    return errors.length === 0 ? undefined : `throws in the browser: ${errors.join('; ')}`;
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

async function bundled(folder: string, code: string): Promise<string> {
  const result = await build({
    stdin: { contents: code, resolveDir: folder, loader: 'tsx' },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    define: { 'process.env.NODE_ENV': '"production"' },
    write: false,
    logLevel: 'silent',
  });
  return result.outputFiles[0]?.text ?? '';
}
