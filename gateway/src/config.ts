import { booleanSetting, integerSetting, serviceSettings, storeSettings } from '@sluice/service-kit';
import { z } from 'zod';

const MEBIBYTE = 1024 * 1024;

/** What a gateway may be told; every default is written here and nowhere else. */
export const GATEWAY_DEFAULTS = {
  /** Directory of the spool; one gateway alone works in it. */
  spoolDir: './data/spool',
  /** What the spool may take on disk, bytes. */
  spoolMaxBytes: 1024 * MEBIBYTE,
  /** Largest body as sent, bytes. */
  maxBodyBytes: 4 * MEBIBYTE,
  /** Largest body after decompression, bytes. */
  maxInflatedBytes: 8 * MEBIBYTE,
  /** Longest time for a body to arrive, milliseconds. */
  bodyTimeoutMs: 10_000,
  /** Longest wait for the log to acknowledge, milliseconds; then the messages go to the spool. */
  appendTimeoutMs: 5_000,
  /** Bytes of bodies in memory at once; beyond, requests are answered with 503. */
  maxInFlightBytes: 256 * MEBIBYTE,
  /** Mean delay of the event loop beyond which requests are answered with 503, milliseconds. 0: never. */
  maxEventLoopDelayMs: 1_000,
  /** Requests a minute from one address; 0: no limit. */
  rateLimitPerIp: 300_000,
  /** Requests a minute with one write key; 0: no limit. */
  rateLimitPerKey: 600_000,
  /** How old what is known of a key may be, milliseconds: after that long a revoked key is refused. */
  keyTtlMs: 5_000,
  /** How long a shutdown tries to empty the spool, milliseconds; what is left stays on disk. */
  drainTimeoutMs: 5_000,
} as const;

export type GatewayConfig = {
  -readonly [K in keyof typeof GATEWAY_DEFAULTS]: K extends 'spoolDir' ? string : number;
} & {
  /** Counts requests for all gateways in one Redis instead of in each gateway's memory. */
  redisUrl?: string | undefined;
  /** Whether X-Forwarded-For is believed, and from whom: true, or addresses and ranges, comma-separated. */
  trustProxy?: boolean | string | undefined;
  /** Who asks for `/metrics` must carry this as a Bearer token. */
  metricsToken?: string | undefined;
  /** Where clients reach this gateway, `https://events.example.com`; told to SDKs that ask for their settings. */
  publicUrl?: string | undefined;
};

const D = GATEWAY_DEFAULTS;

/** The gateway's environment variables. */
export const gatewaySettings = z.object({
  ...serviceSettings,
  EVENT_LOG_URL: storeSettings.EVENT_LOG_URL,
  POSTGRES_URL: storeSettings.POSTGRES_URL,
  PORT: integerSetting(8001, { max: 65_535 }).describe('Port to listen on.'),
  TRUST_PROXY: z
    .string()
    .optional()
    .describe('Whose X-Forwarded-For is believed: true, or addresses and ranges, comma-separated.'),
  PUBLIC_URL: z
    .url()
    .optional()
    .describe('Where clients reach the gateway; told to SDKs with their settings.'),
  SPOOL_DIR: z.string().min(1).default(D.spoolDir).describe('Keeps events while the event log is down.'),
  SPOOL_MAX_BYTES: integerSetting(D.spoolMaxBytes, { min: MEBIBYTE }).describe(
    'What the spool may take on disk, bytes.',
  ),
  MAX_BODY_BYTES: integerSetting(D.maxBodyBytes, { min: 1_024 }).describe('Largest body as sent, bytes.'),
  MAX_INFLATED_BYTES: integerSetting(D.maxInflatedBytes, { min: 1_024 }).describe(
    'Largest body after decompression, bytes.',
  ),
  BODY_TIMEOUT_MS: integerSetting(D.bodyTimeoutMs, { min: 100 }).describe(
    'Longest time for a body to arrive, milliseconds.',
  ),
  APPEND_TIMEOUT_MS: integerSetting(D.appendTimeoutMs, { min: 100 }).describe(
    'Longest wait for the event log, milliseconds; then events go to the spool.',
  ),
  MAX_IN_FLIGHT_BYTES: integerSetting(D.maxInFlightBytes, { min: MEBIBYTE }).describe(
    'Bytes of bodies in memory at once; beyond, 503.',
  ),
  MAX_EVENT_LOOP_DELAY_MS: integerSetting(D.maxEventLoopDelayMs).describe(
    'Delay of the event loop beyond which requests are refused, milliseconds; 0: never.',
  ),
  RATE_LIMIT_PER_IP: integerSetting(D.rateLimitPerIp).describe(
    'Requests a minute from one address; 0: no limit.',
  ),
  RATE_LIMIT_PER_KEY: integerSetting(D.rateLimitPerKey).describe(
    'Requests a minute with one write key; 0: no limit.',
  ),
  REDIS_URL: z.string().optional().describe('Redis that counts requests for all gateways together.'),
  KEY_TTL_MS: integerSetting(D.keyTtlMs, { min: 1 }).describe(
    'How soon a revoked key is refused, milliseconds.',
  ),
  DRAIN_TIMEOUT_MS: integerSetting(D.drainTimeoutMs).describe(
    'How long a shutdown tries to empty the spool, milliseconds.',
  ),
  MIGRATE: booleanSetting(false).describe('Brings the Postgres schema up to date before starting.'),
});

export function configOf(settings: z.infer<typeof gatewaySettings>): GatewayConfig {
  return {
    spoolDir: settings.SPOOL_DIR,
    spoolMaxBytes: settings.SPOOL_MAX_BYTES,
    maxBodyBytes: settings.MAX_BODY_BYTES,
    maxInflatedBytes: settings.MAX_INFLATED_BYTES,
    bodyTimeoutMs: settings.BODY_TIMEOUT_MS,
    appendTimeoutMs: settings.APPEND_TIMEOUT_MS,
    maxInFlightBytes: settings.MAX_IN_FLIGHT_BYTES,
    maxEventLoopDelayMs: settings.MAX_EVENT_LOOP_DELAY_MS,
    rateLimitPerIp: settings.RATE_LIMIT_PER_IP,
    rateLimitPerKey: settings.RATE_LIMIT_PER_KEY,
    keyTtlMs: settings.KEY_TTL_MS,
    drainTimeoutMs: settings.DRAIN_TIMEOUT_MS,
    redisUrl: settings.REDIS_URL,
    trustProxy: settings.TRUST_PROXY === 'true' ? true : settings.TRUST_PROXY,
    publicUrl: settings.PUBLIC_URL,
    metricsToken: settings.METRICS_TOKEN,
  };
}
