import { inTransaction, type Logger } from '@sluice/service-kit';
import type { ClickHouse } from '@sluice/warehouse';
import type pg from 'pg';
import { askRows, mutate } from '../erase/clickhouse-people.js';
import { aloneWithRollups, deleteEmptySums } from '../erase/erase-from-clickhouse.js';
import { deleteEvents } from '../erase/erase-from-postgres.js';
import { listGenerations } from '../erase/look-again.js';
import { keptFrom } from '../land/leave-out-erased.js';
import { LOCKS } from '../land/locks.js';
import { flushLocked } from '../roll-up/flush-batches.js';
import { insertSelected } from '../roll-up/insert-batch.js';
import { listSentGroups } from '../roll-up/pending-batch.js';

export interface ExpireOptions {
  pool: pg.Pool;
  clickhouse: ClickHouse;
  logger: Logger;
  /** Raw events deleted in one transaction, at most. Default 20,000. */
  rowsPerStep?: number;
}

/**
 * Deletes what projects keep no longer, day by day of UTC, by when things happened. Single events and all that is made of
 * them go, from every store: numbers of a day are either all there or none is, and people without a day left are gone,
 * too. Projects without a retention of their own are left alone.
 *
 * Landing has stopped to take such events before the first is deleted. Everything can be repeated; ended anywhere, the next
 * call goes on.
 */
export async function expireProjects(options: ExpireOptions, nowMs: number): Promise<void> {
  const { pool, logger } = options;
  const found = await pool.query<{ project_id: number; retention_days: number }>(
    `select project_id, retention_days from projects where retention_days is not null order by project_id`,
  );
  for (const { project_id: projectId, retention_days: days } of found.rows) {
    const before = new Date(keptFrom(days, nowMs));
    if (!(await isDue(pool, projectId, before))) continue;
    const guard = await pool.connect();
    try {
      const lock = await guard.query<{ locked: boolean }>(
        'select pg_try_advisory_lock($1, 0) and pg_try_advisory_lock($2, $3) as locked',
        [LOCKS.REBUILD, LOCKS.ERASURE, projectId],
      );
      // A rebuild or an erasure is at it: the next upkeep tries again.
      if (lock.rows[0]?.locked !== true) continue;
      const events = await expireProject(options, projectId, before);
      logger.info(
        { projectId, before: before.toISOString(), events },
        'what the project keeps no longer is deleted',
      );
    } finally {
      guard.release(true);
    }
  }
}

async function isDue(pool: pg.Pool, projectId: number, before: Date): Promise<boolean> {
  const done = await pool.query(
    `select from expiries where project_id = $1 and state = 'done' and kept_from >= $2`,
    [projectId, before],
  );
  return done.rowCount === 0;
}

async function expireProject(options: ExpireOptions, projectId: number, before: Date): Promise<number> {
  const { pool, clickhouse } = options;
  await pool.query(
    `insert into expiries (project_id, kept_from, state) values ($1, $2, 'running')
     on conflict (project_id) do update set kept_from = greatest(expiries.kept_from, excluded.kept_from), state = 'running'`,
    [projectId, before],
  );
  const events = await expireRows(options, projectId, before);
  for (const generation of await listGenerations(pool)) {
    await aloneWithRollups(pool, () => expireRollups(clickhouse, generation, projectId, before));
  }
  await pool.query('delete from users where project_id = $1 and last_seen < $2', [projectId, before]);
  await pool.query('delete from devices where project_id = $1 and last_seen < $2', [projectId, before]);
  await pool.query('delete from dead_letters where project_id = $1 and created_at < $2', [projectId, before]);
  // Answers that are remembered go by this number.
  await pool.query(
    `with done as (update expiries set state = 'done' where project_id = $1 returning project_id)
     insert into rolled_up (project_id, events) select project_id, 1 from done
     on conflict (project_id) do update set events = rolled_up.events + 1`,
    [projectId],
  );
  return events;
}

async function expireRows(
  { pool, clickhouse, logger, rowsPerStep = 20_000 }: ExpireOptions,
  projectId: number,
  before: Date,
): Promise<number> {
  let events = 0;
  for (;;) {
    const step = await inTransaction(pool, async (client) => {
      // As an erasure does: what was sent is finished first, and no landing is under way that looked before.
      await client.query('select pg_advisory_xact_lock($1, 0)', [LOCKS.ROLLUPS]);
      const tools = {
        pool,
        clickhouse,
        onStep: () => undefined,
        onRefusedRow: (row: { eventId: string }, error: Error) =>
          logger.warn({ eventId: row.eventId, reason: error.message }, 'rolled up as text'),
      };
      for (const rollupId of await listSentGroups(client)) await flushLocked(tools, client, rollupId);
      await client.query('select pg_advisory_xact_lock($1, $2)', [LOCKS.PEOPLE, projectId]);
      const found = await client.query<{ event_id: string }>(
        'select event_id from events where project_id = $1 and "timestamp" < $2 limit $3',
        [projectId, before, rowsPerStep],
      );
      const ids = found.rows.map(({ event_id }) => event_id);
      return (await deleteEvents(client, projectId, null, ids)).events;
    });
    if (step === 0) return events;
    events += step;
  }
}

/** Called while nothing is rolled up. The events go last: the rest follows from them, so that it can be repeated. */
async function expireRollups(
  clickhouse: ClickHouse,
  generation: number,
  projectId: number,
  before: Date,
): Promise<void> {
  const db = clickhouse.database(generation);
  const params = { db, project: projectId, before: before.getTime(), none: NO_SESSION };
  const expired = `project_id = {project: UInt32} and timestamp < fromUnixTimestamp64Milli({before: Int64}, 'UTC')`;
  const [of] = await askRows<{ n: number; last: number }>(
    clickhouse,
    `select count() as n, toUnixTimestamp(toStartOfMinute(max(received_at))) as last
     from {db: Identifier}.events where ${expired}`,
    params,
  );
  if (of !== undefined && of.n > 0) {
    const kept = `project_id = ${projectId} and timestamp >= fromUnixTimestamp64Milli(${before.getTime()}, 'UTC')`;
    await mutate(
      clickhouse,
      generation,
      'receipts_1m',
      'delete where project_id = {project: UInt32} and minute <= fromUnixTimestamp({last: Int64})',
      { ...params, last: of.last },
    );
    await insertSelected(clickhouse, generation, {
      view: 'receipts_1m_from_events',
      table: 'receipts_1m',
      events: `${kept} and toUnixTimestamp(toStartOfMinute(received_at)) <= ${of.last}`,
    });
    await expireSessions(clickhouse, generation, params, { expired, kept });
  }
  const day = `project_id = {project: UInt32} and day < toDate(fromUnixTimestamp64Milli({before: Int64}, 'UTC'))`;
  await mutate(clickhouse, generation, 'user_days', `delete where ${day}`, params);
  await mutate(clickhouse, generation, 'active_days', `delete where ${day}`, params);
  await mutate(
    clickhouse,
    generation,
    'counts_15m',
    `delete where project_id = {project: UInt32} and bucket < fromUnixTimestamp64Milli({before: Int64}, 'UTC')`,
    params,
  );
  // Rows of one person may lie in several parts: who is gone has none of them later.
  await mutate(
    clickhouse,
    generation,
    'actors',
    `delete where project_id = {project: UInt32} and actor_hash in (
       select actor_hash from {db: Identifier}.actors where project_id = {project: UInt32} group by actor_hash
       having max(last_at) < fromUnixTimestamp64Milli({before: Int64}, 'UTC'))`,
    params,
  );
  await deleteEmptySums(clickhouse, generation, projectId);
  await mutate(clickhouse, generation, 'events', `delete where ${expired}`, params);
}

const NO_SESSION = '00000000-0000-0000-0000-000000000000';

/** Sessions that were under way at the cut are made anew of what is left of them. */
async function expireSessions(
  clickhouse: ClickHouse,
  generation: number,
  params: Record<string, unknown>,
  { expired, kept }: { expired: string; kept: string },
): Promise<void> {
  const gone = `select session_id from {db: Identifier}.events where ${expired} and session_id != {none: UUID}`;
  const cut = await askRows<{ session_id: string }>(
    clickhouse,
    `select distinct toString(session_id) as session_id from {db: Identifier}.events
     where project_id = {project: UInt32} and not (${expired}) and session_id in (${gone})`,
    params,
  );
  await mutate(
    clickhouse,
    generation,
    'sessions',
    `delete where project_id = {project: UInt32} and session_id in (${gone})`,
    params,
  );
  if (cut.length === 0) return;
  await insertSelected(clickhouse, generation, {
    view: 'sessions_from_events',
    table: 'sessions',
    events: `${kept} and session_id in (${cut.map((row) => `'${row.session_id}'`).join(',')})`,
  });
}
