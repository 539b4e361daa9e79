import type { ClickHouse } from '@sluice/warehouse';
import { liveGeneration } from '@sluice/warehouse';
import type pg from 'pg';
import { hashId } from '../land/id-hash.js';
import { LOCKS } from '../land/locks.js';
import { flushLocked, type FlushTools } from '../roll-up/flush-batches.js';
import { listSentGroups } from '../roll-up/pending-batch.js';
import { hashesOf, listEventIds } from './clickhouse-people.js';
import { ensureErasureKey, type Erasure } from './erasures.js';
import { findPersonIds } from './find-person.js';

export interface PostgresCounts extends Record<string, number> {
  events: number;
  profiles: number;
  identities: number;
  devices: number;
  /** Streams of numbered messages that no longer say whose device sent them. */
  streams: number;
  duplicates: number;
}

/** Ids of one statement. */
const EVENTS_PER_STATEMENT = 5_000;

/**
 * Takes a person out of Postgres, within a transaction of the caller's: raw events, profile, identities, devices. What is on
 * its way to ClickHouse is cut to what is left, and the marks are made that keep everything from coming back.
 *
 * The order is the guarantee. Alone with the rollups' lock, groups that may have been sent in part are finished with the
 * rows that they were sent with: cut before, a repeated insert would fill some tables without the person's rows and others
 * with them. Alone with the lock on the project's people, no landing is between looking for marks and landing.
 */
export async function eraseFromPostgres(
  tools: FlushTools,
  client: pg.PoolClient,
  erasure: Erasure,
): Promise<{ ids: string[]; counts: PostgresCounts }> {
  const { projectId } = erasure;
  await client.query('select pg_advisory_xact_lock($1, 0)', [LOCKS.ROLLUPS]);
  for (const rollupId of await listSentGroups(client)) await flushLocked(tools, client, rollupId);
  await client.query('select pg_advisory_xact_lock($1, $2)', [LOCKS.PEOPLE, projectId]);

  const ids = await findPersonIds(client, projectId, erasure.ids);
  await markErased(client, erasure, ids);
  const events = await deleteEvents(client, projectId, ids, [
    ...(await listRolledUp(tools.clickhouse, client, projectId, ids)),
    ...(await listPendingEvents(client, projectId, ids)),
  ]);
  await cutIdentitiesOnTheirWay(client, projectId, ids);
  const counts = {
    ...events,
    profiles: await remove(client, 'delete from users where project_id = $1 and user_id = any ($2)', [
      projectId,
      ids,
    ]),
    identities: await remove(
      client,
      'delete from identities where project_id = $1 and (previous_id = any ($2) or user_id = any ($2))',
      [projectId, ids],
    ),
    devices: await remove(client, 'delete from devices where project_id = $1 and device_id = any ($2)', [
      projectId,
      ids,
    ]),
    streams: await remove(
      client,
      `update streams set device_id = '' where project_id = $1 and device_id = any ($2)`,
      [projectId, ids],
    ),
  };
  await client.query(`update erasures set ids = $2, state = 'raw' where erasure_id = $1`, [
    erasure.erasureId,
    JSON.stringify(ids),
  ]);
  return { ids, counts };
}

async function remove(client: pg.ClientBase, sql: string, values: unknown[]): Promise<number> {
  return (await client.query(sql, values)).rowCount ?? 0;
}

/** From now on, until the erasure is done, nothing of the person lands. */
async function markErased(client: pg.ClientBase, erasure: Erasure, ids: readonly string[]): Promise<void> {
  const key = await ensureErasureKey(client, erasure.projectId);
  await client.query(
    `insert into erased_people (project_id, id_hash, erasure_id, until)
     select $1, decode(hash, 'hex'), $2, null from unnest($3::text[]) as hash
     on conflict (project_id, id_hash) do update set erasure_id = excluded.erasure_id, until = null`,
    [erasure.projectId, erasure.erasureId, ids.map((id) => hashId(key, id).toString('hex'))],
  );
}

async function listRolledUp(
  clickhouse: ClickHouse,
  client: pg.PoolClient,
  projectId: number,
  ids: readonly string[],
): Promise<string[]> {
  const generation = await liveGeneration(client);
  if (generation === undefined) throw new Error('No generation of the rollups is live: run the migrations.');
  return listEventIds(clickhouse, generation, { projectId, hashes: await hashesOf(clickhouse, ids) });
}

async function listPendingEvents(
  client: pg.ClientBase,
  projectId: number,
  ids: readonly string[],
): Promise<string[]> {
  const found = await client.query<{ event_id: string }>(
    `select event_id from events
     where batch_id = any (array(select batch_id from batches where state = 'pending'))
       and project_id = $1 and coalesce(user_id, anonymous_id) = any ($2)`,
    [projectId, ids],
  );
  return found.rows.map(({ event_id }) => event_id);
}

/**
 * Deletes raw events, and moves them in the ledger from `landed` to `erased`. The caller is alone with the rollups' lock.
 *
 * @param ids Only events of these people, which are marked so that they never come back; null: of whomever, without marks.
 */
export async function deleteEvents(
  client: pg.ClientBase,
  projectId: number,
  ids: readonly string[] | null,
  eventIds: readonly string[],
): Promise<{ events: number; duplicates: number }> {
  const sorted = [...new Set(eventIds)].sort();
  const counts = { events: 0, duplicates: 0 };
  for (let start = 0; start < sorted.length; start += EVENTS_PER_STATEMENT) {
    const part = sorted.slice(start, start + EVENTS_PER_STATEMENT);
    const gone = await client.query<{ event_id: string; message_id: string; batch_id: string }>(
      `with gone as (
         delete from events
         where project_id = $1 and event_id = any ($2::uuid[]) and event_id between $3 and $4
           and ($5::text[] is null or coalesce(user_id, anonymous_id) = any ($5))
         returning event_id, message_id, batch_id, received_at
       ), marks as (
         insert into erased_events (project_id, event_id) select $1, event_id from gone where $5::text[] is not null on conflict do nothing
       ), account as (
         insert into ledger as l (project_id, minute, log_id, "partition", landed, erased)
         select $1, date_bin('1 minute', received_at, 'epoch'::timestamptz), '', -1, -count(*), count(*)
         from gone group by 2
         on conflict (project_id, minute, log_id, "partition") do update
         set landed = l.landed + excluded.landed, erased = l.erased + excluded.erased
       )
       select event_id, message_id, batch_id from gone`,
      [projectId, part, part[0], part.at(-1), ids],
    );
    counts.events += gone.rows.length;
    counts.duplicates += await remove(
      client,
      'delete from duplicates where project_id = $1 and message_id = any ($2) and event_id = any ($3::uuid[])',
      [projectId, gone.rows.map((row) => row.message_id), gone.rows.map((row) => row.event_id)],
    );
    await cutManifests(client, projectId, gone.rows);
  }
  return counts;
}

/** Rows of batches that are not rolled up yet are fewer now. */
async function cutManifests(
  client: pg.ClientBase,
  projectId: number,
  gone: readonly { batch_id: string | number }[],
): Promise<void> {
  const rows = new Map<string, number>();
  for (const { batch_id: batchId } of gone) rows.set(String(batchId), (rows.get(String(batchId)) ?? 0) + 1);
  await client.query(
    `update batches b set rows = b.rows - c.rows, revision = b.revision + 1,
       project_rows = jsonb_set(b.project_rows, array[$3], to_jsonb((b.project_rows ->> $3)::bigint - c.rows))
     from unnest($1::bigint[], $2::int[]) as c (batch_id, rows)
     where b.batch_id = c.batch_id and b.state = 'pending'`,
    [[...rows.keys()], [...rows.values()], String(projectId)],
  );
}

async function cutIdentitiesOnTheirWay(
  client: pg.ClientBase,
  projectId: number,
  ids: readonly string[],
): Promise<void> {
  await client.query(
    `update batches b set revision = b.revision + 1, identities = (
       select coalesce(jsonb_agg(i order by n), '[]')
       from jsonb_array_elements(b.identities) with ordinality as x (i, n)
       where not ((i ->> 'projectId')::int = $1 and (i ->> 'previousId' = any ($2) or i ->> 'userId' = any ($2))))
     where jsonb_array_length(b.identities) > 0 and exists (
       select from jsonb_array_elements(b.identities) as i
       where (i ->> 'projectId')::int = $1 and (i ->> 'previousId' = any ($2) or i ->> 'userId' = any ($2)))`,
    [projectId, ids],
  );
}
