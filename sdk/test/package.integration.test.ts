import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const sdk = fileURLToPath(new URL('..', import.meta.url));
const modules = fileURLToPath(new URL('../../node_modules', import.meta.url));

describe('the package as it is published', () => {
  let dir: string;

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'sluice-package-'));
    const [packed] = JSON.parse(
      execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', dir], {
        cwd: sdk,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    ) as [{ filename: string }];
    const installed = join(dir, 'node_modules', '@sluice', 'sdk');
    mkdirSync(installed, { recursive: true });
    execFileSync('tar', ['-xzf', join(dir, packed.filename), '-C', installed, '--strip-components=1']);
    mkdirSync(join(dir, 'node_modules', '@types'));
    for (const name of ['react', 'web-vitals', '@types/react', '@types/node', 'csstype', 'undici-types']) {
      symlinkSync(join(modules, name), join(dir, 'node_modules', name));
    }
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  function write(name: string, text: string): string {
    writeFileSync(join(dir, name), text);
    return name;
  }

  function run(file: string): string {
    return execFileSync(process.execPath, [file], { cwd: dir, encoding: 'utf8' });
  }

  it('runs in Node as a module, and where modules are required', () => {
    const use = `
      const analytics = init({ writeKey: 'k', host: 'http://127.0.0.1:9', exitTimeoutMs: 0 });
      console.log(analytics.track('Seen', {}, { userId: 'u' }).length);`;
    expect(run(write('use.mjs', `import { init } from '@sluice/sdk/node';${use}`))).toBe('36\n');
    expect(run(write('use.cjs', `const { init } = require('@sluice/sdk/node');${use}`))).toBe('36\n');
  });

  it('can be imported where there is no page', () => {
    const names = [
      '@sluice/sdk',
      '@sluice/sdk/autocapture',
      '@sluice/sdk/edge',
      '@sluice/sdk/plan',
      '@sluice/sdk/react',
    ];
    const text = names.map((name) => `await import('${name}');`).join('\n');
    expect(run(write('all.mjs', `${text}\nconsole.log('imported');`))).toBe('imported\n');
  });

  it('brings its types, which know a call that is wrong', () => {
    write(
      'good.mts',
      `import { createAnalytics, init } from '@sluice/sdk';
       import { clicks, pageViews } from '@sluice/sdk/autocapture';
       import { init as initEdge } from '@sluice/sdk/edge';
       import { init as initNode } from '@sluice/sdk/node';
       import { useTrack } from '@sluice/sdk/react';
       const analytics = init({ writeKey: 'k', host: 'h', capture: [pageViews(), clicks()] });
       export const id: string = analytics.track('Seen', { n: 1 });
       // @ts-expect-error A host is needed.
       init({ writeKey: 'k' });
       // @ts-expect-error There is no such call.
       analytics.count('Seen');
       export { createAnalytics, initEdge, initNode, useTrack };`,
    );
    write(
      'good.cts',
      `import { init } from '@sluice/sdk/node';
       export const id: string = init({ writeKey: 'k', host: 'h' }).track('Seen', {}, { userId: 'u' });
       // @ts-expect-error A host is needed.
       init({ writeKey: 'k' });`,
    );
    write(
      'tsconfig.json',
      JSON.stringify({
        compilerOptions: {
          module: 'nodenext',
          target: 'es2022',
          strict: true,
          noEmit: true,
          types: ['node'],
        },
        files: ['good.mts', 'good.cts'],
      }),
    );
    const tsc = join(modules, 'typescript', 'bin', 'tsc');
    expect(() =>
      execFileSync(process.execPath, [tsc, '-p', dir], { cwd: dir, stdio: 'inherit' }),
    ).not.toThrow();
  });
});
