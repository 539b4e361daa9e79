import type { MessagesMeta } from '@sluice/contracts';
import { createLogger } from '@sluice/service-kit';
import { erasePerson, requestErasure, type ErasureReceipt } from '../src/index.js';
import { ask, recordOf, type Message, type Reading, type Stores } from './kit.js';

/** Sends messages, a device after the other, as of a time of receipt of theirs. */
export async function send(
  stores: Pick<Stores, 'log' | 'projectId'>,
  messages: readonly Message[],
  meta: Partial<MessagesMeta> = {},
): Promise<void> {
  for (const message of messages) {
    await stores.log.append([recordOf(stores, [message], { meta })]);
  }
}

/** Erases whoever has these ids, as the job does. */
export async function erase(
  stores: Pick<Stores, 'postgres' | 'clickhouse'>,
  projectId: number,
  ...ids: string[]
): Promise<ErasureReceipt> {
  const { pool } = stores.postgres;
  const erasureId = await requestErasure(pool, { projectId, ids, requestedBy: 'a test' });
  return erasePerson(erasureId, {
    pool,
    clickhouse: stores.clickhouse,
    logger: createLogger('erase', 'silent'),
  });
}

const TABLES = {
  events: `select toString(event_id) as id, toString(received_at) as received, toString(timestamp) as at, type, event,
    message_id, anonymous_id, user_id, actor_id, toString(session_id) as session, toString(properties) as properties
    from {db}.events`,
  counts_15m: `select event, type, is_bot, bucket, sum(events) as n from {db}.counts_15m`,
  user_days: `select event, type, is_bot, day, toString(actor_hash) as actor, groupBitOr(slots_am) as am, groupBitOr(slots_pm) as pm,
    sum(events) as n from {db}.user_days`,
  active_days: `select is_bot, day, toString(actor_hash) as actor, groupBitOr(slots_am) as am, groupBitOr(slots_pm) as pm,
    sum(events) as n from {db}.active_days`,
  actors: `select toString(actor_hash) as actor, any(actor_id) as id, min(first_at) as first, max(last_at) as last, sum(events) as n
    from {db}.actors`,
  receipts_1m: `select minute, sum(events) as n from {db}.receipts_1m`,
  sessions: `select * except (project_id) from {db}.sessions final`,
  identities: `select previous_id, user_id from {db}.identities final`,
} as const;

const GROUPS: Record<keyof typeof TABLES, string> = {
  events: '',
  counts_15m: 'group by event, type, is_bot, bucket',
  user_days: 'group by event, type, is_bot, day, actor_hash',
  active_days: 'group by is_bot, day, actor_hash',
  actors: 'group by actor_hash',
  receipts_1m: 'group by minute',
  sessions: '',
  identities: '',
};

/** All that ClickHouse holds of a project, merged and in order: equal for two projects with the same history. */
export async function readRollups(stores: Reading, projectId: number): Promise<Record<string, string[]>> {
  const tables: Record<string, string[]> = {};
  for (const [table, select] of Object.entries(TABLES)) {
    const rows = await ask<object>(
      stores,
      `${select} where project_id = ${projectId} ${GROUPS[table as keyof typeof TABLES]}`,
    );
    tables[table] = rows.map((row) => JSON.stringify(row)).sort();
  }
  return tables;
}

/** All that Postgres holds of a project's people and what became of their messages. */
export async function readPeople(
  { postgres }: Pick<Stores, 'postgres'>,
  projectId: number,
): Promise<Record<string, unknown[]>> {
  const read = async (sql: string): Promise<unknown[]> =>
    (await postgres.pool.query<object>(sql, [projectId])).rows;
  return {
    events: await read(
      `select event_id, received_at, "timestamp", type, event, message_id, anonymous_id, user_id, session_id, message
       from events where project_id = $1 order by event_id`,
    ),
    users: await read(
      `select user_id, first_seen, last_seen, events, counts, revenue, traits, traits_at from users
       where project_id = $1 order by user_id`,
    ),
    identities: await read(
      'select previous_id, user_id from identities where project_id = $1 order by previous_id',
    ),
    devices: await read(
      'select device_id, sessions, last_seen from devices where project_id = $1 order by device_id',
    ),
    letters: await read('select code, bytes from dead_letters where project_id = $1 order by bytes, code'),
    landed: await read(
      `select minute, sum(landed)::int as landed from ledger where project_id = $1
       group by minute having sum(landed) <> 0 order by minute`,
    ),
  };
}

export interface Account {
  logged: number;
  landed: number;
  duplicates: number;
  deadLettered: number;
  erased: number;
  rows: number;
}

/** What the ledger says of a project, beside the rows that there are. */
export async function readAccount(
  { postgres }: Pick<Stores, 'postgres'>,
  projectId: number,
): Promise<Account> {
  const found = await postgres.pool.query<Account>(
    `select coalesce(sum(logged), 0)::int as logged, coalesce(sum(landed), 0)::int as landed,
       coalesce(sum(duplicates), 0)::int as duplicates, coalesce(sum(dead_lettered), 0)::int as "deadLettered",
       coalesce(sum(erased), 0)::int as erased,
       (select count(*)::int from events where project_id = $1) as rows
     from ledger where project_id = $1`,
    [projectId],
  );
  return found.rows[0]!;
}
