import { churnDefinitionSchema, DEFAULT_CHURN_DEFINITION, type ChurnDefinition } from '@sluice/contracts';
import { CHURN_MODEL_VERSION, type ChurnModel } from '@sluice/models/churn';
import type pg from 'pg';
import { LOCKS } from '../land/locks.js';

/** What scores are made by: a model and the rules of the histories that it was made of. */
export interface ScoringRules {
  definition: ChurnDefinition;
  timezone: string;
  currency: string | null;
}

export interface KnownModel extends ScoringRules {
  modelId: number;
  /** Last local day that it was learned from, days since 1970. */
  knownThrough: number;
  model: ChurnModel;
}

export interface OpenRun {
  runId: number;
  modelId: number;
  knownThrough: number;
  generation: number;
  slices: number;
  slicesDone: number;
  /** Merges later than this are left to the next run; microseconds, as the versions of `identities`. */
  startedAtMicros: string;
}

type Queryable = pg.Pool | pg.PoolClient;

const DAY_MS = 86_400_000;
/** A day as Postgres writes it. */
export const dateOf = (day: number): string => new Date(day * DAY_MS).toISOString().slice(0, 10);

export async function readDefinition(pool: Queryable, projectId: number): Promise<ChurnDefinition> {
  const found = await pool.query<{ definition: unknown }>(
    'select definition from churn_definitions where project_id = $1',
    [projectId],
  );
  const stored = found.rows[0]?.definition;
  return stored === undefined ? DEFAULT_CHURN_DEFINITION : churnDefinitionSchema.parse(stored);
}

/** The newest model that was made by these rules, if this code can read it. */
export async function findModel(
  pool: Queryable,
  projectId: number,
  { definition, timezone, currency }: ScoringRules,
): Promise<KnownModel | undefined> {
  const found = await pool.query<{ model_id: number; known_through: number; model: ChurnModel }>(
    `select model_id, known_through - date '1970-01-01' as known_through, model from churn_models
     where project_id = $1 and definition = $2 and timezone = $3 and currency is not distinct from $4
       and (model ->> 'version')::int = $5
     order by model_id desc limit 1`,
    [projectId, JSON.stringify(definition), timezone, currency, CHURN_MODEL_VERSION],
  );
  const row = found.rows[0];
  if (row === undefined) return undefined;
  return {
    definition,
    timezone,
    currency,
    modelId: row.model_id,
    knownThrough: row.known_through,
    model: row.model,
  };
}

export async function saveModel(
  pool: Queryable,
  projectId: number,
  rules: ScoringRules,
  trained: { knownThrough: number; model: ChurnModel },
): Promise<KnownModel> {
  const { definition, timezone, currency } = rules;
  const stored = await pool.query<{ model_id: number }>(
    `insert into churn_models (project_id, definition, timezone, currency, known_through, model)
     values ($1, $2, $3, $4, $5, $6) returning model_id`,
    [
      projectId,
      JSON.stringify(definition),
      timezone,
      currency,
      dateOf(trained.knownThrough),
      JSON.stringify(trained.model),
    ],
  );
  return { ...rules, ...trained, modelId: stored.rows[0]!.model_id };
}

/** The run that is told now, and by which rules it was made. */
export async function readCurrent(
  pool: Queryable,
  projectId: number,
): Promise<{ runId: number; knownThrough: number; definition: unknown; timezone: string } | undefined> {
  const found = await pool.query<{
    run_id: number;
    known_through: number;
    definition: unknown;
    timezone: string;
  }>(
    `select r.run_id, r.known_through - date '1970-01-01' as known_through, m.definition, m.timezone
     from churn_current c join churn_runs r using (run_id) join churn_models m using (model_id)
     where c.project_id = $1`,
    [projectId],
  );
  const row = found.rows[0];
  return row === undefined
    ? undefined
    : {
        runId: row.run_id,
        knownThrough: row.known_through,
        definition: row.definition,
        timezone: row.timezone,
      };
}

const STARTED_AT_MICROS = '(extract(epoch from started_at) * 1000000)::bigint::text as started_at_micros';

/** The run that somebody left unfinished, if any. */
export async function findOpenRun(pool: Queryable, projectId: number): Promise<OpenRun | undefined> {
  const found = await pool.query<{
    run_id: number;
    model_id: number;
    known_through: number;
    generation: number;
    slices: number;
    slices_done: number;
    started_at_micros: string;
  }>(
    `select run_id, model_id, known_through - date '1970-01-01' as known_through, generation, slices, slices_done,
       ${STARTED_AT_MICROS}
     from churn_runs where project_id = $1 and state = 'running'`,
    [projectId],
  );
  const row = found.rows[0];
  return row === undefined
    ? undefined
    : {
        runId: row.run_id,
        modelId: row.model_id,
        knownThrough: row.known_through,
        generation: row.generation,
        slices: row.slices,
        slicesDone: row.slices_done,
        startedAtMicros: row.started_at_micros,
      };
}

export async function openRun(
  pool: Queryable,
  projectId: number,
  run: Omit<OpenRun, 'runId' | 'slicesDone' | 'startedAtMicros'>,
): Promise<OpenRun> {
  const made = await pool.query<{ run_id: number; started_at_micros: string }>(
    `insert into churn_runs (project_id, model_id, known_through, generation, slices)
     values ($1, $2, $3, $4, $5) returning run_id, ${STARTED_AT_MICROS}`,
    [projectId, run.modelId, dateOf(run.knownThrough), run.generation, run.slices],
  );
  const { run_id: runId, started_at_micros: startedAtMicros } = made.rows[0]!;
  return { ...run, runId, slicesDone: 0, startedAtMicros };
}

export class RunLostError extends Error {
  override name = 'RunLostError';
}

/**
 * Notes that a slice is in ClickHouse.
 * @throws RunLostError when it is not the next one, or when another generation of the rollups has gone live.
 */
export async function noteSlice(pool: Queryable, runId: number, slice: number): Promise<void> {
  const noted = await pool.query(
    `update churn_runs set slices_done = $2::int + 1
     where run_id = $1 and state = 'running' and slices_done = $2 and generation = (
       select generation from rollup_generations where state = 'live' order by generation desc limit 1)`,
    [runId, slice],
  );
  if (noted.rowCount !== 1) {
    throw new RunLostError(
      'The rollups were rebuilt while people were scored, or somebody else scores them: it begins again.',
    );
  }
}

/**
 * Makes a whole run the one that is told, in one statement. False when another generation of the rollups has gone live: its
 * scores are where nobody reads any more. The lock keeps that from happening meanwhile.
 */
export async function publishRun(pool: pg.Pool, runId: number, people: number): Promise<boolean> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock_shared($1, 0)', [LOCKS.ROLLUPS]);
    const published = await client.query(
      `with live as (
         select generation from rollup_generations where state = 'live' order by generation desc limit 1
       ), published as (
         update churn_runs r set state = 'published', people = $2, published_at = now()
         from live
         where r.run_id = $1 and r.state = 'running' and r.slices_done = r.slices
           and r.generation = live.generation
         returning r.project_id, r.run_id
       )
       insert into churn_current (project_id, run_id) select project_id, run_id from published
       on conflict (project_id) do update set run_id = excluded.run_id
       returning run_id`,
      [runId, people],
    );
    await client.query('commit');
    client.release();
    return published.rowCount === 1;
  } catch (error) {
    client.release(true);
    throw error;
  }
}

export async function abandonRun(pool: Queryable, runId: number): Promise<void> {
  await pool.query(`update churn_runs set state = 'abandoned' where run_id = $1 and state = 'running'`, [
    runId,
  ]);
}

/** Runs kept for lists that somebody is still turning the pages of. */
const KEPT_RUNS = 2;

/** Marks what is too old, and lists every run of a project whose scores nobody reads. */
export async function listUnread(pool: Queryable, projectId: number): Promise<number[]> {
  await pool.query(
    `update churn_runs set state = 'abandoned'
     where project_id = $1 and state = 'published' and run_id not in (
       select run_id from churn_runs where project_id = $1 and state = 'published'
       order by run_id desc limit $2)`,
    [projectId, KEPT_RUNS],
  );
  const found = await pool.query<{ run_id: number }>(
    `select run_id from churn_runs where project_id = $1 and state = 'abandoned' order by run_id`,
    [projectId],
  );
  return found.rows.map(({ run_id }) => run_id);
}

/** Forgets a run whose scores are dropped, and models that no run is left of, but for the newest. */
export async function forgetRun(pool: Queryable, projectId: number, runId: number): Promise<void> {
  await pool.query('delete from churn_runs where run_id = $1', [runId]);
  await pool.query(
    `delete from churn_models m
     where m.project_id = $1 and not exists (select from churn_runs r where r.model_id = m.model_id)
       and m.model_id < (select max(model_id) from churn_models where project_id = $1)`,
    [projectId],
  );
}

export interface Attempt {
  outcome: 'published' | 'too_little_history' | 'incomplete' | 'failed';
  detail: string;
}

export async function noteAttempt(
  pool: Queryable,
  projectId: number,
  { outcome, detail }: Attempt,
): Promise<void> {
  await pool.query(
    `insert into churn_attempts as a (project_id, attempted_at, outcome, detail, failures)
     values ($1, now(), $2, $3, $4)
     on conflict (project_id) do update set attempted_at = excluded.attempted_at, outcome = excluded.outcome,
       detail = excluded.detail, failures = case when excluded.failures = 0 then 0 else a.failures + 1 end`,
    [projectId, outcome, detail, outcome === 'failed' ? 1 : 0],
  );
}
