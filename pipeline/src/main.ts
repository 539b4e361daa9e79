import { createAskSaved } from '@sluice/analytics-api';
import { openEventLog } from '@sluice/event-log';
import { createHttpApp, createMetricsRegistry, runService, VERSION } from '@sluice/service-kit';
import {
  migrateClickHouse,
  migratePostgres,
  openClickHouse,
  openPostgres,
  requireClickHouseSchema,
  requirePostgresSchema,
} from '@sluice/warehouse';
import { createPipeline } from './pipeline.js';
import { churnConfigOf } from './score/settings.js';
import { pipelineSettings } from './settings.js';
import { watchConfigOf } from './watch/settings.js';

await runService('pipeline', pipelineSettings, async (config, { log: logger, tracer }) => {
  const registry = createMetricsRegistry('pipeline');
  const postgres = await openPostgres(config.POSTGRES_URL, {
    max: config.POSTGRES_CONNECTIONS,
    applicationName: 'sluice-pipeline',
  });
  const clickhouse = await openClickHouse(config.CLICKHOUSE_URL);
  const log = await openEventLog(config.EVENT_LOG_URL, { clientId: 'sluice-pipeline' });
  if (config.MIGRATE) {
    await migratePostgres(postgres.pool);
    await migrateClickHouse(clickhouse, postgres.pool);
  } else {
    await requirePostgresSchema(postgres.pool);
    await requireClickHouseSchema(clickhouse, postgres.pool);
  }

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
    metricsToken: config.METRICS_TOKEN,
  });
  app.readiness.add('postgres', () => postgres.pool.query('select 1'));
  app.readiness.add('clickhouse', async () => {
    const pong = await clickhouse.client.ping();
    if (!pong.success) throw pong.error;
  });
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
