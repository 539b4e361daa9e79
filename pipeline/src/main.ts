import { createAskSaved } from '@sluice/analytics-api';
import { openEventLog } from '@sluice/event-log';
import {
  createHttpApp,
  createMetricsRegistry,
  integerSetting,
  runService,
  serviceSettings,
  storeSettings,
  VERSION,
} from '@sluice/service-kit';
import { migrateClickHouse, migratePostgres, openClickHouse, openPostgres } from '@sluice/warehouse';
import { z } from 'zod';
import { createPipeline } from './pipeline.js';
import { churnConfigOf, churnSettings } from './score/settings.js';
import { watchConfigOf, watchSettings } from './watch/settings.js';

const settings = z.object({
  ...serviceSettings,
  ...storeSettings,
  PORT: integerSetting(8003, { max: 65_535 }).describe('Port of health checks and metrics.'),
  POSTGRES_CONNECTIONS: integerSetting(20, { min: 4 }).describe(
    'Connections at most: two a partition, and a few.',
  ),
  BATCH_MAX_RECORDS: integerSetting(5_000, { min: 1 }).describe('Records of a batch at most.'),
  BATCH_LINGER_MS: integerSetting(200).describe('How long a batch may wait to fill, milliseconds.'),
  KEEP_DAYS: z.coerce
    .number()
    .int()
    .min(1)
    .optional()
    .describe('Raw events older than this many days are dropped; without it they are kept for good.'),
  ...churnSettings,
  ...watchSettings,
  GEOIP_PATH: z.string().optional().describe('A MaxMind database (.mmdb); without it there is no geography.'),
});

await runService('pipeline', settings, async (config, { log: logger, tracer }) => {
  const registry = createMetricsRegistry('pipeline');
  const postgres = await openPostgres(config.POSTGRES_URL, {
    max: config.POSTGRES_CONNECTIONS,
    applicationName: 'sluice-pipeline',
  });
  const clickhouse = await openClickHouse(config.CLICKHOUSE_URL);
  const log = await openEventLog(config.EVENT_LOG_URL, { clientId: 'sluice-pipeline' });
  await migratePostgres(postgres.pool);
  await migrateClickHouse(clickhouse, postgres.pool);

  const pipeline = await createPipeline({
    postgres,
    clickhouse,
    log,
    logger,
    registry,
    tracer,
    askSaved: createAskSaved({ postgres, clickhouse, log, logger }),
    config: {
      watch: watchConfigOf(config),
      upkeep: { keepDays: config.KEEP_DAYS },
      maxRecords: config.BATCH_MAX_RECORDS,
      lingerMs: config.BATCH_LINGER_MS,
      geographyPath: config.GEOIP_PATH,
      churn: churnConfigOf(config),
    },
  });
  const app = await createHttpApp({
    log: logger,
    registry,
    title: 'Sluice pipeline',
    version: VERSION,
  });
  app.readiness.add('postgres', () => postgres.pool.query('select 1'));
  app.readiness.add('clickhouse', () => clickhouse.client.ping());
  app.readiness.add('event log', () => log.ping());
  await app.listen({ host: config.HOST, port: config.PORT });

  return {
    async stop() {
      await app.close();
      await pipeline.stop();
      await log.close();
      await clickhouse.close();
      await postgres.close();
    },
  };
});
