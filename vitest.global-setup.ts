import { startEmbeddedPostgres } from '@sluice/warehouse';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** A Postgres server on which each test file makes a database of its own. */
    postgresUrl: string;
    /** `host:port` of an Apache Kafka broker; null where none can be run. */
    kafkaBrokers: string | null;
  }
}

/** The engines that the integration tests share: a real Postgres and a real Apache Kafka. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-tests-'));
  const postgres = await startEmbeddedPostgres({ dataDir: join(dir, 'postgres') });
  project.provide('postgresUrl', postgres.url);
  project.provide('kafkaBrokers', process.env['KAFKA_BROKERS'] ?? null);
  return async () => {
    await postgres.stop();
    await rm(dir, { recursive: true, force: true });
  };
}
