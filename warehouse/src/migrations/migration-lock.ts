import type pg from 'pg';

/** Taken by everyone who changes a schema, in either store. */
const MIGRATION_LOCK = 7_215_001;

/**
 * Held (shared) by everyone who rolls a batch up, and alone by who changes what batches are rolled up into. With 0 as its second
 * number, as advisory locks of two numbers need.
 */
export const ROLLUPS_LOCK = 0x51_c0_02;

/** Runs `work` while no other migrator runs; waits for one that does. The lock ends with the connection, whatever happens. */
export async function withMigrationLock<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    return await work(client);
  } finally {
    client.release(true);
  }
}
