import { SluiceError } from '@sluice/contracts';
import { askCohorts } from '../questions/cohorts.js';
import type { QueryLimits, RunPostgres } from '../query-port/run-query.js';
import type { CohortDefinition } from '../sql/filter-sql.js';

/** Cohorts may name cohorts; so deep at most. */
const MAX_DEPTH = 5;

/** A cohort that is not saved yet. */
export interface CohortDraft {
  name: string;
  definition: CohortDefinition;
}

/**
 * The definitions of all cohorts that a question names, and of those that they name. A name that nothing has is left out:
 * the filter that names it says so.
 * @throws SluiceError invalid_query when cohorts name each other in a circle, or too deeply.
 */
export async function findCohorts(
  question: unknown,
  options: {
    projectId: number;
    runPostgres: RunPostgres;
    limits: QueryLimits;
    /** Stands in the place of what is saved under its name. */
    draft?: CohortDraft | undefined;
  },
): Promise<ReadonlyMap<string, CohortDefinition>> {
  const found = new Map<string, CohortDefinition>();
  const { draft } = options;
  let wanted = new Set(namesIn(question));
  for (let depth = 0; wanted.size > 0; depth += 1) {
    if (depth === MAX_DEPTH) {
      throw new SluiceError('invalid_query', { message: 'Cohorts name cohorts too deeply.' });
    }
    const drafted = draft !== undefined && wanted.delete(draft.name) ? [draft] : [];
    const { rows } = await options.runPostgres(askCohorts(options.projectId, [...wanted]), options.limits);
    const saved = rows.map(({ name, filter, user_ids }): CohortDraft => ({
      name,
      definition: filter === null ? { kind: 'static', userIds: user_ids ?? [] } : { kind: 'live', filter },
    }));
    const next = new Set<string>();
    for (const { name, definition } of [...drafted, ...saved]) {
      found.set(name, definition);
      if (definition.kind === 'static') continue;
      for (const inner of namesIn(definition.filter)) next.add(inner);
    }
    for (const name of found.keys()) next.delete(name);
    wanted = next;
  }
  refuseCircles(found);
  return found;
}

function* namesIn(part: unknown): Generator<string> {
  if (Array.isArray(part)) {
    for (const item of part as unknown[]) yield* namesIn(item);
  } else if (typeof part === 'object' && part !== null) {
    for (const [key, value] of Object.entries(part)) {
      if (key === 'cohort' && typeof value === 'string') yield value;
      else if (key === 'cohorts' && Array.isArray(value))
        yield* value.filter((name) => typeof name === 'string');
      else yield* namesIn(value);
    }
  }
}

function refuseCircles(cohorts: ReadonlyMap<string, CohortDefinition>): void {
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) {
      throw new SluiceError('invalid_query', {
        message: `The cohort ${name} is defined by itself: ${[...path, name].join(' → ')}.`,
      });
    }
    const cohort = cohorts.get(name);
    if (cohort?.kind === 'live') for (const inner of namesIn(cohort.filter)) visit(inner, [...path, name]);
  };
  for (const name of cohorts.keys()) visit(name, []);
}
