import { filterSchema, type Filter } from '@sluice/contracts';
import { z } from 'zod';
import type { ClickHouseQuestion, PostgresQuestion } from '../query-port/run-query.js';
import type { PersonlessContext } from '../sql/event-rows.js';
import { filterConditions } from '../sql/filter-sql.js';
import { withPeople } from '../sql/people-sql.js';

const row = z.object({
  name: z.string(),
  description: z.string(),
  kind: z.enum(['live', 'static']),
  filter: filterSchema.nullable(),
  user_ids: z.array(z.string()).nullable(),
  updated_at: z.date(),
});
export type CohortRow = z.infer<typeof row>;

const COLUMNS = 'name, description, kind, filter, user_ids, updated_at';

/** The cohorts of a project with one of these names. */
export function askCohorts(projectId: number, names: readonly string[]): PostgresQuestion<CohortRow> {
  return {
    name: 'cohorts',
    sql: `select ${COLUMNS} from cohorts where project_id = $1 and name = any ($2::text[]) order by name`,
    params: [projectId, names],
    row,
  };
}

const summaryRow = row.omit({ user_ids: true }).extend({ listed_ids: z.int().nullable() });
export type CohortSummaryRow = z.infer<typeof summaryRow>;

const SUMMARY = 'name, description, kind, filter, cardinality(user_ids) as listed_ids, updated_at';

/** All cohorts of a project, or the one of a name, without their lists of ids. */
export function askCohortSummaries(projectId: number, name?: string): PostgresQuestion<CohortSummaryRow> {
  return {
    name: 'cohort-summaries',
    sql: `
      select ${SUMMARY} from cohorts
      where project_id = $1 and ($2::text is null or name = $2) order by name`,
    params: [projectId, name ?? null],
    row: summaryRow,
  };
}

/** Makes a cohort, or makes it anew. */
export function saveCohort(cohort: {
  projectId: number;
  name: string;
  description: string;
  filter: Filter | undefined;
  userIds: readonly string[] | undefined;
}): PostgresQuestion<CohortSummaryRow> {
  const { projectId, name, description, filter, userIds } = cohort;
  return {
    name: 'save-cohort',
    sql: `
      insert into cohorts (project_id, name, description, kind, filter, user_ids)
      values ($1, $2, $3, $4, $5, $6)
      on conflict (project_id, name) do update set description = excluded.description, kind = excluded.kind,
        filter = excluded.filter, user_ids = excluded.user_ids, updated_at = now()
      returning ${SUMMARY}`,
    params: [
      projectId,
      name,
      description,
      filter === undefined ? 'static' : 'live',
      filter === undefined ? null : JSON.stringify(filter),
      userIds ?? null,
    ],
    row: summaryRow,
  };
}

const nameRow = z.object({ name: z.string() });

/** Deletes a cohort; no row when there is none. */
export function deleteCohort(projectId: number, name: string): PostgresQuestion<z.infer<typeof nameRow>> {
  return {
    name: 'delete-cohort',
    sql: 'delete from cohorts where project_id = $1 and name = $2 returning name',
    params: [projectId, name],
    row: nameRow,
  };
}

const sizeRow = z.object({ people: z.int().nonnegative() });

/** How many of the people who were ever seen are in a cohort. */
export function askCohortSize(
  name: string,
  context: PersonlessContext,
): ClickHouseQuestion<z.infer<typeof sizeRow>> {
  const { statement } = context;
  const { from, person } = withPeople(statement, ACTORS);
  const [isMember] = filterConditions([{ cohort: name }], { ...context, person }, '/filter');
  return {
    name: 'cohort-size',
    sql: `select uniqExact(${person}) as people from ${from} where ${person} != 0 and ${isMember!}`,
    params: statement.params,
    row: sizeRow,
  };
}

const ACTORS =
  '(select distinct actor_hash from {db:Identifier}.actors where project_id = {project:UInt32}) as seen';
