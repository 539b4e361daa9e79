import type { ClickHouse } from '@sluice/warehouse';
import { setTimeout as delay } from 'node:timers/promises';

/** Numbers of 64 bits in place of ids, as the rollups hold them. */
export async function hashesOf(clickhouse: ClickHouse, ids: readonly string[]): Promise<bigint[]> {
  if (ids.length === 0) return [];
  const rows = await askRows<{ hash: string }>(
    clickhouse,
    'select toString(sipHash64(arrayJoin({ids: Array(String)}))) as hash',
    { ids },
  );
  return rows.map(({ hash }) => BigInt(hash));
}

/** Ids of the events of these people, in order. */
export async function listEventIds(
  clickhouse: ClickHouse,
  generation: number,
  of: { projectId: number; hashes: readonly bigint[] },
): Promise<string[]> {
  if (of.hashes.length === 0) return [];
  const rows = await askRows<{ event_id: string }>(
    clickhouse,
    `select toString(event_id) as event_id from {db: Identifier}.events
     where project_id = {project: UInt32} and actor_hash in {hashes: Array(UInt64)}
     order by toString(event_id)`,
    { db: clickhouse.database(generation), project: of.projectId, hashes: of.hashes },
  );
  return rows.map(({ event_id }) => event_id);
}

export async function askRows<Row>(
  clickhouse: ClickHouse,
  query: string,
  params: Record<string, unknown>,
): Promise<Row[]> {
  const result = await clickhouse.client.query({
    query,
    query_params: params,
    format: 'JSONEachRow',
    // A server's log of queries must not keep who was erased.
    clickhouse_settings: { max_execution_time: 0, log_queries: 0 },
  });
  return result.json<Row>();
}

const POLL_MS = 25;

/**
 * Changes a table's rows and resolves when every part of it is rewritten: what a mutation deletes is then in no part that
 * anything reads, and the files of the old parts go within minutes. It may take longer than a request is waited for, so it
 * is looked after, not waited for.
 *
 * @throws Error when ClickHouse says that it cannot be done.
 */
export async function mutate(
  clickhouse: ClickHouse,
  generation: number,
  table: string,
  change: string,
  params: Record<string, unknown>,
): Promise<void> {
  const database = clickhouse.database(generation);
  await clickhouse.client.command({
    query: `alter table {db: Identifier}.{table: Identifier} ${clickhouse.layout.onCluster} ${change}`,
    query_params: { db: database, table, ...params },
    clickhouse_settings: { mutations_sync: '0', allow_nondeterministic_mutations: 1 },
  });
  for (;;) {
    const [row] = await askRows<{ open: number; reason: string }>(
      clickhouse,
      `select count() as open, max(latest_fail_reason) as reason from system.mutations
       where database = {db: String} and table = {table: String} and not is_done and not is_killed`,
      { db: database, table },
    );
    if (row === undefined || row.open === 0) return;
    if (row.reason !== '') throw new Error(`ClickHouse cannot change ${table}: ${row.reason}`);
    await delay(POLL_MS);
  }
}
