import { CHURN_HORIZONS, DEFAULT_CHURN_DEFINITION, type ChurnDefinition } from '@sluice/contracts';
import { snapshotOf, trainChurnModel, type ChurnModel } from '@sluice/models/churn';
import type { ApiFixture } from './api-fixture.js';

/** What a test foretells of somebody; other horizons follow from the 30 days. */
export interface TestScore {
  id: string;
  churn: number;
  value?: number;
  lastActive?: string;
}

const KNOWN_THROUGH = '2024-05-10';

/** A model that was trained, on people who come as often as their number says. */
export function trainTestModel(): ChurnModel {
  const people = Array.from({ length: 200 }, (_person, index) => ({
    key: index * 20_000_000,
    days: Array.from({ length: 1 + (index % 12) }, (_day, n) => 19_700 + index + n * (1 + (index % 7))),
  }));
  const outcome = trainChurnModel({ current: snapshotOf(people, 19_950, 0), past: [] });
  if (outcome.kind !== 'trained') throw new Error('The test model could not be trained.');
  return outcome.model;
}

/** Publishes a run with these scores, as a scoring leaves it; resolves with its id. */
export async function publishScores(
  { pool, clickhouse, database }: ApiFixture,
  projectId: number,
  scores: readonly TestScore[],
  of: { definition?: ChurnDefinition; model?: ChurnModel } = {},
): Promise<number> {
  const { definition = DEFAULT_CHURN_DEFINITION, model = trainTestModel() } = of;
  const stored = await pool.query<{ model_id: number }>(
    `insert into churn_models (project_id, definition, timezone, currency, known_through, model)
     values ($1, $2, 'UTC', 'EUR', $3, $4) returning model_id`,
    [projectId, JSON.stringify(definition), KNOWN_THROUGH, JSON.stringify(model)],
  );
  const run = await pool.query<{ run_id: number }>(
    `insert into churn_runs (project_id, model_id, known_through, generation, state, slices, slices_done, people, published_at)
     values ($1, $2, $3, 1, 'published', 1, 1, $4, now()) returning run_id`,
    [projectId, stored.rows[0]!.model_id, KNOWN_THROUGH, scores.length],
  );
  const runId = run.rows[0]!.run_id;
  await clickhouse.client.command({
    query: `create table if not exists ${database}.told engine = Memory as
            select '' as id, * except actor_hash from ${database}.churn_scores where false`,
  });
  await clickhouse.client.command({ query: `truncate table ${database}.told` });
  await clickhouse.client.insert({
    table: `${database}.told`,
    format: 'JSONEachRow',
    values: scores.map((score) => ({ project_id: projectId, run_id: runId, ...rowOf(score) })),
  });
  await clickhouse.client.command({
    query: `insert into ${database}.churn_scores (* except actor_hash, actor_hash)
            select * except id, sipHash64(id) from ${database}.told`,
  });
  await pool.query(
    `insert into churn_current (project_id, run_id) values ($1, $2)
     on conflict (project_id) do update set run_id = excluded.run_id`,
    [projectId, runId],
  );
  return runId;
}

/** Longer horizons are less likely to pass without activity. */
const POWERS = { 7: 0.5, 30: 1, 90: 2 } as const;

function rowOf({ id, churn, value = 0, lastActive = '2024-05-01' }: TestScore): Record<string, unknown> {
  const row: Record<string, unknown> = { id, last_active: lastActive, age_days: 40 };
  for (const days of CHURN_HORIZONS) {
    row[`churn_${days}`] = churn ** POWERS[days];
    row[`active_${days}`] = (1 - churn) * days;
    row[`value_${days}`] = (value * days) / 30;
    row[`reasons_${days}`] = [
      { feature: 'recency', contribution: churn * 4 - 2 },
      { feature: 'frequency', contribution: 0.25 },
    ];
  }
  return row;
}
