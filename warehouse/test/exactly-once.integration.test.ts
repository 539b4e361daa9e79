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

  async function numbers(projectId: number): Promise<Record<string, number>> {
    const result = await clickhouse.client.query({
      query: `select
          (select count() from ${db}.events where project_id = {p: UInt32}) as events,
          (select sum(events) from ${db}.counts_15m where project_id = {p: UInt32}) as counts,
          (select uniqCombined64Merge(actors) from ${db}.counts_15m where project_id = {p: UInt32}) as actors,
          (select sum(events) from ${db}.user_days where project_id = {p: UInt32}) as user_days,
          (select sum(events) from ${db}.sessions where project_id = {p: UInt32}) as sessions,
          (select sum(events) from ${db}.receipts_1m where project_id = {p: UInt32}) as receipts`,
      query_params: { p: projectId },
      format: 'JSONEachRow',
    });
    const [row] = await result.json<Record<string, string>>();
    return Object.fromEntries(Object.entries(row ?? {}).map(([name, value]) => [name, Number(value)]));
  }

  it('change nothing in any table when their token was seen before', async () => {
    const rows = eventsOf(1, 100);
    await insert('batch-1', rows);
    await insert('batch-1', rows);
    expect(await numbers(1)).toEqual({
      events: 100,
      counts: 100,
      actors: 10,
      user_days: 100,
      sessions: 100,
      receipts: 100,
    });
  });

  it('take a batch that spans many months in one go, and again without doubling it', async () => {
    const rows = eventsOf(2, 240).map((row, i) => ({
      ...row,
      timestamp: new Date(Date.UTC(2000 + Math.floor(i / 12), i % 12, 3)).toISOString(),
    }));
    await insert('batch-2', rows);
    await insert('batch-2', rows);
    expect(await numbers(2)).toMatchObject({ events: 240, counts: 240, user_days: 240 });
  });

  it('count equal rows under different tokens as often as they came', async () => {
    const rows = eventsOf(3, 10);
    await insert('batch-3a', rows);
    await insert('batch-3b', rows);
    expect(await numbers(3)).toMatchObject({ events: 20, counts: 20 });
  });
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
