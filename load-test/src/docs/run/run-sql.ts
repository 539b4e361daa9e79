import {
  migrateClickHouse,
  migratePostgres,
  openClickHouse,
  openPostgres,
  type ClickHouse,
  type Postgres,
} from '@sluice/warehouse';
import { join } from 'node:path';

/** Runs SQL of pages. */
export interface SqlRunner {
  /** What is wrong, or undefined. */
  run(store: 'postgres' | 'clickhouse', code: string): Promise<string | undefined>;
  close(): Promise<void>;
}

/**
 * Postgres is the instance's own. The embedded ClickHouse belongs to the instance's process alone, so what is for ClickHouse
 * runs on an engine of ours, with the same, empty tables.
 */
export async function openSqlRunner(dataDir: string, workDir: string): Promise<SqlRunner> {
  const postgres = await openPostgres(`embedded:${join(dataDir, 'postgres')}`, { max: 2 });
  let clickhouse: ClickHouse | undefined;
  let own: Postgres | undefined;

  async function runClickHouse(code: string): Promise<void> {
    if (clickhouse === undefined) {
      clickhouse = await openClickHouse(`embedded:${join(workDir, 'clickhouse')}`);
      // Which generation is live stands in Postgres: this engine has its own.
      own = await openPostgres(`embedded:${join(workDir, 'postgres')}`, { max: 2 });
      await migratePostgres(own.pool);
      await migrateClickHouse(clickhouse, own.pool);
    }
    for (const query of statements(code)) {
      const result = await clickhouse.client.query({ query, format: 'JSONEachRow' });
      await result.text();
    }
  }

  return {
    async run(store, code) {
      try {
        if (store === 'postgres') await postgres.pool.query(code);
        else await runClickHouse(code);
        return undefined;
      } catch (error) {
        return `is refused by ${store}: ${(error as Error).message.split('\n')[0]}`;
      }
    },
    async close() {
      await clickhouse?.close();
      await own?.close();
      await postgres.close();
    },
  };
}

function statements(code: string): string[] {
  return code
    .split(/;\s*(?:\n|$)/)
    .map((text) => text.trim())
    .filter((text) => text !== '');
}
