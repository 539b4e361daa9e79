import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('.', import.meta.url));

/** Workspaces are imported from their sources, so tests never run against a stale build. */
const fromSource = {
  resolve: {
    alias: [
      { find: '@sluice/query', replacement: `${root}query-client/src/index.ts` },
      { find: /^@sluice\/([\w-]+)$/, replacement: `${root}$1/src/index.ts` },
      { find: /^@sluice\/([\w-]+)\/([\w-]+)$/, replacement: `${root}$1/src/$2/index.ts` },
    ],
  },
};

export default defineConfig({
  ...fromSource,
  test: {
    projects: [
      {
        ...fromSource,
        test: {
          name: 'unit',
          sequence: { groupOrder: 0 },
          include: ['*/src/**/*.test.{ts,tsx}'],
          pool: 'threads',
          testTimeout: 30_000,
        },
      },
      {
        ...fromSource,
        test: {
          name: 'integration',
          sequence: { groupOrder: 1 },
          include: ['*/test/**/*.integration.test.{ts,tsx}'],
          // A process of its own for each file: the embedded ClickHouse engine lives once in a process.
          pool: 'forks',
          maxWorkers: 2,
          globalSetup: ['./vitest.global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
