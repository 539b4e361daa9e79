import {
  cohortDetailSchema,
  cohortInputSchema,
  cohortListSchema,
  nameSchema,
  problemSchema,
  SluiceError,
  type Cohort,
  type CohortDefinitionInput,
} from '@sluice/contracts';
import { z } from 'zod';
import { notedBy } from '../access/noted-by.js';
import { askerOf, type ApiContext, type ApiScope } from '../api-context.js';
import { checkDepth } from '../ask/check-depth.js';
import { countCohort, inFilter } from '../cohorts/cohort-size.js';
import {
  askCohorts,
  askCohortSummaries,
  deleteCohort,
  saveCohort,
  type CohortSummaryRow,
} from '../questions/cohorts.js';
import { isAboutPeople, type CohortDefinition } from '../sql/filter-sql.js';

/** The longest list of ids there may be. */
const MAX_BODY_BYTES = 8 * 1024 ** 2;
const path = z.strictObject({ name: nameSchema });
const faults = { '4xx': problemSchema, '5xx': problemSchema };

/** `/v1/cohorts`: groups of people that filters and breakdowns name. */
export function registerCohorts(app: ApiScope, context: ApiContext): void {
  const { runPostgres, changePostgres } = context;

  app.get(
    '/v1/cohorts',
    {
      config: { scope: 'read' },
      schema: { summary: 'List cohorts', response: { 200: cohortListSchema, ...faults } },
    },
    async (request) => {
      const { rows } = await runPostgres(askCohortSummaries(request.owner.project.projectId));
      return { cohorts: rows.map(cohortOf) };
    },
  );

  app.get(
    '/v1/cohorts/:name',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Show a cohort and how many people it has',
        params: path,
        response: { 200: cohortDetailSchema, ...faults },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const { rows } = await runPostgres(askCohortSummaries(request.owner.project.projectId, name));
      if (rows[0] === undefined) throw missing(name);
      const options = askerOf(request, reply);
      return { ...cohortOf(rows[0]), ...(await countCohort(name, options, context)) };
    },
  );

  app.put(
    '/v1/cohorts/:name',
    {
      config: { scope: 'admin' },
      bodyLimit: MAX_BODY_BYTES,
      preValidation: (request, _reply, done) => done(checkDepth(request.body)),
      schema: {
        summary: 'Make a cohort, or make it anew',
        description:
          'With `filter` it is live: whoever meets the conditions is in it, at any time. With `user_ids` it is static.',
        params: path,
        body: cohortInputSchema,
        response: { 200: cohortDetailSchema, ...faults },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const { projectId } = request.owner.project;
      const definition = definitionOf(request.body);
      const draft = { name, definition };
      const options = { ...askerOf(request, reply), draft };
      // Asked before it is saved: what cannot be asked is not saved.
      const size = await countCohort(name, options, context).catch((error: unknown) => {
        throw inFilter(error);
      });
      const { rows } = await changePostgres(
        saveCohort({
          projectId,
          name,
          description: request.body.description,
          filter: definition.kind === 'live' ? definition.filter : undefined,
          userIds: definition.kind === 'static' ? definition.userIds : undefined,
        }),
        notedBy(request, 'cohort.save', name, askCohorts(projectId, [name])),
      );
      return { ...cohortOf(rows[0]!), ...size };
    },
  );

  app.delete(
    '/v1/cohorts/:name',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Delete a cohort; questions that name it are refused from then on',
        params: path,
        response: { 200: z.object({ deleted: nameSchema }), ...faults },
      },
    },
    async (request) => {
      const { name } = request.params;
      const { projectId } = request.owner.project;
      const { rows } = await changePostgres(
        deleteCohort(projectId, name),
        notedBy(request, 'cohort.delete', name, askCohorts(projectId, [name])),
      );
      if (rows[0] === undefined) throw missing(name);
      return { deleted: name };
    },
  );
}

function definitionOf(input: CohortDefinitionInput): CohortDefinition {
  if ('user_ids' in input) return { kind: 'static', userIds: [...new Set(input.user_ids)] };
  if (isAboutPeople(input.filter)) return { kind: 'live', filter: input.filter };
  throw new SluiceError('invalid_query', {
    message:
      'A cohort is about people: its conditions are has_done, has_not_done, cohort, churn and user_property, put together with and, or and not.',
    field: '/filter',
  });
}

function missing(name: string): SluiceError {
  return new SluiceError('cohort_not_found', { message: `There is no cohort ${name}.`, field: '/name' });
}

function cohortOf(row: CohortSummaryRow): Cohort {
  return { ...row, updated_at: row.updated_at.toISOString() };
}
