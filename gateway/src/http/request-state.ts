import type { FastifyInstance } from 'fastify';
import type { Endpoint } from '../telemetry.js';
import type { Admission } from './admission.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whether the request was let in, and so must be seen out. */
    isInside: boolean;
    /** Bytes of its body that are in memory. */
    heldBytes: number;
  }
  interface FastifyContextConfig {
    endpoint?: Endpoint;
  }
}

/** Lets requests in and out again, however they end. */
export function trackRequests(app: FastifyInstance, admission: Admission): void {
  app.decorateRequest('isInside', false);
  app.decorateRequest('heldBytes', 0);
  app.addHook('onResponse', (request, _reply, done) => {
    if (request.isInside) {
      request.isInside = false;
      admission.hold(-request.heldBytes);
      admission.leave();
    }
    done();
  });
}
