import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { createCensor, secretsOf } from './censor.js';
import { ConfigError, readConfig, type serviceSettings } from './config.js';
import { createLogger } from './telemetry.js';
import { startTracing, type Tracer, type Tracing, type tracingSettings } from './tracing.js';

export interface Stoppable {
  /** Finishes or abandons its work whole, then lets go of everything it holds. */
  stop(): Promise<void>;
}

export interface ServiceContext {
  log: Logger;
  /** Makes spans; undefined when the settings name no collector. */
  tracer: Tracer | undefined;
}

/**
 * Runs a service as this process; its schema holds `serviceSettings`: reads its settings, starts it, and stops it gracefully on SIGTERM, SIGINT or when the
 * parent process is gone. Exit code 0 after a graceful stop, 1 when it could not start, 2 when the settings are not
 * usable. Ends by SIGKILL when it crashed or did not stop in time.
 */
export async function runService<S extends z.ZodObject>(
  name: string,
  schema: S,
  start: (config: z.infer<S>, context: ServiceContext) => Promise<Stoppable>,
): Promise<void> {
  let config: z.infer<S>;
  try {
    config = readConfig(schema, process.env, (path) => readFileSync(path, 'utf8'));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${name}: ${error.message}\n`);
    process.exit(2);
  }
  const settings = config as z.infer<z.ZodObject<typeof serviceSettings>>;
  const log = createLogger(name, settings.LOG_LEVEL, createCensor(secretsOf(config)));

  const crash = (error: unknown, what: string): void => {
    log.fatal({ err: error }, what);
    die();
  };
  process.on('uncaughtException', (error) => crash(error, 'uncaught exception'));
  process.on('unhandledRejection', (error) => crash(error, 'unhandled rejection'));

  const stopRequested = new Promise<string>((resolve) => {
    process.once('SIGTERM', () => resolve('SIGTERM'));
    process.once('SIGINT', () => resolve('SIGINT'));
    if (process.channel !== undefined)
      process.once('disconnect', () => resolve('the parent process is gone'));
  });

  let service: Stoppable;
  let tracing: Tracing | undefined;
  try {
    tracing = await tracingOf(name, settings, log);
    service = await start(config, { log, tracer: tracing?.tracer });
  } catch (error) {
    log.fatal({ err: error }, `${name} could not start`);
    process.exit(1);
  }
  const reason = await stopRequested;
  log.info({ reason }, `${name} is shutting down`);
  const deadline = setTimeout(() => {
    log.fatal({ timeoutMs: settings.SHUTDOWN_TIMEOUT_MS }, `${name} did not stop in time`);
    die();
  }, settings.SHUTDOWN_TIMEOUT_MS);
  try {
    await service.stop();
    await tracing?.stop();
  } catch (error) {
    crash(error, `${name} could not stop cleanly`);
  }
  clearTimeout(deadline);
  log.info(`${name} has stopped`);
  process.exit(0);
}

async function tracingOf(
  service: string,
  settings: z.infer<z.ZodObject<typeof tracingSettings>>,
  log: Logger,
): Promise<Tracing | undefined> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER_ARG: share } = settings;
  return endpoint === undefined ? undefined : startTracing({ service, endpoint, share, log });
}

/**
 * Ends this process, whatever its threads do. An exit would first run the handlers of native code, and the embedded
 * ClickHouse engine waits there for ever for a lock that one of its busy threads holds. Nothing is lost: what matters is
 * durable before it is acknowledged.
 */
function die(): void {
  process.kill(process.pid, 'SIGKILL');
}
