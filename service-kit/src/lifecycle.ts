import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { ConfigError, readConfig } from './config.js';
import { createLogger, type LogLevel } from './telemetry.js';

export interface Stoppable {
  /** Finishes or abandons its work whole, then lets go of everything it holds. */
  stop(): Promise<void>;
}

/**
 * Runs a service as this process; its schema holds `serviceSettings`: reads its settings, starts it, and stops it gracefully on SIGTERM, SIGINT or when the
 * parent process is gone. Exit code 0 after a graceful stop, 1 when it could not start, stop in time or crashed, 2 when
 * the settings are not usable.
 */
export async function runService<S extends z.ZodObject>(
  name: string,
  schema: S,
  start: (config: z.infer<S>, context: { log: Logger }) => Promise<Stoppable>,
): Promise<void> {
  let config: z.infer<S>;
  try {
    config = readConfig(schema, process.env, (path) => readFileSync(path, 'utf8'));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${name}: ${error.message}\n`);
    process.exit(2);
  }
  const settings = config as { LOG_LEVEL: LogLevel; SHUTDOWN_TIMEOUT_MS: number };
  const log = createLogger(name, settings.LOG_LEVEL);

  const crash = (error: unknown, what: string): never => {
    log.fatal({ err: error }, what);
    process.exit(1);
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
  try {
    service = await start(config, { log });
  } catch (error) {
    return crash(error, `${name} could not start`);
  }
  const reason = await stopRequested;
  log.info({ reason }, `${name} is shutting down`);
  const deadline = setTimeout(() => {
    log.fatal({ timeoutMs: settings.SHUTDOWN_TIMEOUT_MS }, `${name} did not stop in time`);
    process.exit(1);
  }, settings.SHUTDOWN_TIMEOUT_MS);
  try {
    await service.stop();
  } catch (error) {
    return crash(error, `${name} could not stop cleanly`);
  }
  clearTimeout(deadline);
  log.info(`${name} has stopped`);
  process.exit(0);
}
