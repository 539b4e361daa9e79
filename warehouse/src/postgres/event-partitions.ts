import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';

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
 * move over in the same transaction, so that at no moment a row is missing or there twice. Safe to repeat, and side by
 * side with itself and with inserts: it waits for the lock for a moment only, lets those who queue behind it pass, and
 * tries again.
 * @throws Error of Postgres, `lock_not_available`, when others hold the lock for half a minute.
 */
export async function ensureEventPartitions(pool: pg.Pool, days: Iterable<Day>): Promise<void> {
  const wanted = [...new Set(days)].sort();
  if (wanted.length === 0) return;
  const existing = new Set(await partitionNames(pool));
  for (const day of wanted) {
    if (!existing.has(partitionName(day)))
      await withLockPatience(pool, async (client) => {
        // The function runs as the owner of the tables: who lands events need not be that.
        await client.query('select make_event_partition($1::date)', [day]);
      });
  }
}

/**
 * Drops the daily partitions that end before `oldestKept`; returns their days. What is in `events_other` (ids without a
 * believable time) goes by the time of receipt.
 */
export async function dropExpiredPartitions(pool: pg.Pool, oldestKept: Day): Promise<Day[]> {
  const dropped: Day[] = [];
  for (const name of await partitionNames(pool)) {
    const day = `${name.slice(7, 11)}-${name.slice(11, 13)}-${name.slice(13, 15)}`;
    if (day >= oldestKept) break;
    await withLockPatience(pool, async (client) => {
      await client.query('select drop_event_partition($1::date)', [day]);
    });
    dropped.push(day);
  }
  await pool.query('delete from events_other where received_at < $1::date', [oldestKept]);
  return dropped;
}

/**
 * Brings the block range indexes of `events` up to date with what was added since the last time. Until then a query by
 * batch or time of receipt reads all of that. Safe to repeat, and side by side with everything.
 */
export async function summarizeEventIndexes(pool: pg.Pool): Promise<void> {
  await pool.query(
    `select summarize_event_index(c.oid, null)
     from pg_inherits p
     join pg_index i on i.indrelid = p.inhrelid
     join pg_class c on c.oid = i.indexrelid
     join pg_am a on a.oid = c.relam
     where p.inhparent = 'events'::regclass and a.amname = 'brin'`,
  );
}

/** The daily partitions, oldest first. */
async function partitionNames(pool: pg.Pool): Promise<string[]> {
  const found = await pool.query<{ name: string }>(
    `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'events'::regclass and c.relname ~ '^events_\\d{8}$' order by 1`,
  );
  return found.rows.map(({ name }) => name);
}

const LOCK_TIMEOUT_MS = 1_000;
const PATIENCE_MS = 30_000;
/** lock_not_available, deadlock_detected. */
const WORTH_ANOTHER_TRY = new Set(['55P03', '40P01']);

/** Runs a transaction that needs a lock against everyone, without making everyone queue behind it for long. */
async function withLockPatience(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<void>,
): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (let attempt = 1; ; attempt++) {
    try {
      await inTransaction(pool, async (client) => {
        await client.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
        await work(client);
      });
      return;
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === undefined || !WORTH_ANOTHER_TRY.has(code) || Date.now() > deadline) throw error;
    }
    await wait(Math.random() * 200 * Math.min(attempt, 5));
  }
}

async function inTransaction(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<void>): Promise<void> {
  const client = await pool.connect();
  let broken = false;
  try {
    await client.query('begin');
    await work(client);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => (broken = true));
    throw error;
  } finally {
    client.release(broken);
  }
}

/** Built from a checked day: the only part of these statements that cannot be a bound value. */
function partitionName(day: Day): string {
  firstEventIdOf(day);
  return `events_${day.replaceAll('-', '')}`;
}
