import { KafkaMissingError, startKafkaBroker } from '@sluice/event-log/testing';
import { PrometheusMissingError, provisionPrometheus, type PrometheusPrograms } from '@sluice/monitoring';
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
    /** Where prometheus, promtool and amtool are; null where they cannot be had. */
    prometheusPrograms: PrometheusPrograms | null;
  }
}

interface Engine {
  stop(): Promise<void>;
}

/** The engines that the integration tests share: a real Postgres and a real Apache Kafka. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-tests-'));
  const engines: Engine[] = [];
  const tearDown = async (): Promise<void> => {
    for (const engine of engines.reverse()) await engine.stop();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    project.provide('postgresUrl', await providePostgres(engines, dir));
    project.provide('kafkaBrokers', await provideKafka(engines));
    project.provide('prometheusPrograms', await providePrometheus());
    return tearDown;
  } catch (error) {
    await tearDown();
    throw error;
  }
}

/** TEST_POSTGRES_URL where it is set (its user makes databases), else a server of our own. */
async function providePostgres(engines: Engine[], dir: string): Promise<string> {
  const given = process.env['TEST_POSTGRES_URL'] ?? '';
  if (given !== '') return given;
  const postgres = await startEmbeddedPostgres({ dataDir: join(dir, 'postgres') });
  engines.push(postgres);
  return postgres.url;
}

/** KAFKA_BROKERS where it is set, else a broker of our own; without either the Kafka tests cannot run, and say so. */
async function provideKafka(engines: Engine[]): Promise<string | null> {
  const given = process.env['KAFKA_BROKERS'] ?? '';
  if (given !== '') return given;
  try {
    const broker = await startKafkaBroker();
    engines.push(broker);
    return broker.brokers;
  } catch (error) {
    if (!(error instanceof KafkaMissingError) || (process.env['CI'] ?? '') !== '') throw error;
    process.stderr.write(`\nTHE KAFKA TESTS DO NOT RUN: ${error.message}\n\n`);
    return null;
  }
}

/** Prometheus of this machine, or one that is fetched into the cache; without either its tests cannot run, and say so. */
async function providePrometheus(): Promise<PrometheusPrograms | null> {
  try {
    return await provisionPrometheus();
  } catch (error) {
    if (!(error instanceof PrometheusMissingError) || (process.env['CI'] ?? '') !== '') throw error;
    process.stderr.write(`\nTHE PROMETHEUS TESTS DO NOT RUN: ${error.message}\n\n`);
    return null;
  }
}
