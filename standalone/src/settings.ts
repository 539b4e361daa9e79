import { apiSettings } from '@sluice/analytics-api';
import { gatewaySettings } from '@sluice/gateway';
import { churnSettings, watchSettings } from '@sluice/pipeline';
import { integerSetting, serviceSettings, storeSettings } from '@sluice/service-kit';
import { z } from 'zod';

/** Environment variables of the gateway of one machine. */
export const standaloneGatewaySettings = z.object({
  ...gatewaySettings.shape,
  SHOP_WRITE_KEY: z.string().describe('Write key with which the example shop at /shop sends its events.'),
});

/** Environment variables of the worker of one machine: pipeline and analytics API in one process. */
export const standaloneWorkerSettings = z.object({
  ...serviceSettings,
  ...storeSettings,
  ...apiSettings,
  ...churnSettings,
  ...watchSettings,
  PORT: integerSetting(8002, { min: 1, max: 65_535 }).describe('Port of the analytics API.'),
  GEOIP_PATH: z.string().optional().describe('MaxMind database (.mmdb); without it there is no geography.'),
});
