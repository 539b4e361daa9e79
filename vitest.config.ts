import { defineConfig } from 'vitest/config';

/** Workspaces are imported from their sources, so tests never run against a stale build. */
const fromSource = {
  resolve: { conditions: ['sluice-source'] },
  ssr: { resolve: { conditions: ['sluice-source'] } },
};

export default defineConfig({
  test: {
    projects: [
      {
        ...fromSource,
        test: {
          name: 'unit',
          include: ['*/src/**/*.test.ts'],
          pool: 'threads',
          testTimeout: 30_000,
        },
      },
      {
        ...fromSource,
        test: {
          name: 'integration',
          include: ['*/test/**/*.integration.test.ts'],
          // A process of its own for each file: the embedded ClickHouse engine lives once in a process.
          pool: 'forks',
          maxWorkers: 2,
          globalSetup: ['./load-test/test/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
