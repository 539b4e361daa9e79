import { decodeRecordMeta, type IngestAnswer, type MessagesMeta, type RejectedMeta } from '@sluice/contracts';
import { openEventLog, type EventLog, type LogRecord } from '@sluice/event-log';
import { createKey, createLogger, createMetricsRegistry, ensureProject } from '@sluice/service-kit';
import type { Postgres } from '@sluice/warehouse';
import { createTestDatabase, openAsService, type TestDatabase } from '@sluice/warehouse/testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Registry } from 'prom-client';
import { createGateway, type Gateway, type GatewayConfig } from '../src/index.js';

export interface TestGateway {
  gateway: Gateway;
  database: TestDatabase;
  /** The same database under the login of the gateway, with its privileges alone: what the gateway works on. */
  asGateway: Postgres;
  log: EventLog;
  registry: Registry;
  projectId: number;
  writeKey: string;
  /** Sends a body with the write key in a Basic header, as JSON unless it is text already. */
  post(url: string, body: unknown, headers?: Record<string, string>): Promise<TestAnswer>;
  /** Listens on a free port and resolves with it. */
  listen(): Promise<number>;
  /** What the log holds from `since` on, with the meta read. */
  readLog(since?: readonly number[]): Promise<LoggedRecord[]>;
  /** Stops the gateway and removes everything it had. */
  close(): Promise<void>;
}

export interface TestAnswer {
  status: number;
  headers: Record<string, unknown>;
  json: IngestAnswer & { code?: string; field?: string };
}

export interface LoggedRecord {
  partition: number;
  record: LogRecord;
  meta: MessagesMeta | RejectedMeta;
  text: string;
}

export async function startGateway(options: {
  postgresUrl: string;
  config?: Partial<GatewayConfig>;
  /** Stands in front of the log, to make it fail. */
  wrapLog?: (log: EventLog) => EventLog;
  spoolDir?: string;
}): Promise<TestGateway> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-gateway-'));
  const database = await createTestDatabase(options.postgresUrl);
  const asGateway = await openAsService(database, 'gateway');
  const log = await openEventLog(`embedded:${join(dir, 'log')}`);
  const registry = createMetricsRegistry('gateway');
  const projectId = await ensureProject(database.pool, 'test');
  const { key: writeKey } = await createKey(database.pool, { projectId, kind: 'write' });
  const release = async (): Promise<void> => {
    await log.close();
    await asGateway.close();
    await database.drop();
    await rm(dir, { recursive: true, force: true });
  };
  const gateway = await createGateway({
    postgres: asGateway,
    log: options.wrapLog?.(log) ?? log,
    logger: createLogger('gateway', 'silent'),
    registry,
    config: { spoolDir: options.spoolDir ?? join(dir, 'spool'), drainTimeoutMs: 500, ...options.config },
  }).catch(async (error: unknown) => {
    await release();
    throw error;
  });
  return {
    gateway,
    database,
    asGateway,
    log,
    registry,
    projectId,
    writeKey,
    async post(url, body, headers = {}) {
      const answer = await gateway.app.inject({
        method: 'POST',
        url,
        headers: { authorization: basic(writeKey), 'content-type': 'application/json', ...headers },
        payload: Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body),
      });
      return { status: answer.statusCode, headers: answer.headers, json: answer.json() };
    },
    async listen() {
      const address = await gateway.app.listen({ host: '127.0.0.1', port: 0 });
      return Number(new URL(address).port);
    },
    readLog: (since) => readLog(log, since),
    async close() {
      await gateway.stop();
      await release();
    },
  };
}

export function basic(key: string): string {
  return `Basic ${Buffer.from(`${key}:`).toString('base64')}`;
}

export async function readLog(log: EventLog, since: readonly number[] = []): Promise<LoggedRecord[]> {
  const ends = await log.endOffsets();
  const found: LoggedRecord[] = [];
  const open = new Set(ends.map((_, partition) => partition).filter((p) => ends[p]! > (since[p] ?? 0)));
  if (open.size === 0) return found;
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const consumer = await log.consume({
    group: `test-${Math.random().toString(36).slice(2)}`,
    startAt: async (partition) => since[partition] ?? 0,
    lingerMs: 0,
    async handle(batch) {
      for (const record of batch.records) {
        const decoded = decodeRecordMeta(record.headers);
        if (!decoded.ok) throw new Error(decoded.reason);
        // The value is a view that the log may use again.
        const value = Buffer.from(record.value);
        found.push({
          partition: batch.partition,
          record: { ...record, value },
          meta: decoded.meta,
          text: value.toString(),
        });
      }
      if (batch.to >= ends[batch.partition]!) open.delete(batch.partition);
      if (open.size === 0) finish();
    },
  });
  await finished;
  await consumer.stop();
  return found.sort((a, b) => a.partition - b.partition || a.record.offset - b.record.offset);
}

/** Waits until `check` holds, for what nothing signals. */
export async function until(check: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`did not happen in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
