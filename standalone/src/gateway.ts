import { gatewaySettings, runGateway } from '@sluice/gateway';
import { runService } from '@sluice/service-kit';
import { z } from 'zod';
import { serveShop } from './shop/serve-shop.js';

const settings = z.object({
  ...gatewaySettings.shape,
  SHOP_WRITE_KEY: z.string().describe('Write key with which the example shop at /shop sends its events.'),
});

/** The gateway of one machine: with the example shop at `/shop`. */
await runService('gateway', settings, (config, context) =>
  runGateway(config, context, (app) => serveShop(app, config.SHOP_WRITE_KEY)),
);
