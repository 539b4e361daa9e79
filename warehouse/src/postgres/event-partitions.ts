import type pg from 'pg';

const MS_PER_DAY = 86_400_000;

/** `YYYY-MM-DD`, in UTC. */
export type Day = string;

export function dayOf(epochMs: number): Day {
  return new Date(epochMs).toISOString().slice(0, 10);
}

/** The smallest event id of a day: its first millisecond in the first 48 bits, zeros behind. */
export function firstEventIdOf(day: Day): string {
  const epochMs = Date.parse(`${day}T00:00:00Z`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day) || !(epochMs >= 0))
    throw new RangeError(`${day} is not a day since 1970`);
  const hex = epochMs.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/**
 * Makes the daily partitions of `events` that are missing. Rows of those days that were kept in `events_other` until now
 * move over in the same transaction, so that at no moment a row is missing or there twice. Safe to repeat and side by
 * side; whoever waits for the lock gives up after a few seconds with an error that may be retried.
 */
export async function ensureEventPartitions(pool: pg.Pool, days: Iterable<Day>): Promise<void> {
  const wanted = [...new Set(days)].sort();
  if (wanted.length === 0) return;
  const found = await pool.query<{ name: string }>(
    `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'events'::regclass`,
  );
  const existing = new Set(found.rows.map(({ name }) => name));
  for (const day of wanted) {
    if (!existing.has(partitionName(day))) await createPartition(pool, day);
  }
}

async function createPartition(pool: pg.Pool, day: Day): Promise<void> {
  const name = partitionName(day);
  const from = firstEventIdOf(day);
  const to = firstEventIdOf(dayOf(Date.parse(`${day}T00:00:00Z`) + MS_PER_DAY));
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query(`set local lock_timeout = '10s'`);
    // One maker at a time: two that both move rows out of events_other would wait for each other.
    await client.query(`select pg_advisory_xact_lock(hashtext('sluice event partitions'))`);
    const made = await client.query(`select 1 from pg_class where relname = $1 and relkind = 'r'`, [name]);
    if (made.rowCount === 0) {
      await client.query(`lock table events_other in share row exclusive mode`);
      await client.query(`create table ${name} (like events including defaults including constraints)`);
      await client.query(
        `with moved as (delete from events_other where event_id >= '${from}' and event_id < '${to}' returning *)
         insert into ${name} select * from moved`,
      );
      await client.query(
        `alter table events attach partition ${name} for values from ('${from}') to ('${to}')`,
      );
    }
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

/**
 * Drops the daily partitions that end before `oldestKept`; returns their days. What is in `events_other` (ids without a
 * believable time) goes by the time of receipt.
 */
export async function dropExpiredPartitions(pool: pg.Pool, oldestKept: Day): Promise<Day[]> {
  const found = await pool.query<{ name: string }>(
    `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'events'::regclass and c.relname ~ '^events_\\d{8}$' order by 1`,
  );
  const dropped: Day[] = [];
  for (const { name } of found.rows) {
    const day = `${name.slice(7, 11)}-${name.slice(11, 13)}-${name.slice(13, 15)}`;
    if (day >= oldestKept) break;
    await pool.query(`drop table if exists ${name}`);
    dropped.push(day);
  }
  await pool.query('delete from events_other where received_at < $1::date', [oldestKept]);
  return dropped;
}

/** Built from a checked day: the only part of these statements that cannot be a bound value. */
function partitionName(day: Day): string {
  firstEventIdOf(day);
  return `events_${day.replaceAll('-', '')}`;
}
