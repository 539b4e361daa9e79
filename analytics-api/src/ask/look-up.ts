import { SluiceError, trendsQuerySchema, type Filter } from '@sluice/contracts';
import type { ApiContext } from '../api-context.js';
import type { QueryScope } from './query-scope.js';
import { runRequest, type RequestOptions } from './run-request.js';

/**
 * Asks something that is no question of `POST /v1/query`, on the same terms: within the budget and the limits, remembered
 * for as long as the data is the same. `filters` name the cohorts that `work` needs.
 */
export async function lookUp<Answer extends object>(
  work: (scope: QueryScope) => Promise<Answer>,
  options: RequestOptions,
  context: ApiContext,
  filters: Filter[] = [],
): Promise<Answer> {
  const carrier = trendsQuerySchema.parse({ kind: 'trends', filters });
  const answer = await runRequest(carrier, work, { ...options, as: 'look_up' }, context);
  if ('kind' in answer) throw new SluiceError('internal_error');
  return answer;
}
