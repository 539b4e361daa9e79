import { inTransaction } from '@sluice/service-kit';
import type pg from 'pg';
import { LOCKS } from '../land/locks.js';
import { deleteEvents } from './erase-from-postgres.js';
import type { Erasure } from './erasures.js';
import { idsNamedBy } from './names-in-letters.js';
import { nameNobody } from './name-nobody.js';

const LETTERS_PER_STEP = 200;
const ROWS_PER_STEP = 1_000;

/**
 * Deletes the dead letters that name the person, also those of no project: their bytes are all that there is to go by. A
 * letter is deleted whole, with what it holds of others. Nothing new comes in: the person is marked as erased.
 */
export async function eraseLetters(pool: pg.Pool, { projectId, ids }: Erasure): Promise<number> {
  const named = new Set(ids);
  let erased = 0;
  let after = 0;
  for (;;) {
    const letters = await pool.query<{ dead_letter_id: number | string; bytes: Buffer }>(
      `select dead_letter_id, bytes from dead_letters
       where (project_id = $1 or project_id is null) and dead_letter_id > $2
       order by dead_letter_id limit ${LETTERS_PER_STEP}`,
      [projectId, after],
    );
    const last = letters.rows.at(-1);
    if (last === undefined) return erased;
    after = Number(last.dead_letter_id);
    const found = letters.rows.filter(({ bytes }) => idsNamedBy(bytes).some((id) => named.has(id)));
    if (found.length === 0) continue;
    const gone = await pool.query('delete from dead_letters where dead_letter_id = any ($1::bigint[])', [
      found.map(({ dead_letter_id }) => dead_letter_id),
    ]);
    erased += gone.rowCount ?? 0;
  }
}

/**
 * Goes through all raw events of the project once. Other people's that came from a device of the person, or that say whose
 * they were before, lose that id; rows of the person that were not found by ClickHouse are deleted.
 */
export async function sweepEvents(
  pool: pg.Pool,
  erasure: Erasure,
): Promise<{ deleted: number; redacted: number }> {
  const { projectId, ids, requestedAt } = erasure;
  const found = await pool.query<{ event_id: string; is_own: boolean }>(
    `select event_id, coalesce(user_id, anonymous_id) = any ($2) as is_own from events
     where project_id = $1 and (coalesce(user_id, anonymous_id) = any ($2) or received_at < $3 and (
       anonymous_id = any ($2) or type = 'alias' and message ->> 'previousId' = any ($2)))`,
    [projectId, ids, requestedAt],
  );
  const own = found.rows.filter((row) => row.is_own).map((row) => row.event_id);
  const others = found.rows.filter((row) => !row.is_own).map((row) => row.event_id);
  if (own.length > 0) {
    await inTransaction(pool, async (client) => {
      await client.query('select pg_advisory_xact_lock($1, 0)', [LOCKS.ROLLUPS]);
      await deleteEvents(client, projectId, ids, own);
    });
  }
  for (let start = 0; start < others.length; start += ROWS_PER_STEP) {
    const part = others.slice(start, start + ROWS_PER_STEP);
    await inTransaction(pool, (client) => redact(client, projectId, ids, part));
  }
  return { deleted: own.length, redacted: others.length };
}

/** The set of rows of a batch stays as it is, and its token with it; what a flusher has of them in memory is outdated. */
async function redact(
  client: pg.ClientBase,
  projectId: number,
  ids: readonly string[],
  eventIds: readonly string[],
): Promise<void> {
  await client.query('select pg_advisory_xact_lock($1, 0)', [LOCKS.ROLLUPS]);
  await client.query(
    `with redacted as (
       update events set
         anonymous_id = case when anonymous_id = any ($2) then null else anonymous_id end,
         message = (message::jsonb
           - case when anonymous_id = any ($2) then 'anonymousId' else '' end
           - case when message ->> 'previousId' = any ($2) then 'previousId' else '' end)::json
       where project_id = $1 and event_id = any ($3::uuid[])
       returning batch_id)
     update batches set revision = revision + 1
     where state = 'pending' and batch_id in (select batch_id from redacted)`,
    [projectId, ids, eventIds],
  );
}

/** What people of the team have written down with an id of the person in it: the id goes, the rest stays. */
export async function sweepNotes(pool: pg.Pool, { projectId, ids }: Erasure): Promise<number> {
  let changed = 0;
  const lists = await pool.query(
    `update cohorts set updated_at = now(), user_ids = (
       select coalesce(array_agg(id order by n), '{}') from unnest(user_ids) with ordinality as x (id, n) where id <> all ($2))
     where project_id = $1 and user_ids && $2`,
    [projectId, ids],
  );
  changed += lists.rowCount ?? 0;
  for (const { table, key, column, type } of NOTES) {
    const rows = await pool.query<{ key: string; note: string }>(
      `select ${key}::text as key, ${column}::text as note from ${table}
       where project_id = $1 and ${column} is not null
         and exists (select from unnest($2::text[]) as id where position(id in ${column}::text) > 0
           or position(trim(both '"' from to_json(id)::text) in ${column}::text) > 0)`,
      [projectId, ids],
    );
    for (const { key: keyValue, note } of rows.rows) {
      const without = type === 'text' ? nameNobody.inText(note, ids) : nameNobody.inJson(note, ids);
      if (without === note) continue;
      await pool.query(
        `update ${table} set ${column} = $1::${type} where project_id = $2 and ${key}::text = $3`,
        [without, projectId, keyValue],
      );
      changed += 1;
    }
  }
  return changed;
}

/** Where notes stand. A row that has several columns of a key is found by the key all the same. */
const NOTES = [
  { table: 'annotations', key: 'annotation_id', column: 'text', type: 'text' },
  { table: 'cohorts', key: 'name', column: 'filter', type: 'jsonb' },
  { table: 'saved_queries', key: "(name || '/' || version)", column: 'query', type: 'jsonb' },
  { table: 'saved_queries', key: "(name || '/' || version)", column: 'parameters', type: 'jsonb' },
  { table: 'watches', key: 'watch_id', column: 'metric', type: 'jsonb' },
  { table: 'watch_series', key: 'series_id', column: 'measured', type: 'jsonb' },
  { table: 'anomalies', key: 'anomaly_id', column: 'evidence', type: 'jsonb' },
  { table: 'anomalies', key: 'anomaly_id', column: 'metric', type: 'jsonb' },
  { table: 'notifications', key: 'notification_id', column: 'payload', type: 'jsonb' },
] as const;
