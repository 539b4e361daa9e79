import { inTransaction } from '@sluice/service-kit';
import type { ClickHouse } from '@sluice/warehouse';
import type pg from 'pg';
import { LOCKS } from '../land/locks.js';
import { insertRows, insertSelected } from '../roll-up/insert-batch.js';
import { encodeText } from '../text-form.js';
import { askRows, mutate } from './clickhouse-people.js';
import { noteStep, type Erasure } from './erasures.js';

export interface ErasedPerson {
  projectId: number;
  /** Hashes of all ids. */
  hashes: readonly bigint[];
}

export interface ColumnarTools {
  pool: pg.Pool;
  clickhouse: ClickHouse;
  onStep: (step: string) => Promise<void> | void;
}

/**
 * Takes a person out of one generation of the rollups. Nothing new of the person comes in meanwhile; of others it does.
 *
 * 1. Sums (by quarter of an hour, by minute of receipt) get the person's counts added once more, negative: one insert under
 *    a token of its own, which commutes with whatever is rolled up at the same time.
 * 2. Alone with the rollups' lock: sessions of the person go; those that others took part in are made anew from the events
 *    that are left. Sums that came to nothing go, too.
 * 3. What is kept by person (days, first and last times, scores, identities) goes by its hash.
 * 4. The events go last. Everything before follows from them, so it can be done again after a crash.
 */
export async function eraseFromClickHouse(
  tools: ColumnarTools,
  erasure: Erasure,
  person: ErasedPerson,
  generation: number,
): Promise<void> {
  const { pool, clickhouse, onStep } = tools;
  if (person.hashes.length === 0) return;
  const once = async (step: string, work: () => Promise<Record<string, number>>): Promise<void> => {
    const name = `${generation}/${step}`;
    if (erasure.steps[name] !== undefined) return;
    await noteStep(pool, erasure, name, await work());
    await onStep(step);
  };
  const token = (table: string): string => `erase/${generation}/${erasure.erasureId}/${table}`;

  await once('counts_15m', () => subtractCounts(clickhouse, generation, person, token('counts_15m')));
  await once('receipts_1m', () => subtractReceipts(clickhouse, generation, person, token('receipts_1m')));
  await once('sessions', () =>
    aloneWithRollups(pool, async () => {
      const sessions = await eraseSessions(clickhouse, generation, person, onStep);
      await deleteEmptySums(clickhouse, generation, person.projectId);
      return sessions;
    }),
  );
  for (const table of ['user_days', 'active_days', 'actors'] as const) {
    await once(table, () => deleteByHash(clickhouse, generation, person, table));
  }
  await once('churn_runs', () => countScores(pool, clickhouse, generation, person));
  await once('churn_scores', () => deleteByHash(clickhouse, generation, person, 'churn_scores'));
  await once('identities', () => deleteIdentities(clickhouse, generation, person));
  await once('devices', () => redactDevices(clickhouse, generation, person, erasure.requestedAt));
  await once('events', () => deleteByHash(clickhouse, generation, person, 'events'));
}

/** Does `work` while nothing is rolled up and no other generation goes live. */
export async function aloneWithRollups<T>(pool: pg.Pool, work: () => Promise<T>): Promise<T> {
  return inTransaction(pool, async (client) => {
    await client.query('select pg_advisory_xact_lock($1, 0)', [LOCKS.ROLLUPS]);
    return work();
  });
}

const OWN = 'project_id = {project: UInt32} and actor_hash in {hashes: Array(UInt64)}';

/** A sum of 64 bits that is one less for each: it runs over to where subtracting leads. */
function negative(count: number | string): string {
  return BigInt.asUintN(64, -BigInt(count)).toString();
}

async function subtractCounts(
  clickhouse: ClickHouse,
  generation: number,
  { projectId, hashes }: ErasedPerson,
  token: string,
): Promise<Record<string, number>> {
  const rows = await askRows<{
    event: string;
    type: string;
    is_bot: boolean;
    bucket: number;
    n: number;
  }>(
    clickhouse,
    `select event, type, is_bot, toUnixTimestamp(toStartOfFifteenMinutes(timestamp)) as bucket, count() as n
     from {db: Identifier}.events where ${OWN} group by event, type, is_bot, bucket
     order by event, type, is_bot, bucket`,
    { db: clickhouse.database(generation), project: projectId, hashes },
  );
  const body = rows
    .map(({ event, type, is_bot: isBot, bucket, n }) =>
      [projectId, encodeText(event), encodeText(type), isBot ? 1 : 0, bucket, negative(n)].join('\t'),
    )
    .join('\n');
  await insertSums(
    clickhouse,
    generation,
    'counts_15m (project_id, event, type, is_bot, bucket, events)',
    body,
    token,
  );
  return { events: rows.reduce((sum, row) => sum + row.n, 0), buckets: rows.length };
}

async function subtractReceipts(
  clickhouse: ClickHouse,
  generation: number,
  { projectId, hashes }: ErasedPerson,
  token: string,
): Promise<Record<string, number>> {
  const rows = await askRows<{ minute: number; n: number }>(
    clickhouse,
    `select toUnixTimestamp(toStartOfMinute(received_at)) as minute, count() as n
     from {db: Identifier}.events where ${OWN} group by minute order by minute`,
    { db: clickhouse.database(generation), project: projectId, hashes },
  );
  const body = rows.map(({ minute, n }) => [projectId, minute, negative(n)].join('\t')).join('\n');
  await insertSums(clickhouse, generation, 'receipts_1m (project_id, minute, events)', body, token);
  return { minutes: rows.length };
}

async function insertSums(
  clickhouse: ClickHouse,
  generation: number,
  target: string,
  body: string,
  token: string,
): Promise<void> {
  if (body === '') return;
  await insertRows(clickhouse, `${clickhouse.database(generation)}.${target}`, 'TabSeparated', `${body}\n`, {
    ...clickhouse.insertSettings,
    insert_deduplication_token: token,
  });
}

const NO_SESSION = '00000000-0000-0000-0000-000000000000';

async function eraseSessions(
  clickhouse: ClickHouse,
  generation: number,
  { projectId, hashes }: ErasedPerson,
  onStep: ColumnarTools['onStep'],
): Promise<Record<string, number>> {
  const db = clickhouse.database(generation);
  const params = { db, project: projectId, hashes, none: NO_SESSION };
  const own = `select session_id from {db: Identifier}.events where ${OWN} and session_id != {none: UUID}`;
  const shared = await askRows<{ session_id: string }>(
    clickhouse,
    `select distinct toString(session_id) as session_id from {db: Identifier}.events
     where project_id = {project: UInt32} and session_id in (${own})
       and actor_hash not in {hashes: Array(UInt64)}`,
    params,
  );
  const [counted] = await askRows<{ n: number }>(
    clickhouse,
    `select uniqExact(session_id) as n from (${own})`,
    params,
  );
  const sessions = counted?.n ?? 0;
  if (sessions === 0) return { sessions, shared: 0 };
  await mutate(
    clickhouse,
    generation,
    'sessions',
    `delete where project_id = {project: UInt32} and session_id in (
       select session_id from {db: Identifier}.events where ${OWN} and session_id != {none: UUID})`,
    params,
  );
  await onStep('sessions-deleted');
  if (shared.length > 0) {
    await insertSelected(clickhouse, generation, {
      view: 'sessions_from_events',
      table: 'sessions',
      // Numbers and ids of sessions: nothing in it needs to be quoted.
      events: `project_id = ${projectId} and actor_hash not in (${hashes.join(',')}) and session_id in (${shared
        .map((row) => `'${row.session_id}'`)
        .join(',')})`,
    });
  }
  return { sessions, shared: shared.length };
}

/**
 * Called while nothing is rolled up. Which sums are empty is read first and then told: a change goes through one part after
 * the other, and to the second the first would be gone already, so that a sum asked for there would not be empty any more.
 */
export async function deleteEmptySums(
  clickhouse: ClickHouse,
  generation: number,
  projectId: number,
): Promise<void> {
  for (const [table, key] of [
    ['counts_15m', ['event', 'type', 'is_bot', 'bucket']],
    ['receipts_1m', ['minute']],
  ] as const) {
    const columns = key.join(', ');
    const rows = await askRows<Record<string, string>>(
      clickhouse,
      `select ${key.map((column) => `toString(${column}) as ${column}_text`).join(', ')}
       from {db: Identifier}.${table} where project_id = {project: UInt32}
       group by ${columns} having sum(events) = 0`,
      { db: clickhouse.database(generation), project: projectId },
    );
    for (let first = 0; first < rows.length; first += SUMS_OF_A_CHANGE) {
      const some = rows.slice(first, first + SUMS_OF_A_CHANGE);
      const values = key.map((column) => `{${column}: Array(String)}`).join(', ');
      await mutate(
        clickhouse,
        generation,
        table,
        `delete where project_id = {project: UInt32} and (${key.map((column) => `toString(${column})`).join(', ')}) in (
           select ${key.map((_, index) => `z.${index + 1}`).join(', ')} from (select arrayJoin(arrayZip(${values})) as z))`,
        {
          project: projectId,
          ...Object.fromEntries(key.map((column) => [column, some.map((row) => row[`${column}_text`])])),
        },
      );
    }
  }
}

/** A statement must not grow without bound. */
const SUMS_OF_A_CHANGE = 2_000;

/** Rows of a table that this statement names, among `user_days`, `active_days`, `actors`, `churn_scores` and `events`. */
async function deleteByHash(
  clickhouse: ClickHouse,
  generation: number,
  { projectId, hashes }: ErasedPerson,
  table: 'user_days' | 'active_days' | 'actors' | 'churn_scores' | 'events',
): Promise<Record<string, number>> {
  const params = { db: clickhouse.database(generation), project: projectId, hashes };
  const [found] = await askRows<{ n: number }>(
    clickhouse,
    `select count() as n from {db: Identifier}.${table} where ${OWN}`,
    params,
  );
  const rows = found?.n ?? 0;
  if (rows > 0) await mutate(clickhouse, generation, table, `delete where ${OWN}`, params);
  return { rows };
}

/** Runs say how many people they scored: one less for each of these. */
async function countScores(
  pool: pg.Pool,
  clickhouse: ClickHouse,
  generation: number,
  { projectId, hashes }: ErasedPerson,
): Promise<Record<string, number>> {
  const runs = await askRows<{ run_id: number; n: number }>(
    clickhouse,
    `select run_id, count() as n from {db: Identifier}.churn_scores where ${OWN} group by run_id order by run_id`,
    { db: clickhouse.database(generation), project: projectId, hashes },
  );
  // Said of one generation alone, and to the same effect each time: how many are left is counted, not subtracted.
  for (const { run_id: runId } of runs) {
    const [left] = await askRows<{ n: number }>(
      clickhouse,
      `select count() as n from {db: Identifier}.churn_scores
       where project_id = {project: UInt32} and run_id = {run: UInt64} and actor_hash not in {hashes: Array(UInt64)}`,
      { db: clickhouse.database(generation), project: projectId, hashes, run: runId },
    );
    await pool.query(
      'update churn_runs set people = $3 where run_id = $1 and generation = $2 and people is not null',
      [runId, generation, left?.n ?? 0],
    );
  }
  return { runs: runs.length };
}

async function deleteIdentities(
  clickhouse: ClickHouse,
  generation: number,
  { projectId, hashes }: ErasedPerson,
): Promise<Record<string, number>> {
  const params = { db: clickhouse.database(generation), project: projectId, hashes };
  const named = `project_id = {project: UInt32} and (sipHash64(previous_id) in {hashes: Array(UInt64)}
    or sipHash64(user_id) in {hashes: Array(UInt64)})`;
  const [found] = await askRows<{ n: number }>(
    clickhouse,
    `select count() as n from {db: Identifier}.identities where ${named}`,
    params,
  );
  const rows = found?.n ?? 0;
  if (rows > 0) await mutate(clickhouse, generation, 'identities', `delete where ${named}`, params);
  return { rows };
}

/** Other people's events that came from a device of the person lose its id. */
async function redactDevices(
  clickhouse: ClickHouse,
  generation: number,
  { projectId, hashes }: ErasedPerson,
  requestedAt: Date,
): Promise<Record<string, number>> {
  const params = {
    db: clickhouse.database(generation),
    project: projectId,
    hashes,
    before: requestedAt.getTime(),
  };
  const named = `project_id = {project: UInt32} and anonymous_id != '' and sipHash64(anonymous_id) in {hashes: Array(UInt64)}
    and actor_hash not in {hashes: Array(UInt64)} and received_at < fromUnixTimestamp64Milli({before: Int64}, 'UTC')`;
  const [found] = await askRows<{ n: number }>(
    clickhouse,
    `select count() as n from {db: Identifier}.events where ${named}`,
    params,
  );
  const rows = found?.n ?? 0;
  if (rows > 0)
    await mutate(clickhouse, generation, 'events', `update anonymous_id = '' where ${named}`, params);
  return { rows };
}
