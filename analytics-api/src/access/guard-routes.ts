import type { KeyStore } from '@sluice/service-kit';
import type { ApiScope } from '../api-context.js';
import { authenticate } from './authenticate.js';

/**
 * Lets no request through to the routes that follow without a key of the scope that its route says. A route that says none
 * is a mistake that keeps the service from starting.
 */
export function guardRoutes(app: ApiScope, keys: KeyStore): void {
  app.decorateRequest('owner');
  app.addHook('onRoute', ({ config, url }) => {
    if (config?.scope === undefined) throw new Error(`${url} does not say its scope`);
  });
  app.addHook('onRequest', async (request) => {
    request.owner = await authenticate(request, request.routeOptions.config.scope ?? 'admin', keys);
  });
}
