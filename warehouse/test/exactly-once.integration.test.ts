import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  createTestDatabase,
  openTestClickHouse,
  type TestClickHouse,
  type TestDatabase,
} from '../src/testing/index.js';

describe('inserts into a generation of rollups', () => {
  let postgres: TestDatabase;
  let clickhouse: TestClickHouse;
  let db: string;

  beforeAll(async () => {
    postgres = await createTestDatabase(inject('postgresUrl'));
    clickhouse = await openTestClickHouse(postgres.pool);
    db = clickhouse.database(1);
  });

  afterAll(async () => {
    await clickhouse.drop();
    await postgres.drop();
  });

  async function insert(token: string, rows: readonly object[]): Promise<void> {
    await clickhouse.client.insert({
      table: `${db}.events`,
      values: rows,
      format: 'JSONEachRow',
      clickhouse_settings: { ...clickhouse.insertSettings, insert_deduplication_token: token },
    });
  }

  const ROLLUPS = ['counts_15m', 'user_days', 'active_days', 'actors', 'sessions', 'receipts_1m'] as const;

  async function select<T>(query: string): Promise<T[]> {
    const result = await clickhouse.client.query({ query, format: 'JSONEachRow' });
    return result.json<T>();
  }

  /** Every row of every rollup, as it stands once parts are merged. */
  async function contents(projectId: number): Promise<Record<string, unknown[]>> {
    const found: Record<string, unknown[]> = {};
    for (const table of ROLLUPS) {
      found[table] = await select(
        `select * from ${db}.${table} final where project_id = ${projectId} order by all`,
      );
    }
    return found;
  }

  /** How many events each table has counted. */
  async function numbers(projectId: number): Promise<Record<string, number>> {
    const sums = ROLLUPS.map(
      (table) => `(select sum(events) from ${db}.${table} where project_id = ${projectId}) as ${table}`,
    );
    const [row] = await select<Record<string, string>>(
      `select (select count() from ${db}.events where project_id = ${projectId}) as events, ${sums.join(', ')}`,
    );
    return Object.fromEntries(Object.entries(row ?? {}).map(([name, value]) => [name, Number(value)]));
  }

  const everywhere = (count: number): Record<string, number> =>
    Object.fromEntries(['events', ...ROLLUPS].map((table) => [table, count]));

  it('change nothing in any table when their token was seen before', async () => {
    const rows = eventsOf(1, 100);
    await insert('batch-1', rows);
    const once = await contents(1);
    await insert('batch-1', rows);
    await insert('batch-1', rows);
    expect(await contents(1)).toEqual(once);
    expect(await numbers(1)).toEqual(everywhere(100));
    expect(once['actors']).toHaveLength(10);
    expect(once['sessions']).toHaveLength(1);
  });

  it('take a batch that spans many months in one go, and again without doubling it', async () => {
    const rows = eventsOf(2, 240).map((row, i) => ({
      ...row,
      timestamp: new Date(Date.UTC(2000 + Math.floor(i / 12), i % 12, 3)).toISOString(),
    }));
    await insert('batch-2', rows);
    const once = await contents(2);
    await insert('batch-2', rows);
    expect(await contents(2)).toEqual(once);
    expect(await numbers(2)).toEqual(everywhere(240));
  });

  it('count equal rows under different tokens as often as they came', async () => {
    const rows = eventsOf(3, 10);
    await insert('batch-3a', rows);
    await insert('batch-3b', rows);
    await insert('batch-3a', rows);
    expect(await numbers(3)).toEqual(everywhere(20));
  });

  it('count batches of other events that leave the same rows in a rollup', async () => {
    // The second view of the chain sees the same block twice: only the token of the batch tells them apart.
    const rows = eventsOf(4, 30).map((row) => ({ ...row, event: 'same' }));
    const others = rows.map((row) => ({ ...row, event_id: randomUUID(), page_path: '/other' }));
    await insert('batch-4a', rows);
    await insert('batch-4b', others);
    await insert('batch-4b', others);
    expect(await numbers(4)).toEqual(everywhere(60));
  });

  it.each(['events', 'user_days', 'active_days', 'sessions'])(
    'come out right when a first try failed behind the insert into %s, with more people than a block of the engine holds',
    async (table) => {
      const projectId = 100 + ['events', 'user_days', 'active_days', 'sessions'].indexOf(table);
      const rows = eventsOf(projectId, 70_000).map((row, i) => ({
        ...row,
        actor_id: `user-${i}`,
        session_id: `01900000-0000-7000-8000-${i.toString(16).padStart(12, '0')}`,
        properties: {},
      }));
      const view = `${db}.failing_behind_${table}`;
      await clickhouse.client.command({
        query: `create materialized view ${view} engine = Null as
                select throwIf(project_id = ${projectId}, 'out of order') as x from ${db}.${table}`,
      });
      await expect(insert(`repaired-${table}`, rows)).rejects.toThrow(/out of order/);
      await expect(insert(`repaired-${table}`, rows)).rejects.toThrow(/out of order/);
      await clickhouse.client.command({ query: `drop table ${view} sync` });
      await insert(`repaired-${table}`, rows);
      await insert(`repaired-${table}`, rows);
      expect(await numbers(projectId)).toEqual(everywhere(70_000));
      expect(
        await select(
          `select uniqExact(actor_hash) as people from ${db}.active_days where project_id = ${projectId}`,
        ),
      ).toEqual([{ people: 70_000 }]);
    },
  );
});

function eventsOf(projectId: number, count: number): Record<string, unknown>[] {
  const sessionId = randomUUID();
  return Array.from({ length: count }, (_, i) => ({
    project_id: projectId,
    event_id: randomUUID(),
    batch_id: projectId,
    received_at: '2026-03-01T10:00:00.000Z',
    timestamp: new Date(Date.UTC(2026, 2, 1, 0, i * 7)).toISOString(),
    type: 'track',
    event: `event ${i % 3}`,
    message_id: `m-${i}`,
    actor_id: `user-${i % 10}`,
    session_id: sessionId,
    properties: { i, 'a.b': 1, a: { b: 2 } },
  }));
}
