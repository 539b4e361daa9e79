import { openEventLog } from '@sluice/event-log';
import {
  createMetricsRegistry,
  integerSetting,
  runService,
  serviceSettings,
  storeSettings,
} from '@sluice/service-kit';
import { openClickHouse, openPostgres } from '@sluice/warehouse';
import { z } from 'zod';
import { DEFAULT_CONFIG } from './api-context.js';
import { createAnalyticsApi } from './app.js';

const settings = z.object({
  ...serviceSettings,
  ...storeSettings,
  PORT: integerSetting(8002, { max: 65_535 }).describe('Port to listen on.'),
  QUERY_TIMEOUT_MS: integerSetting(DEFAULT_CONFIG.queryTimeoutMs, { min: 100 }).describe(
    'Time for one answer, milliseconds.',
  ),
  QUERY_MEMORY_BYTES: integerSetting(DEFAULT_CONFIG.queryMemoryBytes, { min: 2 ** 20 }).describe(
    'Memory of one ClickHouse query, bytes.',
  ),
  READ_REQUESTS_PER_MINUTE: integerSetting(DEFAULT_CONFIG.requestsPerMinute, { min: 1 }).describe(
    'Requests a minute and read key.',
  ),
  AUDIT_INTERVAL_MS: integerSetting(DEFAULT_CONFIG.auditIntervalMs).describe(
    'How often the audit is taken for the metrics, milliseconds; 0 turns it off.',
  ),
  TRUST_PROXY: z
    .string()
    .optional()
    .describe('Addresses of proxies whose X-Forwarded-For is believed, or `true` for every one.'),
});

await runService('analytics-api', settings, async (config, { log: logger }) => {
  const postgres = await openPostgres(config.POSTGRES_URL, { applicationName: 'sluice-analytics-api' });
  const clickhouse = await openClickHouse(config.CLICKHOUSE_URL);
  const log = await openEventLog(config.EVENT_LOG_URL, { clientId: 'sluice-analytics-api', readOnly: true });
  const api = await createAnalyticsApi({
    postgres,
    clickhouse,
    log,
    logger,
    registry: createMetricsRegistry(),
    config: {
      queryTimeoutMs: config.QUERY_TIMEOUT_MS,
      queryMemoryBytes: config.QUERY_MEMORY_BYTES,
      requestsPerMinute: config.READ_REQUESTS_PER_MINUTE,
      auditIntervalMs: config.AUDIT_INTERVAL_MS,
      trustProxy: config.TRUST_PROXY === 'true' ? true : (config.TRUST_PROXY ?? false),
    },
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
