import { SluiceError, type EstimateAnswer, type Query, type QueryKind } from '@sluice/contracts';
import type { KeyOwner } from '@sluice/service-kit';
import type { ApiContext } from '../api-context.js';
import { databaseOf } from '../freshness/completeness.js';
import { readWatermark, waitFor } from '../freshness/wait-for.js';
import type { ClickHouseQuestion, PostgresQuestion, Rows } from '../query-port/run-query.js';
import { askWatchState } from '../questions/watched-series.js';
import type { AskedKind, AskedQuestion } from '../telemetry.js';
import { isoOf } from '../time/range.js';
import { estimate } from './estimate.js';
import { findChurnRun, namesChurn } from './find-churn-run.js';
import { findCohorts, type CohortDraft } from './find-cohorts.js';
import { createQueryScope, type DataView, type QueryScope } from './query-scope.js';
import { memoryKey } from './remember-rows.js';

export interface RequestOptions {
  owner: KeyOwner;
  /** Aborts when nobody waits for the answer any more. */
  signal: AbortSignal;
  /** A cohort that the question may name before it is saved. */
  draft?: CohortDraft | undefined;
  /** The header of this name that the request came with, if it did. */
  traceparent?: unknown;
}

/** What a request is counted as, where it is not the kind of its question. */
export type CountedAs = Exclude<AskedKind, QueryKind | 'estimate'>;

/**
 * Runs one request: waits for its watermark, reads how the data stands, and gives `work` the scope in which it may ask. With
 * `dry_run`, the questions of `work` are only estimated and their estimate is the answer.
 */
export async function runRequest<Answer>(
  query: Query,
  work: (scope: QueryScope) => Promise<Answer>,
  options: RequestOptions & { as?: CountedAs },
  context: ApiContext,
): Promise<Answer | EstimateAnswer> {
  const { owner, traceparent } = options;
  const asked = context.telemetry?.questionAsked(query.dry_run ? 'estimate' : (options.as ?? query.kind), {
    projectId: owner.project.projectId,
    traceparent,
  });
  try {
    const answer = await runAsked(query, work, { ...options, asked }, context);
    asked?.answered();
    return answer;
  } catch (error) {
    asked?.failed(error);
    throw error;
  }
}

async function runAsked<Answer>(
  query: Query,
  work: (scope: QueryScope) => Promise<Answer>,
  options: RequestOptions & { asked: AskedQuestion | undefined },
  context: ApiContext,
): Promise<Answer | EstimateAnswer> {
  const { owner, signal, asked } = options;
  const { config, budgets, running } = context;
  const { projectId } = owner.project;
  budgets.check(owner);
  const request = running.start(projectId, query.query_id, AbortSignal.any([signal, context.stopping]));
  try {
    await waitForWatermark(query, request.signal, context);
    const deadline = performance.now() + Math.min(query.timeout_ms ?? Infinity, config.queryTimeoutMs);
    const view = await readDataView(query, options, request.signal, context);
    const statements: EstimateAnswer['statements'] = [];
    const scope = createQueryScope({
      view,
      query: query.kind === 'live' ? {} : query,
      includeSql: query.include_sql,
      async lookUp<Row>(question: PostgresQuestion<Row>) {
        const timeoutMs = deadline - performance.now();
        if (timeoutMs <= 0) throw new SluiceError('query_timeout');
        return (await context.runPostgres(question, { timeoutMs, signal: request.signal })).rows;
      },
      async run<Row>(question: ClickHouseQuestion<Row>, { maxRows }: { maxRows: number }) {
        const timeoutMs = deadline - performance.now();
        if (timeoutMs <= 0) throw new SluiceError('query_timeout');
        const limits = { timeoutMs, maxRows, signal: request.signal };
        if (query.dry_run) {
          const statement = await estimate(question, { runClickHouse: context.runClickHouse, limits });
          statements.push(query.include_sql ? { ...statement, sql: question.sql } : statement);
          return { rows: [], rowsRead: 0, bytesRead: 0, elapsedMs: 0, cached: false };
        }
        const refresh = query.cache === 'refresh';
        return askOrRemember(question, { view, limits, refresh, owner, asked }, context);
      },
    });
    const answer = await work(scope);
    if (!query.dry_run) return answer;
    return {
      kind: 'estimate',
      complete_through: view.completeThroughMs === undefined ? null : isoOf(view.completeThroughMs),
      rows: statements.reduce((sum, { rows }) => sum + rows, 0),
      bytes: statements.reduce((sum, { bytes }) => sum + bytes, 0),
      statements,
    };
  } catch (error) {
    if (request.isCancelled()) throw new SluiceError('query_cancelled', { cause: error });
    throw error;
  } finally {
    request.finish();
  }
}

async function waitForWatermark(query: Query, signal: AbortSignal, context: ApiContext): Promise<void> {
  if (query.wait_for === undefined) return;
  const { log, runPostgres } = context;
  const watermark = await readWatermark(query.wait_for, log, '/wait_for');
  await waitFor(watermark, { logId: log.id, runPostgres, timeoutMs: query.wait_timeout_ms, signal });
}

/** Read before the numbers are: what it says is true of every later query. */
export async function readDataView(
  query: unknown,
  { owner, draft }: Pick<RequestOptions, 'owner' | 'draft'>,
  signal: AbortSignal,
  context: ApiContext,
): Promise<DataView> {
  const { projectId, timezone } = owner.project;
  const { runPostgres } = context;
  const [known, watched, cohorts] = await Promise.all([
    context.readCompleteness(projectId, { signal }),
    showsBands(query) ? runPostgres(askWatchState(projectId), { signal }) : undefined,
    findCohorts(query, { projectId, runPostgres, limits: { signal }, draft }),
  ]);
  const churn =
    namesChurn(query) || namesChurn([...cohorts.values()])
      ? await findChurnRun(projectId, { runPostgres, limits: { signal } })
      : undefined;
  // Read anew, because the scores of a run are in the generation that is live after it was told, and not in earlier ones.
  const completeness = churn === undefined ? known : await context.readCompleteness(projectId, { signal });
  return {
    projectId,
    projectTimezone: timezone,
    database: databaseOf(context, completeness),
    dataVersion: `${completeness.generation}.${completeness.rolledUp}${churn === undefined ? '' : `.c${churn.run_id}`}`,
    hasMerges: completeness.hasMerges,
    completeThroughMs: completeness.completeThroughMs,
    nowMs: context.now(),
    cohorts,
    ...(churn === undefined ? {} : { churn: { runId: churn.run_id } }),
    watchState: watched?.rows[0]?.state,
  };
}

function showsBands(query: unknown): boolean {
  return typeof query === 'object' && query !== null && 'bands' in query && query.bands === true;
}

async function askOrRemember<Row>(
  question: ClickHouseQuestion<Row>,
  options: {
    view: DataView;
    limits: { timeoutMs: number; maxRows: number; signal: AbortSignal };
    refresh: boolean;
    owner: KeyOwner;
    asked: AskedQuestion | undefined;
  },
  { rowMemory, runClickHouse, budgets }: ApiContext,
): Promise<Rows<Row> & { cached: boolean }> {
  const { view, limits, refresh, owner, asked } = options;
  const key = memoryKey(view, question);
  const remembered = refresh ? undefined : rowMemory.find(key);
  // Rows under this key came from this very question, so they have its form.
  if (remembered !== undefined) {
    asked?.statementAnswered('hit', 0);
    return { rows: remembered.rows as Row[], rowsRead: 0, bytesRead: 0, elapsedMs: 0, cached: true };
  }
  const rows = await runClickHouse(question, limits);
  asked?.statementAnswered(refresh ? 'refresh' : 'miss', rows.rowsRead);
  budgets.spend(owner, rows.rowsRead);
  rowMemory.remember(key, rows);
  return { ...rows, cached: false };
}
