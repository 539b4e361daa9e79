import { pino, type Logger, type LoggerOptions } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Censor } from './censor.js';

export type { Logger };
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/**
 * A JSON logger on standard output. Keys, passwords and authorisation headers never reach a log line; `censor` takes out of
 * each line what else must not be read, wherever in an error it stands.
 */
export function createLogger(service: string, level: LogLevel = 'info', censor?: Censor): Logger {
  const options: LoggerOptions = {
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: ['*.authorization', '*.writeKey', '*.password', 'req.headers.authorization'],
      censor: '[redacted]',
    },
  };
  if (censor === undefined) return pino(options);
  const output = pino.destination({ fd: 1, sync: true });
  return pino(options, { write: (line) => void output.write(censor(line)) });
}

/** A registry of Prometheus metrics, with those of Node and the process in it. */
export function createMetricsRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}
