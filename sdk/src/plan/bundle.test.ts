import { build } from 'esbuild';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SOURCES = dirname(dirname(fileURLToPath(import.meta.url)));

/** A browser bundle of an application, as esbuild makes it for production. */
async function bundle(
  application: string,
  options: { minify: boolean } = { minify: true },
): Promise<{ bytes: number; text: string; sources: string[] }> {
  const result = await build({
    stdin: { contents: application, resolveDir: SOURCES, loader: 'ts', sourcefile: 'application.ts' },
    bundle: true,
    ...options,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions: ['sluice-source'],
    logLevel: 'silent',
  });
  const { contents, text } = result.outputFiles[0]!;
  const { outputs } = result.metafile;
  const kept = Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  return { bytes: contents.length, text, sources: kept };
}

const TYPED = `
  import type { BUILT_IN_EVENTS } from '@sluice/contracts';
  import { createAnalytics } from './browser/index.js';
  const analytics = createAnalytics<typeof BUILT_IN_EVENTS>({ writeKey: 'k', host: 'https://events.example.com' });
  analytics.track('Login', { method: 'password' });
`;
const UNTYPED = `
  import { createAnalytics } from './browser/index.js';
  const analytics = createAnalytics({ writeKey: 'k', host: 'https://events.example.com' });
  analytics.track('Login', { method: 'password' });
`;

describe('a browser bundle', () => {
  it('with a plan is the bundle without one, byte for byte', async () => {
    const minified = [await bundle(TYPED), await bundle(UNTYPED)];
    expect(minified[0]!.bytes).toBe(minified[1]!.bytes);
    // The short names of a minified bundle follow from how often letters stand in the source, types included.
    const plain = [await bundle(TYPED, { minify: false }), await bundle(UNTYPED, { minify: false })];
    expect(plain[0]!.text === plain[1]!.text).toBe(true);
  });

  it('holds nothing of the plan, of the checks and of zod', async () => {
    const { sources } = await bundle(TYPED);
    expect(sources.length).toBeGreaterThan(5);
    expect(sources.filter((path) => /plan\/|tracking-plan|node_modules/.test(path))).toEqual([]);
  });

  it('that checks the plan in development holds the checks, and one for production does not', async () => {
    const application = (environment: string): string => `
      import { checkPlan } from './plan/index.js';
      import { init } from './browser/index.js';
      const redact = ${JSON.stringify(environment)} === 'development' ? checkPlan({}) : undefined;
      init({ writeKey: 'k', host: 'https://events.example.com', ...(redact && { redact }) });
    `;
    const inDevelopment = await bundle(application('development'));
    const inProduction = await bundle(application('production'));
    expect(inDevelopment.text).toContain('does not follow the plan');
    expect(inProduction.text).not.toContain('does not follow the plan');
    expect(inProduction.sources.filter((path) => path.includes('plan/'))).toEqual([]);
  });
});
