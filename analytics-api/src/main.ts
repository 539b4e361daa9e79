import { openEventLog } from '@sluice/event-log';
import { createMetricsRegistry, runService } from '@sluice/service-kit';
import { openClickHouse, openPostgres } from '@sluice/warehouse';
import { createAnalyticsApi } from './app.js';
import { analyticsApiSettings, apiConfigOf } from './settings.js';

await runService('analytics-api', analyticsApiSettings, async (config, { log: logger, tracer }) => {
  const postgres = await openPostgres(config.POSTGRES_URL, { applicationName: 'sluice-analytics-api' });
  const clickhouse = await openClickHouse(config.CLICKHOUSE_URL);
  const log = await openEventLog(config.EVENT_LOG_URL, { clientId: 'sluice-analytics-api', readOnly: true });
  const api = await createAnalyticsApi({
    postgres,
    clickhouse,
    log,
    logger,
    registry: createMetricsRegistry('analytics-api'),
    config: apiConfigOf(config),
    tracer,
  });
  const address = await api.app.listen({ host: config.HOST, port: config.PORT });
  logger.info({ address }, 'the analytics API answers');
  return {
    async stop() {
      await api.stop();
      await log.close();
      await clickhouse.close();
      await postgres.close();
    },
  };
});
