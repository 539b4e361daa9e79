import { TRACE_HEADER } from '@sluice/contracts';
import type { EventLog } from '@sluice/event-log';
import type { HttpApp, KeyOwner, Logger } from '@sluice/service-kit';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { KeyScope } from './access/authenticate.js';
import type { ReadBudgets } from './access/read-budgets.js';
import type { RowMemory } from './ask/remember-rows.js';
import type { RunningRequests } from './ask/running-requests.js';
import type { StreamSlots } from './live/stream-slots.js';
import type { ReadCompleteness } from './freshness/completeness.js';
import type { ChangePostgres } from './query-port/change-postgres.js';
import type { RunClickHouse, RunPostgres } from './query-port/run-query.js';
import type { ApiTelemetry } from './telemetry.js';

/** What the routes work with. */
export interface ApiContext {
  runPostgres: RunPostgres;
  /** Changes what is saved: cohorts, queries, annotations; and notes who did. Events are never changed here. */
  changePostgres: ChangePostgres;
  runClickHouse: RunClickHouse;
  readCompleteness: ReadCompleteness;
  rowMemory: RowMemory;
  running: RunningRequests;
  budgets: ReadBudgets;
  streams: StreamSlots;
  /** Name of a generation's database. */
  database(generation: number): string;
  log: EventLog;
  logger: Logger;
  /** Undefined where questions are asked without a server: who asks them has measures of its own. */
  telemetry: ApiTelemetry | undefined;
  config: AnalyticsApiConfig;
  /** Aborts when the service stops: open streams end. */
  stopping: AbortSignal;
  now(): number;
}

export interface AnalyticsApiConfig {
  /** Time for one answer, milliseconds. Default 10,000. */
  queryTimeoutMs: number;
  /** Time for one audit, milliseconds. Default 60,000. */
  auditTimeoutMs: number;
  /** Memory of one ClickHouse query, bytes. Default 1 GiB. */
  queryMemoryBytes: number;
  /** Rows that ClickHouse may read in an hour for one key; 0: no limit. A key can have its own. Default 0. */
  rowsPerHour: number;
  /** Memory for rows of earlier answers, bytes. Default 64 MiB. */
  rowMemoryBytes: number;
  /** Requests a minute and key. Default 1,200. */
  requestsPerMinute: number;
  /** Live streams at once. Default 50. */
  maxLiveStreams: number;
  /** How often a live stream looks for new events, milliseconds. Default 300. */
  livePollMs: number;
  /** Rest between two answers of a stream of answers, at least, milliseconds. Default 1,000. */
  liveAnswerMs: number;
  /** Quiet time after which a live stream sends a sign of life, milliseconds. Default 15,000. */
  liveHeartbeatMs: number;
  /** How often the audit of the last hour is taken for the metrics, milliseconds; 0 turns it off. Default 60,000. */
  auditIntervalMs: number;
  /** As Fastify's option. Default false. */
  trustProxy: boolean | string;
  /** Where administrators' routes are, and then nowhere else. Default: undefined, at the same address as everything. */
  admin?: { host: string; port: number } | undefined;
  /** Origins of the pages that may ask; a key can have its own, too. Default: empty, every origin. */
  origins: readonly string[];
  /** As createHttpApp's option. */
  metricsToken?: string | undefined;
}

export const DEFAULT_CONFIG: AnalyticsApiConfig = {
  queryTimeoutMs: 10_000,
  auditTimeoutMs: 60_000,
  queryMemoryBytes: 1024 ** 3,
  rowsPerHour: 0,
  rowMemoryBytes: 64 * 1024 ** 2,
  requestsPerMinute: 1_200,
  maxLiveStreams: 50,
  livePollMs: 300,
  liveAnswerMs: 1_000,
  liveHeartbeatMs: 15_000,
  auditIntervalMs: 60_000,
  trustProxy: false,
  origins: [],
};

/** The part of the app behind the keys. */
export type ApiScope = Omit<HttpApp, 'readiness'>;

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose key the request carries; set before any route of `/v1` runs. */
    owner: KeyOwner;
  }
  interface FastifyContextConfig {
    /** What a key must be for to use the route. Every route behind the keys says it. */
    scope?: KeyScope;
  }
}

/** Who asks, for as long as the client waits, and in which trace. */
export function askerOf(
  request: FastifyRequest,
  reply: FastifyReply,
): { owner: KeyOwner; signal: AbortSignal; traceparent: unknown } {
  return {
    owner: request.owner,
    signal: disconnectSignal(reply),
    traceparent: request.headers[TRACE_HEADER],
  };
}

/** Aborts when the client goes away before it has its answer. */
export function disconnectSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableEnded) controller.abort();
  });
  return controller.signal;
}
