import helmet from '@fastify/helmet';
import swagger from '@fastify/swagger';
import { SluiceError } from '@sluice/contracts';
import Fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
} from 'fastify';
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import { carriesToken } from './bearer-token.js';
import { createAllowTable } from './allowed-methods.js';
import { problemOf } from './problem.js';
import { createReadiness, type Readiness } from './readiness.js';
import type { Logger } from './telemetry.js';

export interface HttpAppOptions {
  log: Logger;
  registry: Registry;
  title: string;
  description?: string;
  version: string;
  /** Largest body, bytes. Default 1 MiB. */
  bodyLimit?: number;
  /** Whether X-Forwarded-For and its kin are believed, and from whom (as Fastify's option). Default false. */
  trustProxy?: boolean | string;
  /** Longest time for a whole request to arrive, milliseconds. Default 30,000. */
  requestTimeoutMs?: number;
  /** Who asks for `/metrics` must carry this as a Bearer token. Default: everybody may ask. */
  metricsToken?: string | undefined;
}

export type HttpApp = FastifyInstance<
  Server,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
> & { readiness: Readiness };

/** Longer ones are answered with 431 before anything is done for them. */
const MAX_HEADER_BYTES = 16 * 1024;

/** How keys travel, for the description; routes say which of them opens them. */
const KEY_SCHEMES = {
  write_key: {
    type: 'http',
    scheme: 'basic',
    description: 'The user name is a write key, the password is empty.',
  },
  read_key: { type: 'http', scheme: 'bearer', description: 'A read key or an admin key.' },
  admin_key: { type: 'http', scheme: 'bearer', description: 'An admin key.' },
} as const;

const routerOptions = { ignoreTrailingSlash: true, maxParamLength: 512 };

/**
 * A Fastify app as every Sluice service has it: zod schemas validate, serialise and document; every error is problem
 * details with a code of the one table; `/health/live`, `/health/ready`, `/metrics` and `/openapi.json` answer.
 */
export async function createHttpApp(options: HttpAppOptions): Promise<HttpApp> {
  const { requestTimeoutMs = 30_000 } = options;
  const instance = Fastify<Server, IncomingMessage, ServerResponse>({
    loggerInstance: options.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.bodyLimit ?? 1024 * 1024,
    trustProxy: options.trustProxy ?? false,
    requestTimeout: requestTimeoutMs,
    http: { connectionsCheckingInterval: Math.min(5_000, requestTimeoutMs), maxHeaderSize: MAX_HEADER_BYTES },
    forceCloseConnections: 'idle',
    routerOptions,
    genReqId: createRequestIds(),
  }).withTypeProvider<ZodTypeProvider>();
  const readiness = createReadiness();
  const app = Object.assign(instance, { readiness });

  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  await app.register(helmet, {
    // Answers are data: a browser that is shown one as a page runs nothing of it. What serves pages says more.
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    // Pages of every origin load the SDK, and read answers: who may is a matter of CORS and of keys.
    crossOriginResourcePolicy: { policy: 'cross-origin' },
  });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: options.title, description: options.description ?? '', version: options.version },
      components: { securitySchemes: KEY_SCHEMES },
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });

  const allowed = createAllowTable();
  app.addHook('onRoute', (route) => allowed.add(route.url, route.method));
  app.setErrorHandler((error, request, reply) => sendProblem(reply, error, request.id));
  app.setNotFoundHandler((request, reply) => {
    const methods = allowed.methodsOf(request.url);
    if (methods.length > 0 && !methods.includes(request.method)) {
      void reply.header('allow', methods.join(', '));
      return sendProblem(reply, new SluiceError('method_not_allowed'), request.id);
    }
    return sendProblem(reply, new SluiceError('not_found'), request.id);
  });

  app.get('/health/live', { schema: { hide: true } }, () => ({ status: 'live' }));
  app.get('/health/ready', { schema: { hide: true } }, async (_request, reply) => {
    const report = await readiness.check();
    return reply.status(report.ready ? 200 : 503).send({
      status: report.ready ? 'ready' : 'not ready',
      checks: report.checks,
    });
  });
  const { metricsToken } = options;
  app.get('/metrics', { schema: { hide: true } }, async (request, reply) => {
    if (metricsToken !== undefined && !carriesToken(request.headers.authorization, metricsToken)) {
      throw new SluiceError('invalid_api_key', {
        message: 'Metrics need the token of METRICS_TOKEN as a Bearer token.',
        field: 'authorization',
      });
    }
    return reply.type(options.registry.contentType).send(await options.registry.metrics());
  });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  return app;
}

/** Answers with problem details, and logs what is our own fault. */
export function sendProblem(reply: FastifyReply, error: unknown, requestId: string): FastifyReply {
  const body = problemOf(error, requestId);
  if (body.status >= 500) {
    reply.log.error({ err: error, requestId, code: body.code }, 'request failed');
  }
  if (error instanceof SluiceError && error.retryAfterSeconds !== undefined) {
    void reply.header('retry-after', String(Math.max(1, Math.ceil(error.retryAfterSeconds))));
  }
  return reply
    .status(body.status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .serializer((value: unknown) => JSON.stringify(value))
    .send(body);
}

/** Ids that are unique between processes and cheap: a random prefix and a count. */
function createRequestIds(): () => string {
  const prefix = Math.random().toString(36).slice(2, 10);
  let count = 0;
  return () => `${prefix}-${(count++).toString(36)}`;
}
