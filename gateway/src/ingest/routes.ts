import {
  batchBodySchema,
  ingestAnswerSchema,
  messageFieldsSchema,
  problemSchema,
  type MessageType,
} from '@sluice/contracts';
import { problemOf, sendProblem } from '@sluice/service-kit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { createBodyMemory } from '../body/body-memory.js';
import { findDecoder } from '../body/inflate.js';
import { createChunkRelease } from '../body/release-chunks.js';
import { readBody, type ReceivedBody } from '../body/read-body.js';
import type { Deadlines } from '../deadlines.js';
import type { Admission } from '../http/admission.js';
import { allowOrigin, answerPreflight } from '../http/cors.js';
import type { RateLimits } from '../http/rate-limits.js';
import { trackRequests } from '../http/request-state.js';
import type { Endpoint, GatewayTelemetry } from '../telemetry.js';
import type { Ingest, IngestShape } from './ingest.js';
import { readSdkSettings } from './sdk-settings.js';
import type { KeyStore } from '@sluice/service-kit';

/** The addresses of each message type: the documented one and the letter that browsers use. */
const SINGLE_ROUTES: Readonly<Record<string, MessageType>> = {
  '/v1/track': 'track',
  '/v1/t': 'track',
  '/v1/identify': 'identify',
  '/v1/i': 'identify',
  '/v1/page': 'page',
  '/v1/p': 'page',
  '/v1/screen': 'screen',
  '/v1/s': 'screen',
  '/v1/group': 'group',
  '/v1/g': 'group',
  '/v1/alias': 'alias',
  '/v1/a': 'alias',
};
const BATCH_ROUTES = ['/v1/batch', '/v1/b', '/v1/import'];
const SETTINGS_ROUTE = '/v1/projects/:writeKey/settings';
const METRICS_ROUTE = '/v1/m';

export interface IngestRouteOptions {
  ingest: Ingest;
  keys: KeyStore;
  admission: Admission;
  rateLimits: RateLimits;
  deadlines: Deadlines;
  telemetry: GatewayTelemetry;
  maxBodyBytes: number;
  maxInflatedBytes: number;
  publicUrl: string | undefined;
}

/** Everything that clients of the tracking API call, in a scope of its own: its bodies and errors are read its way. */
export async function registerIngestRoutes(app: FastifyInstance, options: IngestRouteOptions): Promise<void> {
  const { admission, rateLimits, telemetry } = options;
  const tracking = trackRequests(app, admission);
  const memory = createBodyMemory();
  const releaseChunks = createChunkRelease();
  // A logger of its own for every request would cost more than its key's lookup; what is logged names the request.
  app.setChildLoggerFactory((logger) => logger);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (request, payload, done) => {
    const declared = request.headers['content-length'];
    readBody(
      payload,
      {
        declaredBytes: declared === undefined ? undefined : Number(declared),
        decoder: findDecoder(request.headers['content-encoding']),
        maxBodyBytes: options.maxBodyBytes,
        maxInflatedBytes: options.maxInflatedBytes,
        deadlines: options.deadlines,
        memory,
        onBytes(count) {
          releaseChunks(count);
          tracking.hold(request, count);
        },
      },
      done,
    );
  });
  app.setErrorHandler((error, request, reply) => {
    telemetry.requestRefused(endpointOf(request), problemOf(error).code);
    return sendProblem(reply, error, request.id);
  });

  app.addHook('onRequest', (request, reply, done) => {
    allowOrigin(request, reply);
    // Whatever the client calls its body, it is read as JSON; a malformed name must not get in the way.
    const { headers } = request.raw;
    if (headers['content-type'] !== undefined) headers['content-type'] = 'application/json';
    if (admission.isClosing) void reply.header('connection', 'close');
    try {
      tracking.enter(request, reply);
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  });
  app.addHook('onRequest', (request, reply) => rateLimits.checkAddress(request, reply));

  for (const [url, type] of Object.entries(SINGLE_ROUTES)) addIngestRoute(url, { shape: 'single', type });
  for (const url of BATCH_ROUTES) addIngestRoute(url, { shape: 'batch' });

  app.route({
    method: 'POST',
    url: METRICS_ROUTE,
    helmet: false,
    config: { endpoint: 'metrics' },
    schema: {
      tags: ['tracking'],
      summary: 'Takes the metrics that SDKs keep of themselves, and ignores them',
    },
    handler(request, reply) {
      const body = request.body as ReceivedBody | null | undefined;
      telemetry.requestAccepted({
        endpoint: 'metrics',
        wireBytes: body?.wireBytes ?? 0,
        inflatedBytes: body?.bytes.length ?? 0,
      });
      return answerJson(reply, '{"success":true}');
    },
  });
  addPreflight(METRICS_ROUTE);

  app.route<{ Params: { writeKey: string } }>({
    method: 'GET',
    url: SETTINGS_ROUTE,
    helmet: false,
    config: { endpoint: 'settings' },
    schema: { tags: ['tracking'], summary: 'The settings that SDKs ask for when they start' },
    async handler(request, reply) {
      const settings = await readSdkSettings(options.keys, request, options.publicUrl);
      telemetry.requestAccepted({ endpoint: 'settings', wireBytes: 0, inflatedBytes: 0 });
      void reply.header('cache-control', 'public, max-age=60');
      return answerJson(reply, JSON.stringify(settings));
    },
  });
  addPreflight(SETTINGS_ROUTE);

  function addIngestRoute(url: string, shape: IngestShape): void {
    app.route({
      method: 'POST',
      url,
      helmet: false,
      config: { endpoint: shape.shape },
      schema: {
        tags: ['tracking'],
        security: [{ write_key: [] }],
        summary: shape.shape === 'batch' ? 'Takes a batch of messages' : `Takes one ${shape.type} message`,
        body: shape.shape === 'batch' ? batchBodySchema : messageFieldsSchema,
        response: { 200: ingestAnswerSchema, '4xx': problemSchema, '5xx': problemSchema },
      },
      // The schema documents; every message is judged by itself.
      validatorCompiler: () => (value: unknown) => ({ value }),
      async handler(request, reply) {
        return answerJson(reply, await options.ingest(request, reply, shape));
      },
    });
    addPreflight(url);
  }

  function addPreflight(url: string): void {
    app.route({ method: 'OPTIONS', url, helmet: false, schema: { hide: true }, handler: answerPreflight });
  }

  function answerJson(reply: FastifyReply, json: string): FastifyReply {
    if (admission.isClosing) void reply.header('connection', 'close');
    return reply
      .header('content-type', 'application/json; charset=utf-8')
      .header('x-content-type-options', 'nosniff')
      .send(json);
  }
}

function endpointOf(request: FastifyRequest): Endpoint {
  return request.routeOptions.config.endpoint ?? 'none';
}
