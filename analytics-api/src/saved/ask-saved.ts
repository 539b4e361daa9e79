import { SluiceError, type Interval, type Query, type QueryAnswer } from '@sluice/contracts';
import type { EventLog } from '@sluice/event-log';
import { createProjectStore, type KeyOwner, type Logger } from '@sluice/service-kit';
import type { ClickHouse, Postgres } from '@sluice/warehouse';
import { createReadBudgets } from '../access/read-budgets.js';
import { DEFAULT_CONFIG, type ApiContext } from '../api-context.js';
import { answerQuery } from '../ask/answer-query.js';
import type { QueryOf } from '../ask/query-kind.js';
import { createRowMemory } from '../ask/remember-rows.js';
import type { RequestOptions } from '../ask/run-request.js';
import { createRunningRequests } from '../ask/running-requests.js';
import { createReadCompleteness } from '../freshness/completeness.js';
import { createStreamSlots } from '../live/stream-slots.js';
import { createRunClickHouse } from '../query-port/clickhouse.js';
import { createRunPostgres } from '../query-port/postgres.js';
import { isoOf } from '../time/range.js';
import { findSaved } from './find-saved.js';
import { readParameters } from './read-parameters.js';
import { questionWith } from './saved-question.js';

export interface AskSavedOptions {
  postgres: Postgres;
  clickhouse: ClickHouse;
  log: EventLog;
  logger: Logger;
  /** Time for one answer, milliseconds. Default 60,000: nobody waits for it. */
  timeoutMs?: number;
  /** Default Date.now. */
  now?: () => number;
}

export interface SavedNumbersQuestion {
  projectId: number;
  /** IANA zone whose hours and days the buckets are. */
  timezone: string;
  name: string;
  /** Values of its parameters, as in its address. */
  parameters: Readonly<Record<string, string | string[]>>;
  /**
   * Of trends: letter of a series, or text or name of a formula; null: the first series. Of revenue: the currency; null: the
   * only one. Of a funnel it is always the conversion rate.
   */
  series: string | null;
  interval: 'minute' | 'five_minutes' | 'quarter_hour' | 'hour' | 'day';
  fromMs: number;
  toMs: number;
}

const INTERVALS: Readonly<Record<SavedNumbersQuestion['interval'], Interval | undefined>> = {
  minute: 'minute',
  five_minutes: undefined,
  quarter_hour: '15m',
  hour: 'hour',
  day: 'day',
};

const MAX_ROWS = 100_000;

/**
 * Asks saved queries of kind trends, revenue and funnel for one number a bucket, without a server: the same answers as over
 * HTTP, so the same numbers. Numbers come by the start of their bucket, null where there is nothing to measure; buckets whose
 * number may still change, because people of a funnel are on their way, are left out.
 *
 * What is asked of the query is its newest version, its range and interval replaced and without groups and comparisons.
 */
export function createAskSaved(
  options: AskSavedOptions,
): (question: SavedNumbersQuestion, signal: AbortSignal) => Promise<Map<number, number | null>> {
  const context = createContext(options);
  const projects = createProjectStore({ pool: options.postgres.pool });

  return async (question, signal) => {
    const project = await projects.get(question.projectId);
    if (project === undefined) throw new SluiceError('project_not_found');
    const owner: KeyOwner = {
      keyId: 0,
      kind: 'read',
      revoked: false,
      allowedOrigins: [],
      rowsPerHour: 0,
      project,
    };
    return askSavedNumbers(question, { owner, signal }, context);
  };
}

/** One number a bucket of a saved query; see createAskSaved. */
export async function askSavedNumbers(
  question: SavedNumbersQuestion,
  options: Pick<RequestOptions, 'owner' | 'signal'>,
  context: ApiContext,
): Promise<Map<number, number | null>> {
  const saved = await findSaved(question.projectId, question.name, undefined, context);
  const query = questionWith(saved, readParameters(saved.parameters, question.parameters));
  const answer = await answerQuery(narrowed(query, question), options, context);
  return numbersOf(answer, question);
}

function createContext(options: AskSavedOptions): ApiContext {
  const { postgres, clickhouse, log, logger, timeoutMs = 60_000, now = Date.now } = options;
  const config = { ...DEFAULT_CONFIG, queryTimeoutMs: timeoutMs };
  const limits = { timeoutMs, maxRows: MAX_ROWS };
  const runPostgres = createRunPostgres(postgres.pool, limits);
  const stopping = new AbortController().signal;
  return {
    runPostgres,
    changePostgres: runPostgres,
    runClickHouse: createRunClickHouse(clickhouse, { ...limits, maxMemoryBytes: config.queryMemoryBytes }),
    readCompleteness: createReadCompleteness(runPostgres, log),
    // Nobody asks for closed buckets twice.
    rowMemory: createRowMemory({ maxBytes: 0 }),
    running: createRunningRequests(),
    budgets: createReadBudgets({ rowsPerHour: 0, now }),
    streams: createStreamSlots(0, stopping),
    database: (generation) => clickhouse.database(generation),
    log,
    logger,
    config,
    stopping,
    now,
  };
}

/** The question with the range and the buckets of a watch. */
function narrowed(query: Query, question: SavedNumbersQuestion): Query {
  const interval = INTERVALS[question.interval];
  if (interval === undefined) {
    throw refuse('Saved queries have no buckets of five minutes.');
  }
  const range = { from: isoOf(question.fromMs), to: isoOf(question.toMs), timezone: question.timezone };
  switch (query.kind) {
    case 'trends':
      return {
        ...{ ...query, ...range, interval, bands: false },
        ...{ compare: undefined, breakdown: undefined, forecast: undefined },
      };
    case 'revenue':
      return { ...query, ...range, interval, ltv: undefined };
    case 'funnel': {
      const asked: QueryOf<'funnel'> = { ...query, ...range, trend: interval, breakdown: undefined };
      return asked;
    }
    default:
      throw refuse(`${question.name} is of kind ${query.kind}, which does not give one number a bucket.`);
  }
}

function numbersOf(answer: QueryAnswer, question: SavedNumbersQuestion): Map<number, number | null> {
  switch (answer.kind) {
    case 'trends': {
      const { series } = question;
      const found =
        series === null
          ? answer.series[0]
          : (answer.series.find(({ letter }) => letter === series) ??
            answer.formulas.find(({ formula, name }) => formula === series || name === series));
      if (found === undefined) throw refuse(`${question.name} has no series ${series}.`);
      return zip(answer.buckets, found.values);
    }
    case 'revenue': {
      const { series } = question;
      const [first, second] = answer.currencies;
      if (series === null && second !== undefined) {
        throw refuse(`${question.name} has several currencies: one of them must be named.`);
      }
      const found = series === null ? first : answer.currencies.find(({ currency }) => currency === series);
      return zip(
        answer.buckets,
        answer.buckets.map((_, index) => {
          // Without a purchase in the range there is no currency, and nothing was taken in.
          if (found === undefined) return 0;
          const numbers = found.values[index];
          return numbers === null || numbers === undefined ? null : Number(numbers.revenue);
        }),
      );
    }
    case 'funnel': {
      const { trend } = answer;
      if (trend === undefined) throw new SluiceError('internal_error');
      const open = trend.buckets.findIndex(({ mature }) => !mature);
      const final = open === -1 ? trend.buckets : trend.buckets.slice(0, open);
      return zip(final, trend.rate);
    }
    default:
      throw new SluiceError('internal_error');
  }
}

function zip(
  buckets: readonly { start: string }[],
  values: readonly (number | null)[],
): Map<number, number | null> {
  return new Map(buckets.map(({ start }, index) => [Date.parse(start), values[index] ?? null]));
}

function refuse(message: string): SluiceError {
  return new SluiceError('invalid_query', { message });
}
