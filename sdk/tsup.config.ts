import { defineConfig, type Options } from 'tsup';

const common = {
  sourcemap: true,
  silent: true,
  target: 'es2022',
  // Whoever installs the package gets all of it: what it takes of the workspace is part of the files.
  noExternal: [/^@sluice\//],
  esbuildOptions(options) {
    options.conditions = ['sluice-source'];
  },
} satisfies Options;

export default defineConfig([
  {
    ...common,
    entry: {
      index: 'src/browser/index.ts',
      autocapture: 'src/autocapture/index.ts',
      react: 'src/react/index.ts',
    },
    format: 'esm',
    platform: 'browser',
  },
  {
    ...common,
    entry: { sluice: 'src/script/index.ts' },
    format: 'iife',
    platform: 'browser',
    minify: true,
    outExtension: () => ({ js: '.js' }),
  },
  {
    ...common,
    entry: { node: 'src/node/index.ts' },
    format: ['esm', 'cjs'],
    platform: 'node',
    target: 'node20',
    removeNodeProtocol: false,
  },
  { ...common, entry: { edge: 'src/edge/index.ts' }, format: 'esm', platform: 'neutral' },
  { ...common, entry: { plan: 'src/plan/index.ts' }, format: 'esm', platform: 'neutral' },
]);
