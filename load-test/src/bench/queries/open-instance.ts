import { createAnalyticsApi, type AnalyticsApi } from '@sluice/analytics-api';
import { openEventLog } from '@sluice/event-log';
import { createKey, createLogger, ensureProject } from '@sluice/service-kit';
import {
  migrateClickHouse,
  migratePostgres,
  openClickHouse,
  openPostgres,
  type ClickHouse,
  type Postgres,
} from '@sluice/warehouse';
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Registry } from 'prom-client';
import { DAYS, fillDataset, FIRST_DAY, TIMEZONE } from './dataset.js';

export interface BenchInstance {
  clickhouse: ClickHouse;
  postgres: Postgres;
  database: string;
  projectId: number;
  apiUrl: string;
  readKey: string;
  close(): Promise<void>;
}

export interface BenchInstanceOptions {
  events: number;
  users: number;
  /** Where filled tables are kept for the next time. */
  cacheDir: string;
  onProgress: (text: string) => void;
}

/** Changes whenever the tables or what is filled into them do. */
const VERSION = 1;
/** Whose events stand in Postgres, too: timelines are read from there. */
const PEOPLE_IN_POSTGRES = 20;

/** The real API, listening, on filled tables; Postgres is new and holds what answers ask it for. */
export async function openBenchInstance(options: BenchInstanceOptions): Promise<BenchInstance> {
  const { events, users, cacheDir, onProgress } = options;
  const clickhouseDir = join(cacheDir, `queries-v${VERSION}-${events}-${users}`);
  await fillOnce(clickhouseDir, options);
  const dir = await mkdtemp(join(tmpdir(), 'sluice-bench-queries-'));
  onProgress('starting the API');
  const postgres = await openPostgres(`embedded:${join(dir, 'postgres')}`, { max: 20 });
  const clickhouse = await openClickHouse(`embedded:${clickhouseDir}`);
  const log = await openEventLog(`embedded:${join(dir, 'log')}`, { partitions: 2 });
  let api: AnalyticsApi | undefined;
  const close = async (): Promise<void> => {
    await api?.stop();
    await log.close();
    await clickhouse.close();
    await postgres.close();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await migratePostgres(postgres.pool);
    const { generation } = await migrateClickHouse(clickhouse, postgres.pool);
    const database = clickhouse.database(generation);
    const projectId = await ensureProject(postgres.pool, 'bench', { timezone: TIMEZONE });
    const { key: readKey } = await createKey(postgres.pool, { projectId, kind: 'read' });
    await copyToPostgres({ postgres, clickhouse, database, projectId, events, logId: log.id });
    api = await createAnalyticsApi({
      postgres,
      clickhouse,
      log,
      logger: createLogger('bench', 'silent'),
      registry: new Registry(),
      config: { auditIntervalMs: 0, requestsPerMinute: 100_000_000, queryTimeoutMs: 120_000 },
      // The day after the last one with events: everything in the range is over, and complete.
      now: () => Date.parse(`${FIRST_DAY}T00:00:00Z`) + (DAYS + 2) * 86_400_000,
    });
    const apiUrl = await api.app.listen({ host: '127.0.0.1', port: 0 });
    return { clickhouse, postgres, database, projectId, apiUrl, readKey, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function fillOnce(dir: string, options: BenchInstanceOptions): Promise<void> {
  if (await exists(dir)) return;
  const { events, users, onProgress } = options;
  const filling = `${dir}.filling`;
  await rm(filling, { recursive: true, force: true });
  await mkdir(dirname(dir), { recursive: true });
  const pgDir = await mkdtemp(join(tmpdir(), 'sluice-bench-fill-'));
  const postgres = await openPostgres(`embedded:${pgDir}`, { max: 2 });
  const clickhouse = await openClickHouse(`embedded:${filling}`);
  try {
    await migratePostgres(postgres.pool);
    const { generation } = await migrateClickHouse(clickhouse, postgres.pool);
    await fillDataset({
      clickhouse,
      database: clickhouse.database(generation),
      projectId: 1,
      events,
      users,
      onProgress: (rows) => onProgress(`making events: ${rows} of ${events}`),
    });
  } finally {
    await clickhouse.close();
    await postgres.close();
    await rm(pgDir, { recursive: true, force: true });
  }
  await rename(filling, dir);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** What Postgres would hold of these events, as far as questions ask it: progress, merges, profiles, and some people's events. */
async function copyToPostgres(options: {
  postgres: Postgres;
  clickhouse: ClickHouse;
  database: string;
  projectId: number;
  events: number;
  logId: string;
}): Promise<void> {
  const { postgres, clickhouse, database, projectId, events, logId } = options;
  const rows = async <T>(query: string): Promise<T[]> =>
    (await clickhouse.client.query({ query, format: 'JSONEachRow' })).json<T>();
  await postgres.pool.query(
    `insert into log_offsets (log_id, "partition", complete_through) select $1, generate_series(0, 1), now()`,
    [logId],
  );
  await postgres.pool.query('insert into rolled_up (project_id, events) values ($1, $2)', [
    projectId,
    events,
  ]);
  const merges = await rows<{ previous_id: string; user_id: string }>(
    `select previous_id, user_id from ${database}.identities final`,
  );
  await postgres.pool.query(
    'insert into identities (project_id, previous_id, user_id) select $1, * from unnest($2::text[], $3::text[])',
    [projectId, merges.map(({ previous_id }) => previous_id), merges.map(({ user_id }) => user_id)],
  );
  const people = await rows<{ actor_id: string; first_at: string; last_at: string; events: string }>(
    `select actor_id, first_at, last_at, events from ${database}.actors final`,
  );
  await postgres.pool.query(
    `insert into users (project_id, user_id, first_seen, last_seen, events, traits)
     select $1, id, first, last, n, json_build_object('email', id || '@example.com')
     from unnest($2::text[], $3::timestamptz[], $4::timestamptz[], $5::bigint[]) as u (id, first, last, n)`,
    [
      projectId,
      people.map(({ actor_id }) => actor_id),
      people.map(({ first_at }) => `${first_at}Z`),
      people.map(({ last_at }) => `${last_at}Z`),
      people.map(({ events: count }) => count),
    ],
  );
  const known = await rows<Record<string, string>>(
    `select toString(event_id) as event_id, received_at, timestamp, type, event, message_id, anonymous_id, user_id, toString(session_id) as session_id, toJSONString(properties) as properties
     from ${database}.events where actor_hash in (${samplePeopleSql(database)})`,
  );
  await postgres.pool.query(
    `insert into events (project_id, event_id, batch_id, batch_seq, received_at, "timestamp", type, event, message_id,
       anonymous_id, user_id, session_id, enrichment, message)
     select $1, (e->>'event_id')::uuid, 1, n, (e->>'received_at')::timestamptz, (e->>'timestamp')::timestamptz, e->>'type',
       e->>'event', e->>'message_id', nullif(e->>'anonymous_id', ''), nullif(e->>'user_id', ''), (e->>'session_id')::uuid,
       '{}', json_build_object('type', e->>'type', 'properties', (e->>'properties')::json)
     from json_array_elements($2::json) with ordinality as list (e, n)`,
    [projectId, JSON.stringify(known)],
  );
  await postgres.pool.query('vacuum analyze');
}

/** The hashes of some people with an ordinary number of events. */
export function samplePeopleSql(database: string): string {
  return `select actor_hash from ${database}.actors where events between 15 and 60 and actor_id like 'user-%' order by actor_hash limit ${PEOPLE_IN_POSTGRES}`;
}
