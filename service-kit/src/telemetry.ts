import { pino, type Logger, type LoggerOptions } from 'pino';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import packageJson from '../package.json' with { type: 'json' };
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

/** The version of Sluice: all services have the same. */
export const VERSION = packageJson.version;

/** A registry of Prometheus metrics, with those of Node and the process in it, and what runs here. */
export function createMetricsRegistry(service: ServiceName): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'sluice_build_info',
    help: 'Always 1; the labels say what runs.',
    labelNames: ['service', 'version', 'node'],
    registers: [registry],
  }).set({ service, version: VERSION, node: process.version }, 1);
  return registry;
}

/** What a process with metrics may be. `worker`: pipeline and analytics API in one process. */
export type ServiceName = 'gateway' | 'pipeline' | 'analytics-api' | 'worker' | 'load';
