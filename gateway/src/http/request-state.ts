import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
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

export interface RequestTracking {
  /** Lets a request in; it is seen out when it is answered, or when its connection is gone. */
  enter(request: FastifyRequest, reply: FastifyReply): void;
  /** Accounts for a piece of the body that is kept in memory. */
  hold(request: FastifyRequest, bytes: number): void;
}

export function trackRequests(app: FastifyInstance, admission: Admission): RequestTracking {
  app.decorateRequest('isInside', false);
  app.decorateRequest('heldBytes', 0);
  app.addHook('onResponse', (request, _reply, done) => {
    leave(request);
    done();
  });

  function leave(request: FastifyRequest): void {
    if (!request.isInside) return;
    request.isInside = false;
    admission.hold(-request.heldBytes);
    admission.leave();
  }

  return {
    enter(request, reply) {
      admission.enter();
      request.isInside = true;
      // A request whose client went away gets no response, and so no `onResponse`.
      reply.raw.once('close', () => leave(request));
    },
    hold(request, bytes) {
      if (!request.isInside) return;
      request.heldBytes += bytes;
      admission.hold(bytes);
    },
  };
}
