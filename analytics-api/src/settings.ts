import { integerSetting, serviceSettings, storeSettings } from '@sluice/service-kit';
import { z } from 'zod';
import { DEFAULT_CONFIG, type AnalyticsApiConfig } from './api-context.js';

/** What can be set of the API from outside, wherever it runs. */
export const apiSettings = {
  QUERY_TIMEOUT_MS: integerSetting(DEFAULT_CONFIG.queryTimeoutMs, { min: 100 }).describe(
    'Time for one answer, milliseconds.',
  ),
  QUERY_MEMORY_BYTES: integerSetting(DEFAULT_CONFIG.queryMemoryBytes, { min: 2 ** 20 }).describe(
    'Memory of one ClickHouse query, bytes.',
  ),
  QUERY_CACHE_BYTES: integerSetting(DEFAULT_CONFIG.rowMemoryBytes).describe(
    'Memory for rows of earlier answers, bytes; 0 remembers none.',
  ),
  QUERY_ROWS_PER_HOUR: integerSetting(DEFAULT_CONFIG.rowsPerHour).describe(
    'Rows that ClickHouse may read in an hour for the questions of one key; 0: no limit. A key can have its own.',
  ),
  READ_REQUESTS_PER_MINUTE: integerSetting(DEFAULT_CONFIG.requestsPerMinute, { min: 1 }).describe(
    'Requests a minute and read key.',
  ),
  AUDIT_INTERVAL_MS: integerSetting(DEFAULT_CONFIG.auditIntervalMs).describe(
    'How often the audit is taken for the metrics, milliseconds; 0 turns it off.',
  ),
  ADMIN_PORT: integerSetting(0, { max: 65_535 }).describe(
    'Port of the routes that need an admin key, which are then nowhere else; 0: they are where all others are.',
  ),
  ADMIN_HOST: z.string().default('127.0.0.1').describe('Address to listen on for ADMIN_PORT.'),
  API_ORIGINS: z
    .string()
    .default('')
    .transform((text) => text.split(',').flatMap((origin) => origin.trim() || []))
    .pipe(z.array(z.url().refine((text) => new URL(text).origin === text, 'must be origins: https://host')))
    .describe('Origins of the web pages that may ask, comma-separated; empty: every origin.'),
  TRUST_PROXY: z
    .string()
    .optional()
    .describe('Addresses of proxies whose X-Forwarded-For is believed, or `true` for every one.'),
};

/** The API's environment variables, where it is a process of its own. */
export const analyticsApiSettings = z.object({
  ...serviceSettings,
  ...storeSettings,
  PORT: integerSetting(8002, { max: 65_535 }).describe('Port to listen on.'),
  ...apiSettings,
});

type ApiSettings = z.output<z.ZodObject<typeof apiSettings>>;

/** The settings as the API takes them. */
export function apiConfigOf(
  settings: ApiSettings & { METRICS_TOKEN?: string | undefined },
): Partial<AnalyticsApiConfig> {
  return {
    queryTimeoutMs: settings.QUERY_TIMEOUT_MS,
    queryMemoryBytes: settings.QUERY_MEMORY_BYTES,
    rowMemoryBytes: settings.QUERY_CACHE_BYTES,
    rowsPerHour: settings.QUERY_ROWS_PER_HOUR,
    requestsPerMinute: settings.READ_REQUESTS_PER_MINUTE,
    auditIntervalMs: settings.AUDIT_INTERVAL_MS,
    admin: settings.ADMIN_PORT === 0 ? undefined : { host: settings.ADMIN_HOST, port: settings.ADMIN_PORT },
    origins: settings.API_ORIGINS,
    metricsToken: settings.METRICS_TOKEN,
    trustProxy: settings.TRUST_PROXY === 'true' ? true : (settings.TRUST_PROXY ?? false),
  };
}
