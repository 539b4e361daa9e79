import { runService } from '@sluice/service-kit';
import { gatewaySettings } from './config.js';
import { runGateway } from './run-gateway.js';

await runService('gateway', gatewaySettings, (settings, context) => runGateway(settings, context));
