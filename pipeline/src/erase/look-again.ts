import type { ClickHouse } from '@sluice/warehouse';
import type pg from 'pg';
import { askRows, hashesOf } from './clickhouse-people.js';
import { idsNamedBy } from './names-in-letters.js';

/** Rows that still name the person, by store and table. */
export type Found = Record<string, number>;

export interface Sought {
  projectId: number;
  ids: readonly string[];
  /** Other people may have used a device of the person since. */
  requestedAt: Date;
}

/** Looks for a person in every table that could name one: what an erasure leaves is 0 everywhere. */
export async function lookForPerson(
  pool: pg.Pool,
  clickhouse: ClickHouse,
  sought: Sought,
): Promise<{ postgres: Found; clickhouse: Found }> {
  return {
    postgres: await lookInPostgres(pool, sought),
    clickhouse: await lookInClickHouse(pool, clickhouse, sought),
  };
}

/** The same in Postgres alone. */
export async function lookInPostgres(pool: pg.Pool, { projectId, ids, requestedAt }: Sought): Promise<Found> {
  const found = await pool.query<Found>(
    `select
       (select count(*) from events where project_id = $1 and (coalesce(user_id, anonymous_id) = any ($2)
          or received_at < $3 and (anonymous_id = any ($2) or type = 'alias' and message ->> 'previousId' = any ($2))))::int as events,
       (select count(*) from users where project_id = $1 and user_id = any ($2))::int as users,
       (select count(*) from identities where project_id = $1 and (previous_id = any ($2) or user_id = any ($2)))::int as identities,
       (select count(*) from devices where project_id = $1 and device_id = any ($2))::int as devices,
       (select count(*) from streams where project_id = $1 and device_id = any ($2))::int as streams,
       (select count(*) from cohorts where project_id = $1 and user_ids && $2)::int as cohorts,
       (select count(*) from batches, jsonb_array_elements(identities) as i
          where (i ->> 'projectId')::int = $1 and (i ->> 'previousId' = any ($2) or i ->> 'userId' = any ($2)))::int as batches`,
    [projectId, ids, requestedAt],
  );
  return { ...found.rows[0]!, dead_letters: await countLetters(pool, projectId, new Set(ids)) };
}

const LETTERS_PER_STEP = 200;

async function countLetters(pool: pg.Pool, projectId: number, ids: ReadonlySet<string>): Promise<number> {
  let letters = 0;
  let after = 0;
  for (;;) {
    const found = await pool.query<{ dead_letter_id: number | string; bytes: Buffer }>(
      `select dead_letter_id, bytes from dead_letters
       where (project_id = $1 or project_id is null) and dead_letter_id > $2
       order by dead_letter_id limit ${LETTERS_PER_STEP}`,
      [projectId, after],
    );
    const last = found.rows.at(-1);
    if (last === undefined) return letters;
    after = Number(last.dead_letter_id);
    letters += found.rows.filter(({ bytes }) => idsNamedBy(bytes).some((id) => ids.has(id))).length;
  }
}

/** Generations that are read, or were a moment ago; what a rebuild is filling is dropped before an erasure begins. */
export async function listGenerations(pool: pg.Pool | pg.ClientBase): Promise<number[]> {
  const found = await pool.query<{ generation: number }>(
    `select generation from rollup_generations where state in ('live', 'retired') order by generation desc`,
  );
  return found.rows.map(({ generation }) => generation);
}

async function lookInClickHouse(
  pool: pg.Pool,
  clickhouse: ClickHouse,
  { projectId, ids, requestedAt }: Sought,
): Promise<Found> {
  const hashes = await hashesOf(clickhouse, ids);
  const found: Found = {};
  if (hashes.length === 0) return found;
  for (const generation of await listGenerations(pool)) {
    for (const [table, condition] of Object.entries(NAMED)) {
      const [row] = await askRows<{ n: number }>(
        clickhouse,
        `select count() as n from {db: Identifier}.${table} where project_id = {project: UInt32} and (${condition})`,
        { db: clickhouse.database(generation), project: projectId, hashes, before: requestedAt.getTime() },
      );
      found[`g${generation}.${table}`] = row?.n ?? 0;
    }
  }
  return found;
}

const BY_HASH = 'actor_hash in {hashes: Array(UInt64)}';

/** How a row of each table names somebody. */
const NAMED: Readonly<Record<string, string>> = {
  events: `${BY_HASH} or anonymous_id != '' and sipHash64(anonymous_id) in {hashes: Array(UInt64)}
    and received_at < fromUnixTimestamp64Milli({before: Int64}, 'UTC')`,
  user_days: BY_HASH,
  active_days: BY_HASH,
  actors: BY_HASH,
  sessions: 'tupleElement(actor, 2) in {hashes: Array(UInt64)}',
  churn_scores: BY_HASH,
  identities: `sipHash64(previous_id) in {hashes: Array(UInt64)} or sipHash64(user_id) in {hashes: Array(UInt64)}`,
};
