import { openEventLog, type EventLog } from '@sluice/event-log';
import { createKey, createLogger, createMetricsRegistry, ensureProject } from '@sluice/service-kit';
import {
  createTestDatabase,
  openAsService,
  openTestClickHouse,
  type TestDatabase,
} from '@sluice/warehouse/testing';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PoolClient } from 'pg';
import { inject } from 'vitest';
import { createAnalyticsApi, type AnalyticsApi, type AnalyticsApiConfig } from '../src/index.js';

/** An event as a test writes it; instants are ISO texts or milliseconds. */
export interface TestEvent {
  at: string | number;
  event?: string;
  type?: string;
  userId?: string;
  anonymousId?: string;
  receivedAt?: string | number;
  messageId?: string;
  eventId?: string;
  sessionId?: string;
  properties?: Record<string, unknown>;
  columns?: Record<string, string>;
  isBot?: boolean;
}

interface LandOptions {
  /** Stays on its way to ClickHouse. */
  pending?: boolean;
  partition?: number;
  toOffset?: number;
}

export interface Project {
  projectId: number;
  key: string;
}

export type ApiFixture = Awaited<ReturnType<typeof openApiFixture>>;

/** The API on real stores, with events written as landing and rolling up leave them. */
export async function openApiFixture(config: Partial<AnalyticsApiConfig> = {}) {
  const postgres: TestDatabase = await createTestDatabase(inject('postgresUrl'));
  const asApi = await openAsService(postgres, 'api');
  const clickhouse = await openTestClickHouse(postgres.pool);
  const logDir = await mkdtemp(join(tmpdir(), 'sluice-log-'));
  const log: EventLog = await openEventLog(`embedded:${logDir}`, { partitions: 2 });
  const registry = createMetricsRegistry('analytics-api');
  const api: AnalyticsApi = await createAnalyticsApi({
    postgres: asApi,
    clickhouse,
    log,
    logger: createLogger('test', 'silent'),
    registry,
    config: { auditIntervalMs: 0, requestsPerMinute: 1_000_000, livePollMs: 20, ...config },
  });
  const { pool } = postgres;
  const database = clickhouse.database(1);
  let projects = 0;

  async function createProject(): Promise<Project> {
    const projectId = await ensureProject(pool, `project ${++projects}`);
    const { key } = await createKey(pool, { projectId, kind: 'read' });
    return { projectId, key };
  }

  /** Says that both partitions are landed through an instant. */
  async function completeThrough(at: string | number): Promise<void> {
    await pool.query(
      `insert into log_offsets (log_id, "partition", complete_through)
       select $1, generate_series(0, 1), $2
       on conflict (log_id, "partition") do update set complete_through = excluded.complete_through`,
      [log.id, new Date(at)],
    );
  }

  /** What the pipeline notes with a batch that is done: never before it is queryable. */
  async function noteRolledUp(projectId: number, events: number): Promise<void> {
    await pool.query(
      `insert into rolled_up (project_id, events) values ($1, $2)
       on conflict (project_id) do update set events = rolled_up.events + excluded.events`,
      [projectId, events],
    );
  }

  async function landWithin(
    client: PoolClient,
    projectId: number,
    rows: ReturnType<typeof rowOf>[],
    options: LandOptions,
  ): Promise<number> {
    const { partition = 0, toOffset = 0 } = options;
    const batch = await client.query<{ batch_id: number }>(
      `insert into batches (log_id, "partition", from_offset, to_offset, rows, project_rows, state, received_from)
       values ($1, $2, $3, $4, $5, $6, $7, $8) returning batch_id`,
      [
        log.id,
        partition,
        Math.max(0, toOffset - 1),
        toOffset,
        rows.length,
        JSON.stringify({ [projectId]: rows.length }),
        'pending',
        new Date(Math.min(...rows.map((row) => row.receivedMs))),
      ],
    );
    const batchId = batch.rows[0]!.batch_id;
    await client.query(
      `insert into events (project_id, event_id, batch_id, batch_seq, received_at, "timestamp", type, event, message_id,
         anonymous_id, user_id, session_id, enrichment, message)
       select $1, event_id, $2, n, to_timestamp(received_ms / 1000.0), to_timestamp(timestamp_ms / 1000.0), type, event,
         message_id, nullif(anonymous_id, ''), nullif(user_id, ''), session_id, '{}', message
       from json_to_recordset($3) as x (n int, event_id uuid, received_ms bigint, timestamp_ms bigint, type text,
         event text, message_id text, anonymous_id text, user_id text, session_id uuid, message json)`,
      [
        projectId,
        batchId,
        JSON.stringify(rows.map((row, n) => ({ n, ...row.stored, message: row.message }))),
      ],
    );
    await client.query(
      `insert into ledger as l (project_id, minute, log_id, "partition", logged, landed)
       select $1, date_bin('1 minute', received_at, 'epoch'), $3, $4, count(*), count(*)
       from events where batch_id = $2 group by 2
       on conflict (project_id, minute, log_id, "partition")
       do update set logged = l.logged + excluded.logged, landed = l.landed + excluded.landed`,
      [projectId, batchId, log.id, partition],
    );
    return batchId;
  }

  /** Lands a batch; it is rolled up, too, unless it shall stay pending. */
  async function land(
    projectId: number,
    events: readonly TestEvent[],
    options: LandOptions = {},
  ): Promise<{ eventIds: string[]; batchId: number }> {
    const rows = events.map(rowOf);
    const client = await pool.connect();
    let batchId: number;
    try {
      await client.query('begin');
      batchId = await landWithin(client, projectId, rows, options);
      await client.query('commit');
    } finally {
      client.release();
    }
    if (options.pending !== true) {
      await rollUp(projectId, batchId, rows);
      await pool.query(`update batches set state = 'done', done_at = now() where batch_id = $1`, [batchId]);
      await noteRolledUp(projectId, rows.length);
    }
    return { eventIds: rows.map((row) => row.stored.event_id), batchId };
  }

  async function rollUp(projectId: number, batchId: number, rows: ReturnType<typeof rowOf>[]): Promise<void> {
    await clickhouse.client.insert({
      table: `${database}.events`,
      format: 'JSONEachRow',
      clickhouse_settings: clickhouse.insertSettings,
      values: rows.map(({ stored, timestampMs, receivedMs, isBot, properties, columns }) => ({
        project_id: projectId,
        event_id: stored.event_id,
        batch_id: batchId,
        received_at: clickhouseTime(receivedMs),
        timestamp: clickhouseTime(timestampMs),
        type: stored.type,
        event: stored.event,
        message_id: stored.message_id,
        anonymous_id: stored.anonymous_id,
        user_id: stored.user_id,
        actor_id: stored.user_id === '' ? stored.anonymous_id : stored.user_id,
        session_id: stored.session_id,
        is_bot: isBot,
        properties,
        ...columns,
      })),
    });
  }

  /** Merges an id into a user, in both stores. */
  async function merge(projectId: number, previousId: string, userId: string): Promise<void> {
    await pool.query(
      `insert into identities (project_id, previous_id, user_id) values ($1, $2, $3)
       on conflict (project_id, previous_id) do update set user_id = excluded.user_id`,
      [projectId, previousId, userId],
    );
    await clickhouse.client.insert({
      table: `${database}.identities`,
      format: 'JSONEachRow',
      values: [
        { project_id: projectId, previous_id: previousId, user_id: userId, version: Date.now() * 1_000 },
      ],
    });
    await noteRolledUp(projectId, 1);
  }

  async function get(key: string, url: string) {
    return api.app.inject({ method: 'GET', url, headers: { authorization: `Bearer ${key}` } });
  }

  async function ask(key: string, body: unknown) {
    return api.app.inject({
      method: 'POST',
      url: '/v1/query',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      payload: JSON.stringify(body),
    });
  }

  /** Any request; a body is sent as JSON. */
  async function send(
    key: string,
    method: 'GET' | 'PUT' | 'POST' | 'DELETE',
    url: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ) {
    return api.app.inject({
      method,
      url,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });
  }

  async function createAdminKey(projectId: number): Promise<string> {
    return (await createKey(pool, { projectId, kind: 'admin' })).key;
  }

  return {
    ...api,
    send,
    createAdminKey,
    adminPort: () => api.adminListener!.address!.port,
    pool,
    clickhouse,
    log,
    registry,
    database,
    createProject,
    completeThrough,
    land,
    merge,
    get,
    ask,
    async close() {
      await api.stop();
      await log.close();
      await clickhouse.drop();
      await asApi.close();
      await postgres.drop();
      await rm(logDir, { recursive: true, force: true });
    },
  };
}

const NIL = '00000000-0000-0000-0000-000000000000';

function rowOf(event: TestEvent) {
  const timestampMs = new Date(event.at).getTime();
  const receivedMs = event.receivedAt === undefined ? timestampMs : new Date(event.receivedAt).getTime();
  const eventId = event.eventId ?? uuidV7(timestampMs);
  const type = event.type ?? 'track';
  return {
    timestampMs,
    receivedMs,
    isBot: event.isBot ?? false,
    properties: event.properties ?? {},
    columns: event.columns ?? {},
    message: { type, event: event.event, properties: event.properties ?? {} },
    stored: {
      event_id: eventId,
      received_ms: receivedMs,
      timestamp_ms: timestampMs,
      type,
      event: event.event ?? '',
      message_id: event.messageId ?? eventId,
      anonymous_id: event.anonymousId ?? '',
      user_id: event.userId ?? '',
      session_id: event.sessionId ?? NIL,
    },
  };
}

export function uuidV7(epochMs: number): string {
  const time = epochMs.toString(16).padStart(12, '0');
  const random = randomBytes(10).toString('hex');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-8${random.slice(3, 6)}-${random.slice(6, 18)}`;
}

function clickhouseTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('T', ' ').replace('Z', '');
}
