import { measureAppends, type EventLog } from '@sluice/event-log';
import {
  createHttpApp,
  createKeyStore,
  VERSION,
  type HttpApp,
  type KeyStore,
  type Logger,
  type Tracer,
} from '@sluice/service-kit';
import type { Postgres } from '@sluice/warehouse';
import { Redis } from 'ioredis';
import type { Registry } from 'prom-client';
import { GATEWAY_DEFAULTS, type GatewayConfig } from './config.js';
import { createDeadlines } from './deadlines.js';
import { createDelivering } from './delivery/deliver.js';
import { createAdmission, type Admission } from './http/admission.js';
import { createRateLimits } from './http/rate-limits.js';
import { registerSdkScript } from './http/sdk-script.js';
import { createIngest } from './ingest/ingest.js';
import { registerIngestRoutes } from './ingest/routes.js';
import { startDraining, type Draining } from './spool/drain.js';
import { gatewayIdOf, startPublishing } from './spool/publish.js';
import { openSpool, type Spool } from './spool/spool.js';
import { createGatewayTelemetry, type GatewayTelemetry } from './telemetry.js';

export interface GatewayOptions {
  /** Where keys and projects are, and where the state of the spool is published. */
  postgres: Pick<Postgres, 'pool'>;
  log: EventLog;
  logger: Logger;
  registry: Registry;
  config?: Partial<GatewayConfig>;
  /** Makes spans of requests that are traced. Default: there are none, and a client's trace is only handed on. */
  tracer?: Tracer | undefined;
}

export interface Gateway {
  /** Ready to listen. */
  app: HttpApp;
  /**
   * Lets nobody in any more (503 shutting_down), finishes what is inside, tries to empty the spool, then lets go of
   * everything that is the gateway's own. The log and Postgres stay open: they are the caller's.
   */
  stop(): Promise<void>;
}

const REDIS_TIMEOUT_MS = 500;

/**
 * The door: takes events over HTTP and hands them to the event log.
 * @throws Error when the spool's directory is in use or not writable.
 */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const { postgres, logger, registry } = options;
  const log = measureAppends(options.log, registry);
  const config: GatewayConfig = { ...GATEWAY_DEFAULTS, ...options.config };

  let spool: Spool | undefined;
  const admission = createAdmission(config);
  const telemetry = createGatewayTelemetry(logger, registry, {
    spool: () => spool?.state ?? { bytes: 0, messages: 0, oldestReceiptMs: undefined },
    spoolMaxBytes: config.spoolMaxBytes,
    inFlightBytes: () => admission.heldBytes,
  });
  try {
    spool = await openSpool({
      dir: config.spoolDir,
      maxBytes: config.spoolMaxBytes,
      onRecovered({ cut, damaged }) {
        for (const { segment, bytes } of cut) telemetry.spoolTailCut(segment, bytes);
        for (const { segment, bytes } of damaged) telemetry.spoolDamaged(segment, bytes);
      },
    });
  } catch (error) {
    admission.dispose();
    throw error;
  }
  const keys = createKeyStore({ pool: postgres.pool, ttlMs: config.keyTtlMs });
  const redis = config.redisUrl === undefined ? undefined : openRedis(config.redisUrl, telemetry);
  const publishing = startPublishing({
    pool: postgres.pool,
    spool,
    gatewayId: await gatewayIdOf(config.spoolDir),
    telemetry,
  });
  const draining = startDraining({ spool, log, telemetry });
  const bodyDeadlines = createDeadlines(config.bodyTimeoutMs);
  const delivering = createDelivering({
    log,
    spool,
    telemetry,
    appendTimeoutMs: config.appendTimeoutMs,
    announceSpool: () => publishing.announce(),
  });

  const app = await createHttpApp({
    log: logger,
    registry,
    title: 'Sluice gateway',
    description: "Takes events as Segment's HTTP tracking API does, with a verdict for every message.",
    version: VERSION,
    bodyLimit: config.maxBodyBytes,
    requestTimeoutMs: config.bodyTimeoutMs * 3,
    metricsToken: config.metricsToken,
    ...(config.trustProxy === undefined ? {} : { trustProxy: config.trustProxy }),
  });
  await app.register(async (scope) => {
    const rateLimits = await createRateLimits(scope, {
      perIp: config.rateLimitPerIp,
      perKey: config.rateLimitPerKey,
      redis,
      telemetry,
    });
    const ingest = createIngest({
      keys,
      delivering,
      rateLimits,
      telemetry,
      partitionCount: log.partitionCount,
      tracer: options.tracer,
    });
    await registerIngestRoutes(scope, {
      ingest,
      keys,
      admission,
      rateLimits,
      deadlines: bodyDeadlines,
      telemetry,
      maxBodyBytes: config.maxBodyBytes,
      maxInflatedBytes: config.maxInflatedBytes,
      publicUrl: config.publicUrl,
    });
  });
  registerSdkScript(app);
  addReadiness(app, { log, spool, keys, admission });

  async function stop(held: { spool: Spool; draining: Draining }): Promise<void> {
    // Stops listening first, so that nobody new is told to go away; clients on open connections are.
    const closed = new Promise<void>((resolve) => app.server.close(() => resolve()));
    await admission.close();
    await app.close();
    await closed;
    await held.draining.whenEmpty(config.drainTimeoutMs);
    await held.draining.stop();
    await publishing.stop();
    await held.spool.close();
    delivering.close();
    bodyDeadlines.close();
    admission.dispose();
    redis?.disconnect();
  }

  const held = { spool, draining };
  let stopping: Promise<void> | undefined;
  return { app, stop: () => (stopping ??= stop(held)) };
}

/** Counts of the rate limits; a Redis that is not there costs a request no more than a moment. */
function openRedis(url: string, telemetry: GatewayTelemetry): Redis {
  const redis = new Redis(url, {
    connectTimeout: REDIS_TIMEOUT_MS,
    commandTimeout: REDIS_TIMEOUT_MS,
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
  });
  redis.on('error', (error: Error) => telemetry.rateLimitFailed(error));
  return redis;
}

/** Ready means: a message can be made durable, in the log or in the spool, and a key can be looked up. */
function addReadiness(
  app: HttpApp,
  { log, spool, keys, admission }: { log: EventLog; spool: Spool; keys: KeyStore; admission: Admission },
): void {
  app.readiness.add('admission', async () => {
    if (admission.isClosing) throw new Error('the gateway is shutting down');
  });
  app.readiness.add('durability', async () => {
    try {
      await log.ping();
    } catch (error) {
      const fault = spool.fault();
      if (fault !== undefined)
        throw new Error(`neither the event log nor the spool is usable: ${fault}`, { cause: error });
    }
  });
  app.readiness.add('keys', () => keys.find('wk_readiness'));
}
