import { SluiceError } from '@sluice/contracts';
import { z } from 'zod';
import type { ApiContext } from '../api-context.js';
import { askSaved, type SavedRow } from '../questions/saved.js';

export const versionParameter = z.coerce
  .number()
  .int()
  .min(1)
  .max(2 ** 31 - 1)
  .describe('Default: the newest.');

/** A saved query, or one version of it. @throws SluiceError saved_query_not_found */
export async function findSaved(
  projectId: number,
  name: string,
  version: number | undefined,
  { runPostgres }: Pick<ApiContext, 'runPostgres'>,
): Promise<SavedRow> {
  const { rows } = await runPostgres(askSaved(projectId, name, version));
  if (rows[0] !== undefined) return rows[0];
  throw missing(name, version);
}

export function missing(name: string, version?: number): SluiceError {
  const what = version === undefined ? name : `${name} in version ${version}`;
  return new SluiceError('saved_query_not_found', {
    message: `There is no saved query ${what}.`,
    field: version === undefined ? '/name' : '/version',
  });
}
