import { createAnalyticsApi, type AnalyticsApi } from '@sluice/analytics-api';
import { openEventLog } from '@sluice/event-log';
import { createGateway, type Gateway } from '@sluice/gateway';
import { createPipeline, type Pipeline } from '@sluice/pipeline';
import {
  createKey,
  createLogger,
  createMetricsRegistry,
  ensureProject,
  type Tracer,
} from '@sluice/service-kit';
import { createTestDatabase, openTestClickHouse } from '@sluice/warehouse/testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface WholeSluice {
  gateway: Gateway;
  pipeline: Pipeline;
  api: AnalyticsApi;
  gatewayUrl: string;
  apiUrl: string;
  writeKey: string;
  readKey: string;
  /** What further services on the same stores are made of. */
  stores: Pick<Parameters<typeof createPipeline>[0], 'postgres' | 'clickhouse' | 'log' | 'logger'>;
  close(): Promise<void>;
}

/** Every service on stores of its own, the gateway by itself, pipeline and API as the one process that they are on one machine. */
export async function startWholeSluice(
  postgresUrl: string,
  tracers: { gateway?: Tracer; worker?: Tracer } = {},
): Promise<WholeSluice> {
  const ends: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    const postgres = await createTestDatabase(postgresUrl);
    ends.push(() => postgres.drop());
    const clickhouse = await openTestClickHouse(postgres.pool);
    ends.push(() => clickhouse.drop());
    const dir = await mkdtemp(join(tmpdir(), 'sluice-whole-'));
    ends.push(() => rm(dir, { recursive: true, force: true }));
    const log = await openEventLog(`embedded:${join(dir, 'log')}`);
    ends.push(() => log.close());
    const stores = { postgres, clickhouse, log, logger: createLogger('test', 'silent') };

    const registry = createMetricsRegistry('worker');
    const pipeline = await createPipeline({
      ...stores,
      registry,
      tracer: tracers.worker,
      config: { watch: { notify: { timeoutMs: 1_000, refusePrivate: false } }, lingerMs: 20 },
    });
    ends.push(() => pipeline.stop());
    const gateway = await createGateway({
      ...stores,
      registry: createMetricsRegistry('gateway'),
      tracer: tracers.gateway,
      config: { spoolDir: join(dir, 'spool') },
    });
    ends.push(() => gateway.stop());
    const api = await createAnalyticsApi({ ...stores, registry, tracer: tracers.worker });
    ends.push(() => api.stop());
    const projectId = await ensureProject(postgres.pool, 'shop');
    const { key: writeKey } = await createKey(postgres.pool, { projectId, kind: 'write' });
    const { key: readKey } = await createKey(postgres.pool, { projectId, kind: 'read' });
    return {
      ...{ gateway, pipeline, api, writeKey, readKey, stores, close },
      gatewayUrl: await gateway.app.listen({ host: '127.0.0.1', port: 0 }),
      apiUrl: await api.app.listen({ host: '127.0.0.1', port: 0 }),
    };
  } catch (error) {
    await close();
    throw error;
  }
}
