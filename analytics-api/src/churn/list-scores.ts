import { SluiceError, type ChurnHorizon, type ChurnPage } from '@sluice/contracts';
import type { ApiContext } from '../api-context.js';
import { findChurnRun } from '../ask/find-churn-run.js';
import { lookUp } from '../ask/look-up.js';
import type { RequestOptions } from '../ask/run-request.js';
import {
  askKeptRun,
  askScoreCount,
  askScorePage,
  type ChurnOrder,
  type ChurnRunRow,
  type ScoreList,
} from '../questions/churn.js';
import { askFoundUsers } from '../questions/find-users.js';
import { formatScoreCursor, parseScoreCursor, type ScoreCursor } from './score-cursor.js';
import { runOf } from './run-answer.js';

export interface ListRequest {
  horizon: ChurnHorizon;
  order: ChurnOrder;
  min_probability?: number | undefined;
  max_probability?: number | undefined;
  min_expected_value?: number | undefined;
  search?: string | undefined;
  cohort?: string | undefined;
  limit: number;
  cursor?: string | undefined;
}

/** People found by a search at most: the list is then one of them. */
const MAX_FOUND = 10_000;

/**
 * A page of scores. Pages that follow each other are of one run, whatever is published meanwhile, for as long as it is kept.
 * @throws SluiceError churn_not_scored, churn_run_gone
 */
export async function listScores(
  request: ListRequest,
  options: RequestOptions,
  context: ApiContext,
): Promise<ChurnPage> {
  const { projectId } = options.owner.project;
  const after = request.cursor === undefined ? undefined : parseScoreCursor(request.cursor, request);
  const run = await findRun(projectId, after, options, context);
  const list: ScoreList = {
    scores: { runId: run.run_id },
    horizon: request.horizon,
    minProbability: request.min_probability,
    maxProbability: request.max_probability,
    minExpectedValue: request.min_expected_value,
    userIds:
      request.search === undefined ? undefined : await findIds(projectId, request.search, options, context),
    cohort: request.cohort,
  };
  return lookUp(
    async (scope) => {
      const [counted] = await scope.ask(askScoreCount(list, scope.statement()));
      const page = { order: request.order, after, limit: request.limit + 1 };
      const rows = await scope.ask(askScorePage(list, page, scope.statement()));
      await checkKept(projectId, run.run_id, options, context);
      const shown = rows.slice(0, request.limit);
      const last = rows.length > request.limit ? shown.at(-1) : undefined;
      const { complete_through, statistics } = scope.frame({ definition: '' });
      return {
        run: runOf(run),
        horizon: request.horizon,
        total: counted!.total,
        people: shown.map((row) => ({
          user_id: row.user_id,
          churn_probability: row.churn,
          expected_active_days: row.active,
          expected_value: row.value,
          reasons: row.reasons,
          last_active: row.last_active,
          age_days: row.age_days,
        })),
        next_cursor:
          last === undefined
            ? null
            : formatScoreCursor({
                runId: run.run_id,
                horizon: request.horizon,
                order: request.order,
                rank: last.rank,
                person: last.person,
              }),
        complete_through,
        statistics,
      };
    },
    options,
    context,
    request.cohort === undefined ? [] : [{ cohort: request.cohort }],
  );
}

async function findRun(
  projectId: number,
  after: ScoreCursor | undefined,
  { signal }: RequestOptions,
  { runPostgres }: ApiContext,
): Promise<ChurnRunRow> {
  if (after === undefined) return findChurnRun(projectId, { runPostgres, limits: { signal } });
  const { rows } = await runPostgres(askKeptRun(projectId, after.runId), { signal });
  if (rows[0] === undefined) throw new SluiceError('churn_run_gone', { field: '/cursor' });
  return rows[0];
}

/** Scores of a run that is let go of may have been dropped while they were read: no page, or a part of one, is of it. */
async function checkKept(
  projectId: number,
  runId: number,
  { signal }: RequestOptions,
  { runPostgres }: ApiContext,
): Promise<void> {
  const { rows } = await runPostgres(askKeptRun(projectId, runId), { signal });
  if (rows[0] === undefined) throw new SluiceError('churn_run_gone');
}

/** The ids of everyone whose id, email or name begins with a text. */
async function findIds(
  projectId: number,
  search: string,
  { signal }: RequestOptions,
  { runPostgres }: ApiContext,
): Promise<string[]> {
  const { rows } = await runPostgres(
    askFoundUsers(projectId, { search, after: undefined, limit: MAX_FOUND + 1 }),
    { signal },
  );
  if (rows.length > MAX_FOUND) {
    throw new SluiceError('query_too_large', {
      message: `More than ${MAX_FOUND} people begin with this text: a longer one finds fewer.`,
      field: '/search',
    });
  }
  return rows.map(({ user_id }) => user_id);
}
