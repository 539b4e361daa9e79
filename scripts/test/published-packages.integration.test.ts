import { build as esbuild } from 'esbuild';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { publint } from 'publint';
import { build as viteBuild } from 'vite';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startGateway, type TestGateway } from '../../gateway/test/start-gateway.js';
import { launchChromium } from '../../sdk/test/chromium.js';
import {
  installTarballs,
  packPackages,
  readInstalledManifest,
  ROOT,
  type PackedPackage,
} from './pack-packages.js';

const SDK_FILES = [
  ...['LICENSE', 'README.md', 'package.json'],
  ...['index', 'autocapture', 'react', 'node', 'edge', 'plan'].flatMap((entry) => [
    `dist/${entry}.js`,
    `dist/${entry}.d.ts`,
  ]),
  ...['dist/node.cjs', 'dist/node.d.cts', 'dist/sluice.js'],
  // What entries share, and what a page loads later.
  ...['dist/chunk-HASH.js', 'dist/later-HASH.js'],
  ...['plan', 'server-analytics', 'settings', 'types'].map((part) => `dist/${part}-HASH.d.ts`),
].sort();
const QUERY_FILES = [
  ...['LICENSE', 'README.md', 'package.json'],
  ...['dist/index.cjs', 'dist/index.d.cts', 'dist/index.d.ts', 'dist/index.js'],
].sort();
/** Bytes of the tarballs, at most. */
const BUDGETS = { '@sluice/sdk': 100_000, '@sluice/query': 60_000, sluice: 1_500_000 };

const ENTRIES = ['@sluice/sdk', '@sluice/sdk/autocapture', '@sluice/sdk/edge', '@sluice/sdk/plan'];

let dir: string;
let packages: Map<string, PackedPackage>;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'sluice-packages-'));
  packages = packPackages(join(dir, 'tarballs'));
  writeFileSync(join(dir, 'package.json'), '{ "private": true }\n');
  installTarballs(dir, [packages.get('@sluice/sdk')!.file, packages.get('@sluice/query')!.file]);
  mkdirSync(join(dir, 'node_modules', '@types'));
  // What applications have besides.
  for (const name of ['react', '@types/react', '@types/node', 'csstype', 'undici-types']) {
    symlinkSync(join(ROOT, 'node_modules', name), join(dir, 'node_modules', name));
  }
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function write(name: string, text: string): string {
  mkdirSync(join(dir, name, '..'), { recursive: true });
  writeFileSync(join(dir, name), text);
  return name;
}

function run(file: string): string {
  return execFileSync(process.execPath, [file], { cwd: dir, encoding: 'utf8' });
}

describe('a tarball', () => {
  const withoutHashes = (files: readonly string[]): string[] =>
    files.map((file) => file.replace(/-[\w-]{8}(?=\.(?:js|d\.ts)$)/, '-HASH')).sort();

  it('holds the build, its types, the licence and a README: no sources, no tests, no maps', () => {
    expect(withoutHashes(packages.get('@sluice/sdk')!.files)).toEqual(SDK_FILES);
    expect(withoutHashes(packages.get('@sluice/query')!.files)).toEqual(QUERY_FILES);
    const { files } = packages.get('sluice')!;
    expect(files).toEqual(
      expect.arrayContaining(['LICENSE', 'README.md', 'bin/sluice.js', 'dist/sluice.js']),
    );
    // The example shop is pages and scripts as they are served.
    const built = files.filter((file) => !file.startsWith('node_modules/@sluice/example-shop/'));
    expect(
      built.filter((file) => /(?:^|\/)(?:src|test|assembly)\/|\.map$|\.test\.|(?<!\.d)\.ts$/.test(file)),
    ).toEqual([]);
  });

  it.each(Object.entries(BUDGETS))('of %s has at most %i bytes', (name, budget) => {
    expect(packages.get(name)!.packedBytes).toBeLessThanOrEqual(budget);
    // Anything near nothing would be a tarball without the build.
    expect(packages.get(name)!.packedBytes).toBeGreaterThan(budget / 3);
  });

  it('has a manifest without anything that only the repository has, and says what it is', () => {
    for (const name of ['@sluice/sdk', '@sluice/query']) {
      const manifest = readInstalledManifest(dir, name);
      const text = JSON.stringify(manifest);
      expect(text).not.toMatch(/sluice-source|\.\/src\/|workspace:|@sluice\/contracts/);
      expect(manifest).not.toHaveProperty('private');
      expect(manifest).not.toHaveProperty('scripts');
      expect(manifest).not.toHaveProperty('devDependencies');
      expect(manifest).toMatchObject({
        license: 'MIT',
        engines: { node: '>=20.19.0' },
        publishConfig: { access: 'public', provenance: true },
      });
      for (const [path] of text.matchAll(/\.\/dist\/[^"]+/g)) {
        expect(existsSync(join(dir, 'node_modules', name, path)), path).toBe(true);
      }
    }
  });

  it.each(['@sluice/sdk', '@sluice/query', 'sluice'])(
    'of %s has nothing that a linter of packages objects to',
    async (name) => {
      const { file } = packages.get(name)!;
      const { messages } = await publint({
        pack: { tarball: toArrayBuffer(readFileSync(file)) },
        strict: true,
      });
      expect(messages).toEqual([]);
    },
  );
});

function toArrayBuffer(bytes: Buffer): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}

describe('installed in a folder of its own', () => {
  it('sends from Node, as a module and where modules are required', () => {
    const use = `
      const analytics = init({ writeKey: 'k', host: 'http://127.0.0.1:9', exitTimeoutMs: 0 });
      console.log(analytics.track('Seen', {}, { userId: 'u' }).length);`;
    expect(run(write('use.mjs', `import { init } from '@sluice/sdk/node';${use}`))).toBe('36\n');
    expect(run(write('use.cjs', `const { init } = require('@sluice/sdk/node');${use}`))).toBe('36\n');
  });

  it('asks from Node, as a module and where modules are required', () => {
    const use = `
      createQueryClient({ url: 'http://127.0.0.1:9', key: 'k' }).query({ kind: 'trends', series: [{ event: 'e' }] })
        .catch((error) => console.log(error instanceof QueryError));`;
    const names = '{ createQueryClient, QueryError }';
    expect(run(write('ask.mjs', `import ${names} from '@sluice/query';${use}`))).toBe('true\n');
    expect(run(write('ask.cjs', `const ${names} = require('@sluice/query');${use}`))).toBe('true\n');
  });

  it('can be imported, and required, where there is no page', () => {
    const names = [...ENTRIES, '@sluice/sdk/react'];
    const imports = names.map((name) => `await import('${name}');`).join('\n');
    expect(run(write('all.mjs', `${imports}\nconsole.log('imported');`))).toBe('imported\n');
    const requires = names.map((name) => `require('${name}');`).join('\n');
    expect(run(write('all.cjs', `${requires}\nconsole.log('required');`))).toBe('required\n');
  });
});

const TYPED = `
  import { createAnalytics, init } from '@sluice/sdk';
  import { clicks, pageViews } from '@sluice/sdk/autocapture';
  import { init as initEdge } from '@sluice/sdk/edge';
  import { init as initNode } from '@sluice/sdk/node';
  import { useTrack } from '@sluice/sdk/react';
  import { createQueryClient, QueryError } from '@sluice/query';
  const analytics = init({ writeKey: 'k', host: 'h', capture: [pageViews(), clicks()] });
  export const id: string = analytics.track('Seen', { n: 1 });
  // @ts-expect-error A host is needed.
  init({ writeKey: 'k' });
  // @ts-expect-error There is no such call.
  analytics.count('Seen');
  export async function countBuyers(): Promise<number | null> {
    const client = createQueryClient({ url: 'u', key: 'k' });
    // @ts-expect-error There is no such kind.
    await client.query({ kind: 'guess' });
    const answer = await client.query({ kind: 'trends', series: [{ event: 'e', measure: 'count' }] });
    return answer.series[0]!.total;
  }
  export { createAnalytics, initEdge, initNode, QueryError, useTrack };`;
const TYPED_COMMON_JS = `
  import { init } from '@sluice/sdk/node';
  import { createQueryClient } from '@sluice/query';
  export const id: string = init({ writeKey: 'k', host: 'h' }).track('Seen', {}, { userId: 'u' });
  export const client = createQueryClient({ url: 'u', key: 'k' });
  // @ts-expect-error A host is needed.
  init({ writeKey: 'k' });`;

describe('the types, which know a call that is wrong,', () => {
  beforeAll(() => {
    write('typed.ts', TYPED);
    write('typed.mts', TYPED);
    write('typed.cts', TYPED_COMMON_JS);
  });

  it.each([
    ['bundlers', { module: 'preserve', moduleResolution: 'bundler' }, ['typed.ts']],
    ['Node 16 and later', { module: 'node16' }, ['typed.mts', 'typed.cts']],
    [
      'the resolution of before exports',
      { module: 'esnext', moduleResolution: 'node10', ignoreDeprecations: '6.0' },
      ['typed.ts'],
    ],
  ] as const)('are found by %s', (_, options, files) => {
    write(
      'tsconfig.json',
      JSON.stringify({
        compilerOptions: {
          ...{ target: 'es2022', lib: ['es2023', 'dom', 'dom.iterable'], types: ['node'] },
          ...{ strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, noEmit: true },
          // The packages' own declarations are checked, those of the language are not.
          skipDefaultLibCheck: true,
          ...options,
        },
        files,
      }),
    );
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const { stdout } = spawnSync(process.execPath, [tsc, '-p', dir], { cwd: dir, encoding: 'utf8' });
    expect(stdout).toBe('');
  });
});

describe('in a page', () => {
  let gateway: TestGateway;
  let gatewayUrl: string;
  let browser: Browser;
  let site: Server;

  beforeAll(async () => {
    [gateway, browser] = await Promise.all([
      startGateway({ postgresUrl: inject('postgresUrl') }),
      launchChromium(),
    ]);
    gatewayUrl = `http://127.0.0.1:${await gateway.listen()}`;
    write(
      'page.js',
      `import { init } from '@sluice/sdk';
       import { pageViews } from '@sluice/sdk/autocapture';
       init({ ...window.settings, capture: [pageViews()] }).track('Bundled', { by: document.title });`,
    );
    await esbuild({
      absWorkingDir: dir,
      entryPoints: ['page.js'],
      outdir: 'site/esbuild',
      bundle: true,
      splitting: true,
      minify: true,
      format: 'esm',
      logLevel: 'silent',
    });
    write('site/esbuild/index.html', page('esbuild', '<script type="module" src="page.js"></script>'));
    write('vite/page.js', readFileSync(join(dir, 'page.js'), 'utf8'));
    write('vite/index.html', page('vite', '<script type="module" src="./page.js"></script>'));
    await viteBuild({
      root: join(dir, 'vite'),
      base: './',
      configFile: false,
      logLevel: 'silent',
      build: { outDir: join(dir, 'site', 'vite') },
    });
    write(
      'site/script/sluice.js',
      readFileSync(join(dir, 'node_modules', '@sluice', 'sdk', 'dist', 'sluice.js'), 'utf8'),
    );
    write(
      'site/script/index.html',
      page(
        'script',
        `<script src="sluice.js"></script>
         <script>
           sluice.init({ ...window.settings, capture: { pageViews: true } });
           sluice.track('Bundled', { by: document.title });
         </script>`,
      ),
    );
    site = createServer((request, response) => {
      const file = join(dir, 'site', request.url!.endsWith('/') ? `${request.url!}index.html` : request.url!);
      if (!existsSync(file)) return response.writeHead(404).end();
      response.setHeader('content-type', file.endsWith('.html') ? 'text/html' : 'text/javascript');
      return response.end(readFileSync(file));
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    await browser.close();
    site.closeAllConnections();
    await new Promise((resolve) => site.close(resolve));
    await gateway.close();
  });

  function page(title: string, body: string): string {
    const settings = JSON.stringify({ writeKey: gateway.writeKey, host: gatewayUrl });
    return `<!doctype html><title>${title}</title><script>window.settings = ${settings}</script>${body}`;
  }

  it.each([
    ['bundled by esbuild', 'esbuild'],
    ['bundled by vite for production', 'vite'],
    ['as a script', 'script'],
  ])('the SDK %s sends, and its events are accepted', async (_, name) => {
    const context = await browser.newContext();
    try {
      const tab = await context.newPage();
      const accepted: string[] = [];
      const all = new Promise<void>((resolve) => {
        tab.on('response', (response) => {
          if (!response.url().startsWith(gatewayUrl) || response.request().method() !== 'POST') return;
          const { batch } = response.request().postDataJSON() as {
            batch: { type: string; event?: string }[];
          };
          void response.json().then((answer: { accepted: number }) => {
            if (answer.accepted === batch.length)
              accepted.push(...batch.map(({ type, event }) => event ?? type));
            if (accepted.length >= 2) resolve();
          });
        });
      });
      await tab.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/${name}/`);
      await all;
      expect(accepted.sort()).toEqual(['Bundled', 'page']);
    } finally {
      await context.close();
    }
    const logged = (await gateway.readLog()).map(({ text }) => text).join('\n');
    expect(logged).toContain(`"properties":{"by":"${name}"}`);
  });

  it('has one copy of the SDK in a bundle, and loads the rest later', () => {
    const files = readdirSync(join(dir, 'site', 'esbuild')).filter((file) => file.endsWith('.js'));
    expect(files.some((file) => file.startsWith('later-'))).toBe(true);
  });
});
