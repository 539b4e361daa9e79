import { booleanSetting, integerSetting, serviceSettings, storeSettings } from '@sluice/service-kit';
import { z } from 'zod';
import { churnSettings } from './score/settings.js';
import { watchSettings } from './watch/settings.js';

/** The pipeline's environment variables, where it is a process of its own. */
export const pipelineSettings = z.object({
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
  MIGRATE: booleanSetting(true).describe(
    'Brings both schemas up to date before starting; false: only checks that `sluice migrate` did.',
  ),
  ...churnSettings,
  ...watchSettings,
  GEOIP_PATH: z.string().optional().describe('A MaxMind database (.mmdb); without it there is no geography.'),
});
