import {
  nameSchema,
  problemSchema,
  savedInputSchema,
  savedListSchema,
  savedQuerySchema,
  savedVersionsSchema,
  SluiceError,
  type SavedQuery,
} from '@sluice/contracts';
import { z } from 'zod';
import { notedBy } from '../access/noted-by.js';
import type { ApiContext, ApiScope } from '../api-context.js';
import { checkDepth } from '../ask/check-depth.js';
import {
  askSaved,
  askSavedList,
  askSavedVersions,
  deleteSaved,
  saveVersion,
  type SavedRow,
} from '../questions/saved.js';
import { findSaved, missing, versionParameter } from '../saved/find-saved.js';
import { checkSaved } from '../saved/saved-question.js';

const path = z.strictObject({ name: nameSchema });
const faults = { '4xx': problemSchema, '5xx': problemSchema };
/** Writers of one name at one moment, beyond which a save gives up. */
const MAX_ATTEMPTS = 10;

/** `/v1/saved`: what is saved. What it answers is in saved-answers.ts. */
export function registerSaved(app: ApiScope, context: ApiContext): void {
  const { runPostgres, changePostgres } = context;

  app.get(
    '/v1/saved',
    {
      config: { scope: 'read' },
      schema: { summary: 'List saved queries', response: { 200: savedListSchema, ...faults } },
    },
    async (request) => {
      const { rows } = await runPostgres(askSavedList(request.owner.project.projectId));
      return { saved: rows.map(savedOf) };
    },
  );

  app.get(
    '/v1/saved/:name',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Show a saved query',
        params: path,
        querystring: z.strictObject({ version: versionParameter.optional() }),
        response: { 200: savedQuerySchema, ...faults },
      },
    },
    async (request) => {
      const { projectId } = request.owner.project;
      return savedOf(await findSaved(projectId, request.params.name, request.query.version, context));
    },
  );

  app.get(
    '/v1/saved/:name/versions',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'List the versions of a saved query, newest first',
        params: path,
        response: { 200: savedVersionsSchema, ...faults },
      },
    },
    async (request) => {
      const { name } = request.params;
      const { rows } = await runPostgres(askSavedVersions(request.owner.project.projectId, name));
      if (rows.length === 0) throw missing(name);
      return { name, versions: rows.map((row) => ({ ...savedOf(row), deleted: row.deleted })) };
    },
  );

  app.put(
    '/v1/saved/:name',
    {
      config: { scope: 'admin' },
      preValidation: (request, _reply, done) => done(checkDepth(request.body)),
      schema: {
        summary: 'Save a query as a new version',
        params: path,
        body: savedInputSchema,
        response: { 200: savedQuerySchema, ...faults },
      },
    },
    async (request) => {
      checkSaved(request.body);
      const { projectId } = request.owner.project;
      const { name } = request.params;
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
        const { rows } = await changePostgres(
          saveVersion(projectId, name, request.body),
          notedBy(request, 'saved_query.save', name, askSaved(projectId, name, undefined)),
        );
        if (rows[0] !== undefined) return savedOf(rows[0]);
      }
      throw new SluiceError('overloaded', { message: 'Others save under this name.', retryAfterSeconds: 1 });
    },
  );

  app.delete(
    '/v1/saved/:name',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Delete a saved query: it answers no more',
        params: path,
        response: { 200: z.object({ deleted: nameSchema }), ...faults },
      },
    },
    async (request) => {
      const { name } = request.params;
      const { projectId } = request.owner.project;
      const { rows } = await changePostgres(
        deleteSaved(projectId, name),
        notedBy(request, 'saved_query.delete', name, askSaved(projectId, name, undefined)),
      );
      if (rows.length === 0) throw missing(name);
      return { deleted: name };
    },
  );
}

function savedOf({ name, version, description, query, parameters, created_at }: SavedRow): SavedQuery {
  return { name, version, description, query, parameters, created_at: created_at.toISOString() };
}
