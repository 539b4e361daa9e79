import {
  churnDefinitionSchema,
  CHURN_HORIZONS,
  type ChurnDefinition,
  type ChurnHorizon,
} from '@sluice/contracts';
import { z } from 'zod';
import type { ClickHouseQuestion, PostgresQuestion } from '../query-port/run-query.js';
import type { ChurnScores } from '../sql/churn-sql.js';
import type { PersonlessContext } from '../sql/event-rows.js';
import { filterConditions } from '../sql/filter-sql.js';
import { withPeople } from '../sql/people-sql.js';
import { joinPersonNames, PERSON_NAME } from '../sql/person-names.js';
import { createStatement, type StatementOwner } from '../sql/statement.js';

/** A date of Postgres as text. */
const date = (column: string): string => `to_char(${column}, 'YYYY-MM-DD')`;

const RUN_COLUMNS = `r.run_id, r.model_id, ${date('r.known_through')} as known_through, r.published_at, r.people,
        m.timezone, m.definition, m.currency`;

const runRow = z.object({
  run_id: z.int(),
  model_id: z.int(),
  known_through: z.string(),
  published_at: z.date(),
  people: z.int(),
  timezone: z.string(),
  definition: churnDefinitionSchema,
  currency: z.string().nullable(),
});
export type ChurnRunRow = z.infer<typeof runRow>;

/** The run whose scores are told; no row when there is none. */
export function askChurnRun(projectId: number): PostgresQuestion<ChurnRunRow> {
  return {
    name: 'churn-run',
    sql: `
      select ${RUN_COLUMNS}
      from churn_current c join churn_runs r using (run_id) join churn_models m using (model_id)
      where c.project_id = $1`,
    params: [projectId],
    row: runRow,
    isConstant: true,
  };
}

/** A whole run of a project that is still kept, the one that is told or one before. */
export function askKeptRun(projectId: number, runId: number): PostgresQuestion<ChurnRunRow> {
  return {
    name: 'kept-churn-run',
    sql: `
      select ${RUN_COLUMNS}
      from churn_runs r join churn_models m using (model_id)
      where r.project_id = $1 and r.run_id = $2 and r.state = 'published'`,
    params: [projectId, runId],
    row: runRow,
    isConstant: true,
  };
}

const attemptRow = z.object({
  attempted_at: z.date(),
  outcome: z.enum(['published', 'too_little_history', 'incomplete', 'failed']),
  detail: z.string(),
});
export type ChurnAttemptRow = z.infer<typeof attemptRow>;

/** What failed is told to those who run the pipeline, in its log: it may name stores and statements. */
const FAILED = 'The last scoring failed. It is tried again; the log of the pipeline says why.';

export function askChurnAttempt(projectId: number): PostgresQuestion<ChurnAttemptRow> {
  return {
    name: 'churn-attempt',
    sql: `
      select attempted_at, outcome, case when outcome = 'failed' then $2 else detail end as detail
      from churn_attempts where project_id = $1`,
    params: [projectId, FAILED],
    row: attemptRow,
    isConstant: true,
  };
}

const runSummaryRow = z.object({
  run_id: z.int(),
  model_id: z.int(),
  state: z.enum(['running', 'published', 'abandoned']),
  known_through: z.string(),
  slices: z.int(),
  slices_done: z.int(),
  people: z.int().nullable(),
  started_at: z.date(),
  published_at: z.date().nullable(),
});

export function askChurnRuns(projectId: number): PostgresQuestion<z.infer<typeof runSummaryRow>> {
  return {
    name: 'churn-runs',
    sql: `
      select run_id, model_id, state, ${date('known_through')} as known_through, slices, slices_done, people,
        started_at, published_at
      from churn_runs where project_id = $1 order by run_id desc limit 20`,
    params: [projectId],
    row: runSummaryRow,
    isConstant: true,
  };
}

const definitionRow = z.object({ definition: churnDefinitionSchema, updated_at: z.date() });

export function askChurnDefinition(projectId: number): PostgresQuestion<z.infer<typeof definitionRow>> {
  return {
    name: 'churn-definition',
    sql: 'select definition, updated_at from churn_definitions where project_id = $1',
    params: [projectId],
    row: definitionRow,
    isConstant: true,
  };
}

/** Says what churn means from the next scoring on. */
export function saveChurnDefinition(
  projectId: number,
  definition: ChurnDefinition,
): PostgresQuestion<z.infer<typeof definitionRow>> {
  return {
    name: 'save-churn-definition',
    sql: `
      insert into churn_definitions (project_id, definition) values ($1, $2)
      on conflict (project_id) do update set definition = excluded.definition, updated_at = now()
      returning definition, updated_at`,
    params: [projectId, JSON.stringify(definition)],
    row: definitionRow,
  };
}

const measures = z.object({
  people: z.number(),
  happened: z.number(),
  auc: z.number().nullable(),
  ece: z.number(),
  brier: z.number(),
  logLoss: z.number(),
  liftTopDecile: z.number().nullable(),
});
export type StoredMeasures = z.infer<typeof measures>;

/** Of a model what is told of it: all but its numbers. */
const modelRow = z.object({
  model_id: z.int(),
  created_at: z.date(),
  known_through: z.string(),
  version: z.int(),
  people: z.int(),
  share: z.number(),
  horizons: z.array(
    z.object({
      horizonDays: z.union(CHURN_HORIZONS.map((days) => z.literal(days))),
      method: z.enum(['logistic', 'recency', 'mbg-nbd']),
      reason: z.string(),
      trainingWindows: z.array(
        z.object({ cutoffDay: z.int(), horizonDays: z.int(), people: z.int(), active: z.int() }),
      ),
      backTest: z
        .object({
          cutoffDay: z.int(),
          horizonDays: z.int(),
          people: z.int(),
          inactive: z.int(),
          model: measures,
          recency: measures,
          mbgNbd: measures,
          calibrationTable: z.array(
            z.object({
              people: z.int(),
              lowest: z.number(),
              highest: z.number(),
              meanPredicted: z.number(),
              observed: z.number(),
            }),
          ),
        })
        .nullable(),
    }),
  ),
});
export type ChurnModelRow = z.infer<typeof modelRow>;

export function askChurnModel(projectId: number, modelId: number): PostgresQuestion<ChurnModelRow> {
  return {
    name: 'churn-model',
    sql: `
      select model_id, created_at, ${date('known_through')} as known_through, (model ->> 'version')::int as version,
        (model ->> 'people')::int as people, (model ->> 'share')::float8 as share, model -> 'horizons' as horizons
      from churn_models where project_id = $1 and model_id = $2`,
    params: [projectId, modelId],
    row: modelRow,
    isConstant: true,
  };
}

const FAILED_JOB = 'The scoring failed. The log of the pipeline says why.';

const jobRow = z.object({
  job_id: z.int(),
  state: z.enum(['queued', 'running', 'done', 'failed']),
  progress: z.record(z.string(), z.unknown()),
  error: z.string().nullable(),
});
const JOB_COLUMNS = `job_id, state, progress, case when error is not null then '${FAILED_JOB}' end as error`;

/** Asks a pipeline to score the project; where that was asked for already and is not done, it is that job. */
export function requestScoring(projectId: number): PostgresQuestion<z.infer<typeof jobRow>> {
  return {
    name: 'request-churn-run',
    sql: `
      with open as (
        select ${JOB_COLUMNS} from jobs
        where kind = 'churn' and state in ('queued', 'running') and arguments -> 'project_id' = to_jsonb($1::int)
        order by job_id limit 1
      ), made as (
        insert into jobs (kind, arguments) select 'churn', jsonb_build_object('project_id', $1::int)
        where not exists (select from open) returning ${JOB_COLUMNS}
      )
      select * from open union all select * from made`,
    params: [projectId],
    row: jobRow,
  };
}

/** A scoring that was asked for by this project. */
export function askScoringJob(projectId: number, jobId: number): PostgresQuestion<z.infer<typeof jobRow>> {
  return {
    name: 'churn-job',
    sql: `
      select ${JOB_COLUMNS} from jobs
      where job_id = $2 and kind = 'churn' and arguments -> 'project_id' = to_jsonb($1::int)`,
    params: [projectId, jobId],
    row: jobRow,
    isConstant: true,
  };
}

/**
 * Ids that became a person's after a run had read who is who, or shortly before: a merge is known to the rollups a little
 * later. All earlier ones were one person to the run.
 */
export function askMergedSince(
  projectId: number,
  userId: string,
  runId: number,
): PostgresQuestion<{ previous_id: string }> {
  return {
    name: 'merged-since-churn-run',
    sql: `
      select i.previous_id from identities i join churn_runs r on r.project_id = i.project_id and r.run_id = $3
      where i.project_id = $1 and i.user_id = $2 and i.merged_at > r.started_at - interval '1 day'`,
    params: [projectId, userId, runId],
    row: z.object({ previous_id: z.string() }),
    isConstant: true,
  };
}

const reason = z.tuple([z.string(), z.number()]).transform(([feature, contribution]) => ({
  feature,
  contribution,
}));

const listedRow = z.object({
  /** The hash, as text: it has more digits than a number here holds. */
  person: z.string(),
  user_id: z.string(),
  /** What the list is ordered by, exactly as it is stored. */
  rank: z.number(),
  churn: z.number(),
  active: z.number(),
  value: z.number(),
  reasons: z.array(reason),
  last_active: z.string(),
  age_days: z.int(),
});
export type ListedScore = z.infer<typeof listedRow>;

export const CHURN_ORDERS = ['churn_probability', 'expected_value'] as const;
export type ChurnOrder = (typeof CHURN_ORDERS)[number];

export interface ScoreList {
  scores: ChurnScores;
  horizon: ChurnHorizon;
  minProbability: number | undefined;
  maxProbability: number | undefined;
  minExpectedValue: number | undefined;
  /** Only these people, by their ids. */
  userIds: readonly string[] | undefined;
  cohort: string | undefined;
}

/** Where one stands in the list: behind somebody with this rank and this hash. */
export interface ScorePosition {
  rank: number;
  person: string;
}

/** How many people a list has on all its pages. */
export function askScoreCount(
  list: ScoreList,
  context: PersonlessContext,
): ClickHouseQuestion<{ total: number }> {
  return {
    name: 'churn-count',
    sql: `select count() as total from (${listedPeople(list, context)})`,
    params: context.statement.params,
    row: z.object({ total: z.int().nonnegative() }),
  };
}

/** The next people of a list, most at risk (or of most value) first; equal ones by their hash. */
export function askScorePage(
  list: ScoreList,
  page: { order: ChurnOrder; after: ScorePosition | undefined; limit: number },
  context: PersonlessContext,
): ClickHouseQuestion<ListedScore> {
  const { statement } = context;
  const rank = page.order === 'expected_value' ? 'value' : 'churn';
  const { after } = page;
  const behind =
    after === undefined
      ? ''
      : `where (${rank}, person) < (${statement.bind('Float32', after.rank)}, ${statement.bind('UInt64', after.person)})`;
  return {
    name: 'churn-list',
    row: listedRow,
    sql: `
    with page as (
      select * from (${listedPeople(list, context)}) ${behind}
      order by ${rank} desc, person desc limit ${statement.bind('UInt32', page.limit)}
    )
    select toString(page.person) as person,
      ${PERSON_NAME} as user_id,
      page.${rank} as rank, page.churn as churn, page.active as active, page.value as value,
      arrayMap(r -> (toString(r.1), r.2), page.reasons) as reasons,
      toString(page.last_active) as last_active, page.age_days as age_days
    from page ${joinPersonNames('person')}
    order by page.${rank} desc, page.person desc`,
    params: statement.params,
  };
}

/** Rows of the people of a list, each once. */
function listedPeople(list: ScoreList, context: PersonlessContext): string {
  const { statement } = context;
  const { scores, horizon, minProbability, maxProbability, minExpectedValue, userIds, cohort } = list;
  const conditions: string[] = [];
  if (minProbability !== undefined) conditions.push(`churn >= ${statement.bind('Float32', minProbability)}`);
  if (maxProbability !== undefined) conditions.push(`churn <= ${statement.bind('Float32', maxProbability)}`);
  if (minExpectedValue !== undefined)
    conditions.push(`value >= ${statement.bind('Float32', minExpectedValue)}`);
  if (userIds !== undefined) {
    conditions.push(`person in (select sipHash64(arrayJoin(${statement.bind('Array(String)', userIds)})))`);
  }
  if (cohort !== undefined) {
    conditions.push(...filterConditions([{ cohort }], { ...context, person: 'person' }, '/filters'));
  }
  const where = conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`;
  return `select * from (${wholeScores(statement, scores, [horizon])}) ${where}`;
}

/** Everyone's scores: rows `person`, then the scores of a horizon. Of several ids, the one that is least likely to go speaks. */
function wholeScores(
  statement: PersonlessContext['statement'],
  { runId }: ChurnScores,
  [horizon]: readonly [ChurnHorizon],
): string {
  const { from, person } = withPeople(statement, '{db:Identifier}.churn_scores');
  const where = `project_id = {project:UInt32} and run_id = ${statement.bind('UInt64', runId)}`;
  const columns = {
    churn: `churn_${horizon}`,
    active: `active_${horizon}`,
    value: `value_${horizon}`,
    reasons: `reasons_${horizon}`,
    last_active: 'last_active',
    age_days: 'age_days',
  };
  const said = Object.entries(columns).map(([name, column]) =>
    statement.hasMerges
      ? `argMin(${column}, (churn_${horizon}, actor_hash)) as ${name}`
      : `${column} as ${name}`,
  );
  return `
    select ${person} as person, ${said.join(', ')}
    from ${from}
    where ${where}${statement.hasMerges ? ' group by person' : ''}`;
}

const personRow = z.object({
  horizon: z.union(CHURN_HORIZONS.map((days) => z.literal(days))),
  churn: z.number(),
  active: z.number(),
  value: z.number(),
  reasons: z.array(reason),
  last_active: z.string(),
  age_days: z.int(),
});
export type PersonScore = z.infer<typeof personRow>;

/** What is foretold of one person, by all their ids: a row for each horizon, or none. */
export function askPersonScores(
  owner: StatementOwner,
  { scores, ids }: { scores: ChurnScores; ids: readonly string[] },
): ClickHouseQuestion<PersonScore> {
  const statement = createStatement(owner);
  const run = statement.bind('UInt64', scores.runId);
  const list = statement.bind('Array(String)', ids);
  const horizons = CHURN_HORIZONS.map(
    (days) => `
    select toUInt8(${days}) as horizon, churn_${days} as churn, active_${days} as active, value_${days} as value,
      arrayMap(r -> (toString(r.1), r.2), reasons_${days}) as reasons, toString(last_active) as last_active, age_days
    from (
      select * from {db:Identifier}.churn_scores
      where project_id = {project:UInt32} and run_id = ${run}
        and actor_hash in (select sipHash64(arrayJoin(${list})))
    )
    order by churn_${days}, actor_hash limit 1`,
  );
  return {
    name: 'churn-of-person',
    sql: `select * from (${horizons.join('\n    union all\n')}) order by horizon`,
    params: statement.params,
    row: personRow,
  };
}
