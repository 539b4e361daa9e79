import { createLogger } from '@sluice/service-kit';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { createWatchTelemetry } from '../src/watch/watch-telemetry.js';
import { createWatcher, type Watcher, type WatcherOptions } from '../src/watch/watcher.js';
import { caughtUp, recordOf, runPipeline, type Message, type Stores } from './kit.js';

export const QUARTER_MS = 900_000;
export const DAY_MS = 86_400_000;

/** A Poisson count, by counting exponential waits (Knuth). */
export function drawPoisson(mean: number, random: () => number): number {
  let left = mean;
  let count = -1;
  for (; left > 0; count += 1) left += Math.log(1 - random());
  return Math.max(0, count);
}

export interface Stream {
  event: string;
  /** Expected events in the bucket that starts at an instant. */
  meanAt: (startMs: number) => number;
  /** Properties and context of each. */
  fields?: (startMs: number, index: number) => Message;
}

/** Busy by day and quiet by night, in UTC. */
export function dailyMean(mean: number): (startMs: number) => number {
  return (startMs) => mean * (1 + 0.6 * Math.sin(((startMs % DAY_MS) / DAY_MS - 0.25) * 2 * Math.PI));
}

/** Messages of streams in every bucket of a time. */
export function* drawMessages(
  streams: readonly Stream[],
  options: { fromMs: number; toMs: number; stepMs: number; random: () => number },
): Generator<Message> {
  const { fromMs, toMs, stepMs, random } = options;
  for (let startMs = fromMs; startMs < toMs; startMs += stepMs) {
    for (const { event, meanAt, fields } of streams) {
      const count = drawPoisson(meanAt(startMs), random);
      for (let index = 0; index < count; index += 1) {
        const atMs = startMs + Math.floor(random() * stepMs);
        yield {
          type: 'track',
          event,
          anonymousId: `device-${Math.floor(random() * 200)}`,
          messageId: `${event}-${atMs}-${random().toString(36).slice(2)}`,
          timestamp: new Date(atMs).toISOString(),
          ...fields?.(startMs, index),
        };
      }
    }
  }
}

/** Lands messages of the past as if they were sent now, and waits until they can be asked for. */
export async function landPast(stores: Stores, messages: Iterable<Message>): Promise<number> {
  const pipeline = await runPipeline(stores);
  let sent = 0;
  let batch: Message[] = [];
  const send = async (): Promise<void> => {
    if (batch.length === 0) return;
    const partition = sent % stores.log.partitionCount;
    await stores.log.append([recordOf(stores, batch, { partition, sentAt: new Date().toISOString() })]);
    sent += batch.length;
    batch = [];
  };
  try {
    for (const message of messages) {
      batch.push(message);
      if (batch.length >= 499) await send();
    }
    await send();
    await caughtUp(stores, 240_000);
  } finally {
    await pipeline.stop();
  }
  return sent;
}

const SILENT = createLogger('watch', 'silent');

/** A watcher whose clock is moved by hand. */
export function handWatcher(
  stores: Pick<Stores, 'asPipeline' | 'clickhouse' | 'log'>,
  options: Partial<WatcherOptions> = {},
): Watcher & { clock: { nowMs: number }; passAt(nowMs: number): Promise<void> } {
  const clock = { nowMs: 0 };
  const watcher = createWatcher({
    pool: stores.asPipeline.pool,
    clickhouse: stores.clickhouse,
    log: stores.log,
    logger: SILENT,
    telemetry: createWatchTelemetry(SILENT, new Registry(), () => clock.nowMs),
    now: () => clock.nowMs,
    ...options,
  });
  return {
    ...watcher,
    clock,
    async passAt(nowMs) {
      clock.nowMs = nowMs;
      while ((await watcher.pass()).hasMore);
    },
  };
}

export interface WatchInput {
  name: string;
  metric: unknown;
  interval?: string;
  directions?: string[];
  falseAlertsPerMonth?: number;
  backfillDays?: number;
}

export async function makeWatch(
  { postgres, projectId }: Pick<Stores, 'postgres' | 'projectId'>,
  of: WatchInput,
): Promise<number> {
  const made = await postgres.pool.query<{ watch_id: number }>(
    `insert into watches (project_id, name, metric, interval, directions, false_alerts_per_month, backfill_days)
     values ($1, $2, $3, $4, $5, $6, $7) returning watch_id`,
    [
      projectId,
      of.name,
      JSON.stringify(of.metric),
      of.interval ?? 'quarter_hour',
      of.directions ?? ['up', 'down'],
      of.falseAlertsPerMonth ?? 1,
      of.backfillDays ?? 35,
    ],
  );
  return made.rows[0]!.watch_id;
}

export async function makeChannel(
  { postgres, projectId }: Pick<Stores, 'postgres' | 'projectId'>,
  of: {
    name: string;
    kind: 'webhook' | 'slack' | 'email';
    target: object;
    secret?: string;
    minSeverity?: string;
    delivery?: string;
  },
): Promise<number> {
  const made = await postgres.pool.query<{ channel_id: number }>(
    `insert into notification_channels (project_id, name, kind, target, secret, min_severity, delivery)
     values ($1, $2, $3, $4, $5, $6, $7) returning channel_id`,
    [
      projectId,
      of.name,
      of.kind,
      JSON.stringify(of.target),
      of.secret ?? null,
      of.minSeverity ?? 'info',
      of.delivery ?? 'each',
    ],
  );
  return made.rows[0]!.channel_id;
}

export interface Flag {
  anomaly_id: number;
  series: string;
  bucket: Date;
  since: Date;
  direction: string;
  severity: string;
  state: string;
  suppressed_by: string | null;
  backfilled: boolean;
  opened_at: Date;
  resolved_at: Date | null;
  observed: number;
  expected: number;
  evidence: { field: string; value: string; share: number }[] | null;
}

export async function readFlags({ postgres }: Pick<Stores, 'postgres'>, where = 'true'): Promise<Flag[]> {
  const found = await postgres.pool.query<Flag>(
    `select anomaly_id, series, bucket, since, direction, severity, state, suppressed_by, backfilled, opened_at, resolved_at,
       observed, expected, evidence
     from anomalies where ${where} order by anomaly_id`,
  );
  return found.rows;
}

export interface Received {
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Receiver {
  url: string;
  received: Received[];
  /** Status and headers of the next answers; 200 when there are no more. */
  answers: { status: number; headers?: Record<string, string> }[];
  close(): Promise<void>;
}

/** A real HTTP server that takes notifications. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const answers: Receiver['answers'] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push({
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      });
      const { status, headers = {} } = answers.shift() ?? { status: 200 };
      response.writeHead(status, headers).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    received,
    answers,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
