import {
  SluiceError,
  type AnswerFrame,
  type Statement as ShownStatement,
  type Statistics,
} from '@sluice/contracts';
import type { ClickHouseQuestion, PostgresQuestion, Rows } from '../query-port/run-query.js';
import type { ChurnScores } from '../sql/churn-sql.js';
import type { CohortDefinition } from '../sql/filter-sql.js';
import type { PersonlessContext } from '../sql/event-rows.js';
import { createStatement, type Statement } from '../sql/statement.js';
import { resolveRange, zoneOf, isoOf, type TimeRange } from '../time/range.js';
import type { Zone } from '../time/zone.js';

/** Whose data a question reads, and how the data stands: what an answer depends on beside the question itself. */
export interface DataView {
  projectId: number;
  projectTimezone: string;
  /** ClickHouse database of the live generation. */
  database: string;
  /** Changes with every event of the project that becomes queryable. */
  dataVersion: string;
  hasMerges: boolean;
  completeThroughMs: number | undefined;
  nowMs: number;
  cohorts: ReadonlyMap<string, CohortDefinition>;
  /** Scores of churn, where the question looks at them; it is not answered where there are none. */
  churn?: ChurnScores | undefined;
  /** Changes with what is stored of watched series; only of questions that show it. */
  watchState?: string | undefined;
}

/** What a kind of question works with: the one way to ask, and what goes into every answer. */
export interface QueryScope extends DataView {
  zone: Zone;
  range: TimeRange;
  /** A new statement on the project's data, with what filters need to know. */
  statement(): PersonlessContext & { statement: Statement };
  /** Asks ClickHouse within the limits of the request; adds to the statistics of the answer. */
  ask<Row>(question: ClickHouseQuestion<Row>, limits?: { maxRows?: number }): Promise<Row[]>;
  /** Asks Postgres for what is kept beside the events, within the limits of the request. */
  lookUp<Row>(question: PostgresQuestion<Row>): Promise<Row[]>;
  /** What every answer carries. */
  frame(
    said: Pick<AnswerFrame, 'definition'> & Partial<Pick<AnswerFrame, 'exact' | 'error_bound' | 'additive'>>,
  ): AnswerFrame;
}

export interface ScopeOptions {
  view: DataView;
  /** Bounds and zone of the question. */
  query: { from?: string | undefined; to?: string | undefined; timezone?: string | undefined };
  /** Asks the store (or a memory of it, or only for an estimate). */
  run: <Row>(
    question: ClickHouseQuestion<Row>,
    limits: { maxRows: number },
  ) => Promise<Rows<Row> & { cached: boolean }>;
  lookUp: <Row>(question: PostgresQuestion<Row>) => Promise<Row[]>;
  includeSql: boolean;
}

/** Numbers in one answer at most. */
export const MAX_NUMBERS = 100_000;

export function createQueryScope(options: ScopeOptions): QueryScope {
  const { view, query, run, lookUp, includeSql } = options;
  const zone = zoneOf(query.timezone ?? view.projectTimezone);
  const range = resolveRange(query, zone, view.nowMs);
  const statistics = { rows_read: 0, bytes_read: 0, elapsed_ms: 0 };
  let hits = 0;
  let misses = 0;
  const shown: ShownStatement[] = [];

  return {
    ...view,
    zone,
    range,
    statement: () => ({
      statement: createStatement(view),
      range,
      nowMs: view.nowMs,
      withinOf: (within, around, field) => withinOf(within, around, zone, view.nowMs, field),
      cohort(name, field) {
        const found = view.cohorts.get(name);
        if (found !== undefined) return found;
        throw new SluiceError('cohort_not_found', { message: `There is no cohort ${name}.`, field });
      },
      churn(field) {
        if (view.churn !== undefined) return view.churn;
        throw new SluiceError('churn_not_scored', { field });
      },
    }),
    async ask(question, { maxRows = MAX_NUMBERS * 2 } = {}) {
      const { rows, rowsRead, bytesRead, elapsedMs, cached } = await run(question, { maxRows });
      if (cached) hits += 1;
      else misses += 1;
      statistics.rows_read += rowsRead;
      statistics.bytes_read += bytesRead;
      statistics.elapsed_ms += elapsedMs;
      if (includeSql) {
        shown.push({ name: question.name, sql: tidy(question.sql), params: { ...question.params } });
      }
      return rows;
    },
    lookUp,
    frame: ({ definition, exact = true, error_bound = 0, additive = false }) => ({
      complete_through: view.completeThroughMs === undefined ? null : isoOf(view.completeThroughMs),
      complete: isCompleteTo(range.toMs, view),
      definition,
      exact,
      error_bound,
      sampled: false,
      additive,
      statistics: { ...statistics, cache: cacheStatus(hits, misses) },
      ...(includeSql ? { sql: shown } : {}),
    }),
  };
}

/** Whether every event accepted before an instant (or, if that is earlier, by now) is counted. */
export function isCompleteTo(
  epochMs: number,
  { completeThroughMs, nowMs }: Pick<DataView, 'completeThroughMs' | 'nowMs'>,
): boolean {
  return completeThroughMs !== undefined && Math.min(epochMs, nowMs) <= completeThroughMs;
}

function cacheStatus(hits: number, misses: number): Statistics['cache'] {
  if (hits === 0) return 'miss';
  return misses === 0 ? 'hit' : 'partial';
}

const DAY_MS = 86_400_000;

function withinOf(
  within: { last_days: number } | { from: string; to: string },
  around: TimeRange,
  zone: Zone,
  nowMs: number,
  field: string,
): TimeRange {
  if ('last_days' in within) {
    const lastDayMs = Math.floor((around.toMs - 1 + zone.offsetAt(around.toMs - 1)) / DAY_MS) * DAY_MS;
    const first = isoOf(lastDayMs - (within.last_days - 1) * DAY_MS).slice(0, 10);
    const { fromMs } = resolveRange({ from: first, to: isoOf(around.toMs) }, zone, nowMs);
    return { fromMs, toMs: around.toMs };
  }
  try {
    return resolveRange(within, zone, nowMs);
  } catch (error) {
    if (error instanceof SluiceError && error.field !== undefined) {
      throw new SluiceError(error.code, { message: error.message, field: `${field}${error.field}` });
    }
    throw error;
  }
}

/** Without the indentation of the source. */
function tidy(sql: string): string {
  return sql
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line.trim() !== '')
    .join('\n');
}
