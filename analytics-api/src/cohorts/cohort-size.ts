import { SluiceError, type CohortDetail } from '@sluice/contracts';
import type { ApiContext } from '../api-context.js';
import { lookUp } from '../ask/look-up.js';
import type { RequestOptions } from '../ask/run-request.js';
import { askCohortSize } from '../questions/cohorts.js';

/**
 * How many people a cohort has, saved or drafted. It is counted as any question is: within the limits of the key, and
 * remembered for as long as the data is the same.
 * @throws SluiceError where the cohort cannot be asked about: it names one that is missing, itself, or too many in a row.
 */
export async function countCohort(
  name: string,
  options: RequestOptions,
  context: ApiContext,
): Promise<Pick<CohortDetail, 'people' | 'complete_through'>> {
  return lookUp(
    async (scope) => {
      const [row] = await scope.ask(askCohortSize(name, scope.statement()));
      return { people: row!.people, complete_through: scope.frame({ definition: '' }).complete_through };
    },
    options,
    context,
    [{ cohort: name }],
  );
}

/** A fault in a cohort's filter, where the filter itself stands and not where a question names the cohort. */
export function inFilter(error: unknown): unknown {
  const within = '/filter/0/cohort';
  if (!(error instanceof SluiceError) || error.field?.startsWith(within) !== true) return error;
  const field = `/filter${error.field.slice(within.length)}`;
  return new SluiceError(error.code, { message: error.message, field, cause: error });
}
