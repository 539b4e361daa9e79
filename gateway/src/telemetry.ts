import type { ErrorCode } from '@sluice/contracts';
import type { Logger } from '@sluice/service-kit';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Everything of a gateway that can be observed, each moment named once: one call counts it and writes its log line. */
export interface GatewayTelemetry {
  /**
   * A request was answered with 200. Sizes in bytes, `ackMs` from the last byte of the body to the answer; absent where
   * nothing was to be acknowledged.
   */
  requestAccepted(facts: {
    endpoint: Endpoint;
    wireBytes: number;
    inflatedBytes: number;
    ackMs?: number;
  }): void;
  /** A request was refused as a whole. */
  requestRefused(endpoint: Endpoint, code: ErrorCode): void;
  messagesAccepted(count: number, durability: 'log' | 'disk'): void;
  messageRejected(code: ErrorCode): void;
  /** Accepted messages that left the plan of a project that only warns. */
  messagesWarned(count: number): void;
  /** The client says that it sends this not for the first time. */
  clientRetried(): void;
  bytesLogged(bytes: number): void;
  /** The log did not take records: they go to the spool. */
  logFailed(error: unknown): void;
  /** The log takes records again: the spool is empty. */
  logRecovered(messages: number): void;
  /** Neither the log nor the spool took the messages; the client was told to keep them. */
  messagesTurnedAway(count: number, error: unknown): void;
  spoolDrained(messages: number): void;
  spoolDrainFailed(error: unknown, retryInMs: number): void;
  /** Bytes at the end of a segment were not whole: a write that a crash cut short, never acknowledged. */
  spoolTailCut(segment: string, bytes: number): void;
  /** A segment is damaged before its end: what follows the damage is lost to the drain. The file is kept. */
  spoolDamaged(segment: string, bytes: number): void;
  spoolPublishFailed(error: unknown): void;
  rateLimitFailed(error: unknown): void;
}

export type Endpoint = 'single' | 'batch' | 'settings' | 'metrics' | 'none';

export interface GatewayGauges {
  spool(): { bytes: number; messages: number; oldestReceiptMs: number | undefined };
  /** What the spool may take, bytes. */
  spoolMaxBytes: number;
  inFlightBytes(): number;
}

const AUTH_FAILURES = new Set<ErrorCode>([
  'missing_write_key',
  'project_not_found',
  'source_disabled',
  'origin_not_allowed',
]);

export function createGatewayTelemetry(
  logger: Logger,
  registry: Registry,
  gauges: GatewayGauges,
): GatewayTelemetry {
  const registers = [registry];
  const requests = new Counter({
    name: 'sluice_gateway_requests_total',
    help: 'Requests by endpoint and by the code they were answered with.',
    labelNames: ['endpoint', 'code'],
    registers,
  });
  const events = new Counter({
    name: 'sluice_gateway_events_total',
    help: 'Messages by verdict.',
    labelNames: ['verdict'],
    registers,
  });
  const rejections = new Counter({
    name: 'sluice_gateway_rejections_total',
    help: 'Rejected messages by code.',
    labelNames: ['code'],
    registers,
  });
  const bytes = new Counter({
    name: 'sluice_gateway_bytes_total',
    help: 'Bytes of bodies: as received, decompressed, and handed to the log.',
    labelNames: ['stage'],
    registers,
  });
  const ackSeconds = new Histogram({
    name: 'sluice_gateway_ack_seconds',
    help: 'From the last byte of a body to its answer.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const authFailures = new Counter({
    name: 'sluice_gateway_auth_failures_total',
    help: 'Requests refused for their key or origin, by code.',
    labelNames: ['code'],
    registers,
  });
  const rateLimited = new Counter({
    name: 'sluice_gateway_rate_limited_total',
    help: 'Requests refused by a rate limit.',
    registers,
  });
  const clientRetries = new Counter({
    name: 'sluice_gateway_client_retries_total',
    help: 'Requests that clients marked as retries.',
    registers,
  });
  const logFailures = new Counter({
    name: 'sluice_gateway_log_failures_total',
    help: 'Requests whose append failed or took too long.',
    registers,
  });
  const turnedAway = new Counter({
    name: 'sluice_gateway_turned_away_total',
    help: 'Messages that neither the log nor the spool took; their clients still hold them.',
    registers,
  });
  const drained = new Counter({
    name: 'sluice_gateway_spool_drained_total',
    help: 'Messages handed from the spool to the log.',
    registers,
  });
  const damaged = new Counter({
    name: 'sluice_gateway_spool_damaged_bytes_total',
    help: 'Bytes of the spool that could not be read back.',
    registers,
  });
  const drainFailures = new Counter({
    name: 'sluice_gateway_spool_drain_failures_total',
    help: 'Attempts to empty the spool that failed and are repeated.',
    registers,
  });
  const publishFailures = new Counter({
    name: 'sluice_gateway_spool_publish_failures_total',
    help: 'Attempts to write the state of the spool to Postgres that failed.',
    registers,
  });
  const rateLimitFailures = new Counter({
    name: 'sluice_gateway_rate_limit_failures_total',
    help: 'Times that the store of the rate limits did not answer, so that limits were not applied.',
    registers,
  });
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  gauge('sluice_gateway_spool_bytes', 'Bytes in the spool.', () => gauges.spool().bytes);
  gauge('sluice_gateway_spool_max_bytes', 'Bytes that the spool may take.', () => gauges.spoolMaxBytes);
  gauge('sluice_gateway_spool_messages', 'Messages in the spool.', () => gauges.spool().messages);
  gauge(
    'sluice_gateway_spool_oldest_age_seconds',
    'Age of the oldest message in the spool; 0: empty.',
    () => {
      const { oldestReceiptMs } = gauges.spool();
      return oldestReceiptMs === undefined ? 0 : Math.max(0, Date.now() - oldestReceiptMs) / 1_000;
    },
  );
  gauge('sluice_gateway_in_flight_bytes', 'Bytes of bodies in memory.', () => gauges.inFlightBytes());

  const ok = {
    single: requests.labels('single', 'ok'),
    batch: requests.labels('batch', 'ok'),
    settings: requests.labels('settings', 'ok'),
    metrics: requests.labels('metrics', 'ok'),
    none: requests.labels('none', 'ok'),
  };
  const inLog = events.labels('accepted');
  const onDisk = events.labels('spooled');
  const rejected = events.labels('rejected');
  const warned = events.labels('warned');
  const wire = bytes.labels('wire');
  const inflated = bytes.labels('inflated');
  const logged = bytes.labels('logged');
  let logIsDown = false;

  return {
    requestAccepted({ endpoint, wireBytes, inflatedBytes, ackMs }) {
      ok[endpoint].inc();
      wire.inc(wireBytes);
      inflated.inc(inflatedBytes);
      if (ackMs !== undefined) ackSeconds.observe(ackMs / 1_000);
    },
    requestRefused(endpoint, code) {
      requests.labels(endpoint, code).inc();
      if (AUTH_FAILURES.has(code)) authFailures.labels(code).inc();
      if (code === 'rate_limited') rateLimited.inc();
      logger.debug({ endpoint, code }, 'request refused');
    },
    messagesAccepted(count, durability) {
      (durability === 'log' ? inLog : onDisk).inc(count);
    },
    messageRejected(code) {
      rejected.inc();
      rejections.labels(code).inc();
    },
    messagesWarned(count) {
      warned.inc(count);
    },
    clientRetried() {
      clientRetries.inc();
    },
    bytesLogged(count) {
      logged.inc(count);
    },
    logFailed(error) {
      logFailures.inc();
      if (logIsDown) return;
      logIsDown = true;
      logger.error({ err: error }, 'the event log does not take records; events go to the spool');
    },
    logRecovered(messages) {
      logIsDown = false;
      logger.info({ messages }, 'the spool is empty; events go to the event log again');
    },
    messagesTurnedAway(count, error) {
      turnedAway.inc(count);
      logger.error({ err: error, count }, 'neither the event log nor the spool took events');
    },
    spoolDrained(messages) {
      drained.inc(messages);
    },
    spoolDrainFailed(error, retryInMs) {
      drainFailures.inc();
      logger.warn({ err: error, retryInMs }, 'the spool could not be drained');
    },
    spoolTailCut(segment, count) {
      logger.warn({ segment, bytes: count }, 'cut an unfinished write off the end of the spool');
    },
    spoolDamaged(segment, count) {
      damaged.inc(count);
      logger.error({ segment, bytes: count }, 'the spool is damaged; the segment was set aside');
    },
    spoolPublishFailed(error) {
      publishFailures.inc();
      logger.warn({ err: error }, 'the state of the spool could not be published');
    },
    rateLimitFailed(error) {
      rateLimitFailures.inc();
      logger.warn({ err: error }, 'the store of the rate limits does not answer; limits are not applied');
    },
  };
}
