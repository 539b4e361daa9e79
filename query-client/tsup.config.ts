import { defineConfig } from 'tsup';

/**
 * Whoever installs the package gets all of it: what it takes of the workspace is part of the files. Its types are made of
 * zod's, which is a dependency for that alone: nothing of zod is loaded when it runs.
 */
export default defineConfig({
  entry: { index: 'src/index.ts' },
  format: ['esm', 'cjs'],
  target: 'es2022',
  platform: 'neutral',
  sourcemap: true,
  clean: true,
  silent: true,
  noExternal: [/^@sluice\//],
  esbuildOptions(options) {
    options.conditions = ['sluice-source'];
  },
  dts: {
    compilerOptions: {
      // The bundler of types sets an option that its compiler is about to drop.
      ignoreDeprecations: '6.0',
      paths: { '@sluice/contracts': ['../contracts/src/index.ts'] },
    },
  },
});
