import { runGateway } from '@sluice/gateway';
import { runService } from '@sluice/service-kit';
import { standaloneGatewaySettings } from './settings.js';
import { serveShop } from './shop/serve-shop.js';

/** The gateway of one machine: with the example shop at `/shop`. */
await runService('gateway', standaloneGatewaySettings, (config, context) =>
  runGateway(config, context, (app) => serveShop(app, config.SHOP_WRITE_KEY)),
);
