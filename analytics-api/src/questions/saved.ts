import { parameterSchema, type SavedDefinition } from '@sluice/contracts';
import { z } from 'zod';
import type { PostgresQuestion } from '../query-port/run-query.js';

const row = z.object({
  name: z.string(),
  version: z.int(),
  description: z.string(),
  query: z.record(z.string(), z.unknown()),
  parameters: z.record(z.string(), parameterSchema),
  deleted: z.boolean(),
  created_at: z.date(),
});
export type SavedRow = z.infer<typeof row>;

const COLUMNS = 'name, version, description, query, parameters, deleted, created_at';

/** The newest version of every saved query of a project. */
export function askSavedList(projectId: number): PostgresQuestion<SavedRow> {
  return {
    name: 'saved-list',
    sql: `
      select distinct on (name) ${COLUMNS} from saved_queries
      where project_id = $1 and not deleted order by name, version desc`,
    params: [projectId],
    row,
  };
}

/** A version of a saved query, or the newest. */
export function askSaved(
  projectId: number,
  name: string,
  version: number | undefined,
): PostgresQuestion<SavedRow> {
  return {
    name: 'saved',
    sql: `
      select ${COLUMNS} from saved_queries
      where project_id = $1 and name = $2 and not deleted and ($3::integer is null or version = $3)
      order by version desc limit 1`,
    params: [projectId, name, version ?? null],
    row,
  };
}

/** Every version, deleted ones too, newest first. */
export function askSavedVersions(projectId: number, name: string): PostgresQuestion<SavedRow> {
  return {
    name: 'saved-versions',
    sql: `
      select ${COLUMNS} from saved_queries where project_id = $1 and name = $2 order by version desc`,
    params: [projectId, name],
    row,
  };
}

/** Adds a version; no row when another one was added at the same moment. */
export function saveVersion(
  projectId: number,
  name: string,
  { description, query, parameters }: SavedDefinition,
): PostgresQuestion<SavedRow> {
  return {
    name: 'save-query',
    sql: `
      insert into saved_queries (project_id, name, version, description, query, parameters)
      select $1, $2, coalesce(max(version), 0) + 1, $3, $4, $5
      from saved_queries where project_id = $1 and name = $2
      on conflict do nothing
      returning ${COLUMNS}`,
    params: [projectId, name, description, JSON.stringify(query), JSON.stringify(parameters)],
    row,
  };
}

const versionRow = z.object({ version: z.int() });

/** Deletes all versions of a saved query, as far as answering goes. */
export function deleteSaved(projectId: number, name: string): PostgresQuestion<z.infer<typeof versionRow>> {
  return {
    name: 'delete-saved',
    sql: `
      update saved_queries set deleted = true
      where project_id = $1 and name = $2 and not deleted returning version`,
    params: [projectId, name],
    row: versionRow,
  };
}
