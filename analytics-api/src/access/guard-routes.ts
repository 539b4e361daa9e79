import type { KeyStore } from '@sluice/service-kit';
import type { ApiScope } from '../api-context.js';
import { authenticate } from './authenticate.js';

/**
 * Lets no request through to the routes that follow without a key of the scope that its route says. A route that says none
 * is a mistake that keeps the service from starting.
 */
export function guardRoutes(app: ApiScope, keys: KeyStore): void {
  app.decorateRequest('owner');
  app.addHook('onRoute', (route) => {
    const scope = route.config?.scope;
    if (scope === undefined) throw new Error(`${route.url} does not say its scope`);
    route.schema = { ...route.schema, security: [{ [`${scope}_key`]: [] }] };
  });
  app.addHook('onRequest', async (request) => {
    request.owner = await authenticate(request, request.routeOptions.config.scope ?? 'admin', keys);
  });
}
