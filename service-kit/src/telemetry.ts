import { pino, type Logger } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';

export type { Logger };
export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** A JSON logger on standard output. Keys, passwords and authorisation headers never reach a log line. */
export function createLogger(service: string, level: LogLevel = 'info'): Logger {
  return pino({
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: ['*.authorization', '*.writeKey', '*.password', 'req.headers.authorization'],
      censor: '[redacted]',
    },
  });
}

/** A registry of Prometheus metrics, with those of Node and the process in it. */
export function createMetricsRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}
