import type { ClickHouse } from '@sluice/warehouse';
import type pg from 'pg';

/**
 * Brings the scores that are told into another generation of the rollups, as they are: what people did is the same, and
 * nobody is without a score until the next run. Called while nothing is published: the generations' lock is held.
 */
export async function takeOverScores(
  client: pg.PoolClient,
  clickhouse: ClickHouse,
  { from, to }: { from: number; to: number },
): Promise<void> {
  const runs = await client.query<{ run_id: number }>(
    `select run_id from churn_runs where state = 'published' and generation = $1 order by run_id`,
    [from],
  );
  for (const { run_id: runId } of runs.rows) {
    await clickhouse.client.command({
      query: `alter table ${clickhouse.database(to)}.churn_scores
              attach partition ${runId} from ${clickhouse.database(from)}.churn_scores`,
    });
  }
  await client.query(`update churn_runs set generation = $2 where state = 'published' and generation = $1`, [
    from,
    to,
  ]);
}
