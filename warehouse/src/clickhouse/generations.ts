import type pg from 'pg';
import type { ClickHouse } from './connection.js';

/** The generation that answers are read from and batches are rolled up into; undefined before the first migration. */
export async function liveGeneration(pool: pg.Pool | pg.PoolClient): Promise<number | undefined> {
  const result = await pool.query<{ generation: number }>(
    `select generation from rollup_generations where state = 'live' order by generation desc limit 1`,
  );
  return result.rows[0]?.generation;
}

/** Drops a generation's database with everything in it. */
export async function dropGeneration(clickhouse: ClickHouse, generation: number): Promise<void> {
  await clickhouse.client.command({
    query: `drop database if exists ${clickhouse.database(generation)} ${clickhouse.layout.onCluster} sync`,
  });
}
