import { z } from 'zod';
import { tracingSettings } from './tracing.js';

/** Settings that are not usable. The message lists every fault at once and never shows a value: values may be secrets. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`The configuration is not usable:\n${faults.map((line) => `  - ${line}`).join('\n')}`);
    this.faults = faults;
  }
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The value of one variable, or the content of the file that `NAME_FILE` names; undefined when neither is set.
 * @throws Error when the file cannot be read.
 */
export function readSetting(
  environment: Environment,
  name: string,
  readFile?: (path: string) => string,
): string | undefined {
  const direct = environment[name];
  if (direct !== undefined && direct !== '') return direct;
  const file = environment[`${name}_FILE`];
  if (file === undefined || file === '' || readFile === undefined) return undefined;
  try {
    return readFile(file).trim();
  } catch (error) {
    throw new Error(`${name}_FILE: the file cannot be read`, { cause: error });
  }
}

/**
 * Settings from the environment, as the schema says: keys are the variables' names, defaults live in the schema.
 * A variable `NAME_FILE` names a file whose content is the value of `NAME`, so that secrets need not be in the
 * environment; `readFile` is how it is read. An empty variable counts as not set.
 * @throws ConfigError
 */
export function readConfig<S extends z.ZodObject>(
  schema: S,
  environment: Environment,
  readFile?: (path: string) => string,
): z.infer<S> {
  const faults: string[] = [];
  const values: Record<string, string> = {};
  for (const name of Object.keys(schema.shape)) {
    try {
      const value = readSetting(environment, name, readFile);
      if (value !== undefined) values[name] = value;
    } catch (error) {
      faults.push((error as Error).message);
    }
  }
  const result = schema.safeParse(values);
  if (!result.success) {
    for (const issue of result.error.issues) {
      const name = String(issue.path[0] ?? '');
      const missing = values[name] === undefined;
      const description = (schema.shape[name] as z.ZodType | undefined)?.description;
      const about = description === undefined ? '' : ` (${description})`;
      faults.push(missing ? `${name} is required${about}` : `${name}: ${issue.message}${about}`);
    }
  }
  if (faults.length > 0 || !result.success) throw new ConfigError(faults);
  return result.data;
}

/** A variable that is a whole number, with a default. */
export function integerSetting(fallback: number, options: { min?: number; max?: number } = {}) {
  return z.coerce
    .number()
    .int()
    .min(options.min ?? 0)
    .max(options.max ?? Number.MAX_SAFE_INTEGER)
    .default(fallback);
}

/** A variable that is `true`/`false` (also 1/0, yes/no, on/off), with a default. */
export function booleanSetting(fallback: boolean) {
  return z
    .stringbool({ truthy: ['true', '1', 'yes', 'on'], falsy: ['false', '0', 'no', 'off'] })
    .default(fallback);
}

/** Settings that every service has. */
export const serviceSettings = {
  HOST: z.string().default('0.0.0.0').describe('Address to listen on.'),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('Least severe log line to write.'),
  METRICS_TOKEN: z
    .string()
    .min(16, 'must have at least 16 characters')
    .optional()
    .describe('Who asks for /metrics must carry it as a Bearer token; without it everybody may ask.'),
  SHUTDOWN_TIMEOUT_MS: integerSetting(25_000).describe('Longest time for a graceful shutdown, milliseconds.'),
  ...tracingSettings,
};

/** Where the three stores are; each `embedded:DIR` or the address of a server. */
export const storeSettings = {
  EVENT_LOG_URL: z
    .string()
    .regex(/^(embedded:|kafka:\/\/)/, 'must start with embedded: or kafka://')
    .default('embedded:./data/log')
    .describe('The event log: embedded:DIR or kafka://host:port,…'),
  POSTGRES_URL: z
    .string()
    .regex(/^(embedded:|postgres(ql)?:\/\/)/, 'must start with embedded: or postgres://')
    .default('embedded:./data/postgres')
    .describe('Postgres: embedded:DIR or postgres://…'),
  CLICKHOUSE_URL: z
    .string()
    .regex(/^(embedded:|https?:\/\/)/, 'must start with embedded:, http:// or https://')
    .default('embedded:./data/clickhouse')
    .describe('ClickHouse: embedded:DIR or http(s)://…'),
};
