import { liveGeneration, type ClickHouse } from '@sluice/warehouse';
import type pg from 'pg';
import { askRows, hashesOf } from '../erase/clickhouse-people.js';
import { findPersonIds } from '../erase/find-person.js';
import { idsNamedBy } from '../erase/names-in-letters.js';

export interface ExportOptions {
  pool: pg.Pool;
  /** Undefined where another process holds it: then the export says that scores are not in it. */
  clickhouse: ClickHouse | undefined;
  projectId: number;
  /** Any ids of the person. */
  named: readonly string[];
  now?: () => number;
}

/** One thing that is known of a person: `kind` says what. */
export type ExportLine = { kind: string } & Record<string, unknown>;

const ROWS_PER_FETCH = 1_000;

/**
 * All that is stored of a person, line by line, as one snapshot of Postgres: ids, profile, identities, devices, every event
 * as it came and with what landing found out, dead letters, cohorts that list the person, and scores.
 */
export async function* exportPerson(options: ExportOptions): AsyncGenerator<ExportLine> {
  const { pool, clickhouse, projectId, named, now = Date.now } = options;
  const client = await pool.connect();
  let isWhole = false;
  try {
    await client.query('begin isolation level repeatable read read only');
    const ids = await findPersonIds(client, projectId, named);
    const project = await client.query<{ name: string }>('select name from projects where project_id = $1', [
      projectId,
    ]);
    yield { kind: 'export', project: project.rows[0]?.name, ids, exported_at: new Date(now()).toISOString() };
    for (const { kind, sql } of SMALL_TABLES) {
      for (const row of (await client.query<object>(sql, [projectId, ids])).rows) yield { kind, ...row };
    }
    yield* exportEvents(client, projectId, ids);
    yield* exportLetters(client, projectId, new Set(ids));
    await client.query('commit');
    yield* exportScores(pool, clickhouse, projectId, ids);
    isWhole = true;
  } finally {
    // Also when whoever reads has had enough: the session ends, and its snapshot with it.
    client.release(!isWhole);
  }
}

const SMALL_TABLES = [
  {
    kind: 'profile',
    sql: `select user_id, first_seen, last_seen, events, counts, revenue, traits, traits_at from users
          where project_id = $1 and user_id = any ($2) order by user_id`,
  },
  {
    kind: 'identity',
    sql: `select previous_id, user_id, merged_at from identities
          where project_id = $1 and (previous_id = any ($2) or user_id = any ($2)) order by previous_id`,
  },
  {
    kind: 'device',
    sql: `select device_id, sessions, last_seen from devices
          where project_id = $1 and device_id = any ($2) order by device_id`,
  },
  {
    kind: 'cohort',
    sql: `select name, description, updated_at from cohorts where project_id = $1 and user_ids && $2 order by name`,
  },
] as const;

async function* exportEvents(
  client: pg.ClientBase,
  projectId: number,
  ids: readonly string[],
): AsyncGenerator<ExportLine> {
  await client.query(
    `declare person_events no scroll cursor for
     select event_id, received_at, "timestamp", type, event, message_id, anonymous_id, user_id, session_id, enrichment, message
     from events where project_id = $1 and coalesce(user_id, anonymous_id) = any ($2)`,
    [projectId, ids],
  );
  for (;;) {
    const found = await client.query<object>(`fetch ${ROWS_PER_FETCH} from person_events`);
    for (const row of found.rows) yield { kind: 'event', ...row };
    if (found.rows.length < ROWS_PER_FETCH) break;
  }
  await client.query('close person_events');
}

async function* exportLetters(
  client: pg.ClientBase,
  projectId: number,
  ids: ReadonlySet<string>,
): AsyncGenerator<ExportLine> {
  await client.query(
    `declare person_letters no scroll cursor for
     select dead_letter_id, source, code, message, field, message_id, received_at, headers, bytes
     from dead_letters where project_id = $1`,
    [projectId],
  );
  for (;;) {
    const found = await client.query<{ bytes: Buffer }>(`fetch ${ROWS_PER_FETCH} from person_letters`);
    for (const { bytes, ...row } of found.rows) {
      if (!idsNamedBy(bytes).some((id) => ids.has(id))) continue;
      yield { kind: 'dead_letter', ...row, text: bytes.toString('utf8') };
    }
    if (found.rows.length < ROWS_PER_FETCH) break;
  }
  await client.query('close person_letters');
}

async function* exportScores(
  pool: pg.Pool,
  clickhouse: ClickHouse | undefined,
  projectId: number,
  ids: readonly string[],
): AsyncGenerator<ExportLine> {
  if (clickhouse === undefined) {
    yield {
      kind: 'note',
      text: 'Churn scores are not in this export: a running instance holds the embedded ClickHouse. Ask GET /v1/users/ID, or export while it is stopped.',
    };
    return;
  }
  const generation = await liveGeneration(pool);
  if (generation === undefined) return;
  const scores = await askRows<object>(
    clickhouse,
    `select run_id, churn_7, churn_30, churn_90, active_7, active_30, active_90, value_7, value_30, value_90,
       reasons_7, reasons_30, reasons_90, last_active, age_days
     from {db: Identifier}.churn_scores
     where project_id = {project: UInt32} and actor_hash in {hashes: Array(UInt64)} order by run_id`,
    { db: clickhouse.database(generation), project: projectId, hashes: await hashesOf(clickhouse, ids) },
  );
  for (const score of scores) yield { kind: 'score', ...score };
}
