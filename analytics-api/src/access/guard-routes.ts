import { SluiceError } from '@sluice/contracts';
import type { KeyStore } from '@sluice/service-kit';
import type { FastifyRequest } from 'fastify';
import type { ApiScope } from '../api-context.js';
import { authenticate } from './authenticate.js';

/** All that a read key may do by another method than GET: they ask, or take back what the key itself asked. */
export const ASKING_ROUTES: ReadonlySet<string> = new Set([
  'POST /v1/query',
  'POST /v1/people',
  'POST /v1/anomalies/simulate',
  'DELETE /v1/queries/:query_id',
]);

const READING_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

export interface RouteGuard {
  keys: KeyStore;
  /** Whether a request came in where administrators do. Undefined: they use the same address as everybody. */
  cameApart?: ((request: FastifyRequest) => boolean) | undefined;
}

/**
 * Lets no request through to the routes that follow without a key of the scope that its route says. A route that says none,
 * or that a read key could change something with, is a mistake that keeps the service from starting. Where administrators
 * have an address of their own, their routes are nowhere else.
 */
export function guardRoutes(app: ApiScope, { keys, cameApart }: RouteGuard): void {
  app.decorateRequest('owner');
  app.addHook('onRoute', (route) => {
    const { config, url, method } = route;
    if (config?.scope === undefined) throw new Error(`${url} does not say its scope`);
    route.schema = { ...route.schema, security: [{ [`${config.scope}_key`]: [] }] };
    if (config.scope === 'admin') return;
    for (const name of Array.isArray(method) ? method : [method]) {
      if (!READING_METHODS.has(name) && !ASKING_ROUTES.has(`${name} ${url}`)) {
        throw new Error(`${name} ${url} is open to read keys and not among the routes that only ask`);
      }
    }
  });
  app.addHook('onRequest', async (request) => {
    const scope = request.routeOptions.config.scope ?? 'admin';
    if (scope === 'admin' && cameApart?.(request) === false) {
      throw new SluiceError('not_found', { message: 'Administrators have an address of their own.' });
    }
    request.owner = await authenticate(request, scope, keys);
  });
}
