import { defineConfig, type Options } from 'tsup';

/** How every workspace is built: ESM for Node 20, one file an entry, dependencies left outside. */
export function build(entry: string[], options: Options = {}): ReturnType<typeof defineConfig> {
  return defineConfig({
    entry,
    format: 'esm',
    target: 'node20',
    platform: 'node',
    sourcemap: true,
    clean: true,
    splitting: true,
    silent: true,
    ...options,
  });
}
