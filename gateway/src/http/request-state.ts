import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ServerResponse } from 'node:http';
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

const INSIDE = Symbol('request inside');
type TrackedResponse = ServerResponse & { [INSIDE]?: FastifyRequest | undefined };

export function trackRequests(app: FastifyInstance, admission: Admission): RequestTracking {
  app.decorateRequest('isInside', false);
  app.decorateRequest('heldBytes', 0);
  app.addHook('onResponse', (request, reply, done) => {
    const response: TrackedResponse = reply.raw;
    response.off('close', leaveUnanswered);
    response[INSIDE] = undefined;
    leave(request);
    done();
  });

  /** One function for all, taken off again: a closure of each request would keep it from being freed young. */
  function leaveUnanswered(this: TrackedResponse): void {
    const request = this[INSIDE];
    this[INSIDE] = undefined;
    if (request !== undefined) leave(request);
  }

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
      const response: TrackedResponse = reply.raw;
      response[INSIDE] = request;
      response.on('close', leaveUnanswered);
    },
    hold(request, bytes) {
      if (!request.isInside) return;
      request.heldBytes += bytes;
      admission.hold(bytes);
    },
  };
}
