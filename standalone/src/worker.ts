import { apiConfigOf, createAnalyticsApi, createAskSaved } from '@sluice/analytics-api';
import { openEventLog } from '@sluice/event-log';
import { churnConfigOf, createPipeline, watchConfigOf } from '@sluice/pipeline';
import { createMetricsRegistry, runService } from '@sluice/service-kit';
import { migrateClickHouse, migratePostgres, openClickHouse, openPostgres } from '@sluice/warehouse';
import { standaloneWorkerSettings } from './settings.js';

/**
 * Pipeline and analytics API in one process, because the embedded ClickHouse engine lives in exactly one: the pipeline
 * writes into it, the API reads from it.
 */
await runService('worker', standaloneWorkerSettings, async (config, { log, tracer }) => {
  const closers: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.reverse()) await close();
    closers.length = 0;
  };
  try {
    const postgres = await openPostgres(config.POSTGRES_URL, {
      max: 24,
      applicationName: 'sluice worker',
      onIdleError: (error) => log.warn({ err: error }, 'a connection to Postgres was lost'),
    });
    closers.push(() => postgres.close());
    await migratePostgres(postgres.pool);
    const clickhouse = await openClickHouse(config.CLICKHOUSE_URL);
    closers.push(() => clickhouse.close());
    await migrateClickHouse(clickhouse, postgres.pool);
    const eventLog = await openEventLog(config.EVENT_LOG_URL);
    closers.push(() => eventLog.close());
    const registry = createMetricsRegistry('worker');
    const pipeline = await createPipeline({
      postgres,
      clickhouse,
      log: eventLog,
      logger: log.child({ part: 'pipeline' }),
      registry,
      tracer,
      askSaved: createAskSaved({ postgres, clickhouse, log: eventLog, logger: log.child({ part: 'watch' }) }),
      config: {
        geographyPath: config.GEOIP_PATH,
        watch: watchConfigOf(config),
        churn: churnConfigOf(config),
      },
    });
    closers.push(() => pipeline.stop());
    const api = await createAnalyticsApi({
      postgres,
      clickhouse,
      log: eventLog,
      logger: log.child({ part: 'analytics-api' }),
      registry,
      config: apiConfigOf(config),
      tracer,
    });
    closers.push(() => api.stop());
    await api.app.listen({ host: config.HOST, port: config.PORT });
    return { stop };
  } catch (error) {
    await stop();
    throw error;
  }
});
