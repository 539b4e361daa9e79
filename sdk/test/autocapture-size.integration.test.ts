import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

const MAX_BYTES = 1_024;
const MODULES = [
  'pageViews',
  'clicks',
  'outboundLinks',
  'downloads',
  'forms',
  'scroll',
  'rageClicks',
  'errors',
  'webVitals',
];

/** What an application downloads that starts the SDK with these modules. */
async function bundle(modules: readonly string[]): Promise<{ first: string; later: string[] }> {
  const { outputFiles } = await build({
    stdin: {
      contents: `import { init } from '@sluice/sdk';
        import { ${modules.join(', ')} } from '@sluice/sdk/autocapture';
        init({ writeKey: 'k', host: 'https://h', capture: [${modules.map((name) => `${name}()`).join()}] }).track('e');`,
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
    },
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    conditions: ['sluice-source'],
    outdir: '/',
    write: false,
  });
  const isFirst = (path: string): boolean => path === '/stdin.js';
  return {
    first: outputFiles.find(({ path }) => isFirst(path))!.text,
    later: outputFiles.filter(({ path }) => !isFirst(path)).map(({ text }) => text),
  };
}

const gzipped = (text: string): number => gzipSync(text, { level: 9 }).length;

describe('in the bundle of an application', () => {
  it.each(MODULES)('%s adds at most 1,024 bytes, gzipped', async (name) => {
    const without = await bundle([]);
    const { first } = await bundle([name]);
    const added = gzipped(first) - gzipped(without.first);
    expect(added).toBeGreaterThan(100);
    expect(added).toBeLessThanOrEqual(MAX_BYTES);
  });

  it('there is nothing of the modules that are not used', async () => {
    const { first } = await bundle(['clicks']);
    expect(first).toContain('data-sluice-event');
    for (const name of ['File Downloaded', 'Form Submitted', 'Page Engaged', 'Rage Clicked', 'Web Vital'])
      expect(first).not.toContain(name);
  });

  it('web-vitals is a part of its own, loaded later', async () => {
    const { first, later } = await bundle(['webVitals']);
    expect(first).not.toContain('layout-shift');
    expect(later.some((text) => text.includes('layout-shift'))).toBe(true);
  });
});
