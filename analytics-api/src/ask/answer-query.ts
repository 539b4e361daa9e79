import type { PeopleAnswer, Query, QueryAnswer, EstimateAnswer } from '@sluice/contracts';
import type { ApiContext } from '../api-context.js';
import { askPeopleCount, askPeoplePage, readPeopleCursor, writePeopleCursor } from './people-page.js';
import { kindOf } from './question-kinds.js';
import { runRequest, type RequestOptions } from './run-request.js';

/** Answers any question. */
export async function answerQuery(
  query: Query,
  options: RequestOptions,
  context: ApiContext,
): Promise<QueryAnswer> {
  return runRequest<QueryAnswer>(query, (scope) => kindOf(query).answer(query, scope), options, context);
}

/** Lists the people behind one number of an answer, by a stable order that says nothing about them. */
export async function answerPeople(
  request: { query: Query; point: unknown; cursor?: string | undefined; limit: number },
  options: RequestOptions,
  context: ApiContext,
): Promise<PeopleAnswer | EstimateAnswer> {
  const { query, point, limit } = request;
  const after = request.cursor === undefined ? undefined : readPeopleCursor(request.cursor);
  return runRequest(
    query,
    async (scope) => {
      const people = await kindOf(query).people(query, point as never, scope);
      const [counted] = await scope.ask(askPeopleCount(people));
      const rows = await scope.ask(askPeoplePage(people, { after, limit: limit + 1 }));
      const page = rows.slice(0, limit);
      const last = rows.length > limit ? page.at(-1) : undefined;
      const { complete_through, statistics, sql } = scope.frame({ definition: '' });
      return {
        total: counted?.total ?? 0,
        people: page.map(({ user_id }) => ({ user_id })),
        next_cursor: last === undefined ? null : writePeopleCursor(last.person),
        complete_through,
        statistics,
        ...(sql === undefined ? {} : { sql }),
      };
    },
    { ...options, as: 'people' },
    context,
  );
}
