import { SluiceError, type ErrorCode, type Interval, type Query, type QueryAnswer } from '@sluice/contracts';
import type { EventLog } from '@sluice/event-log';
import { createProjectStore, type KeyOwner, type Logger } from '@sluice/service-kit';
import type { ClickHouse, Postgres } from '@sluice/warehouse';
import { createReadBudgets } from '../access/read-budgets.js';
import { DEFAULT_CONFIG, type ApiContext } from '../api-context.js';
import { answerQuery } from '../ask/answer-query.js';
import type { QueryOf } from '../ask/query-kind.js';
import { createRowMemory } from '../ask/remember-rows.js';
import { createRunningRequests } from '../ask/running-requests.js';
import { createReadCompleteness } from '../freshness/completeness.js';
import { createStreamSlots } from '../live/stream-slots.js';
import { createRunClickHouse } from '../query-port/clickhouse.js';
import { createRunPostgres } from '../query-port/postgres.js';
import { cutIntoBuckets } from '../time/buckets.js';
import { isoOf, zoneOf } from '../time/range.js';
import { letterOf } from '../trends/trends.js';
import { kindOfMeasure, type SeriesKind } from '../watched/measured.js';
import type { AskSaved, SavedNumbersQuestion } from '../watched/watched-sources.js';
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

const INTERVALS: Readonly<Record<SavedNumbersQuestion['interval'], Interval | undefined>> = {
  minute: 'minute',
  five_minutes: undefined,
  quarter_hour: '15m',
  hour: 'hour',
  day: 'day',
};

const MAX_ROWS = 100_000;
/** What is wrong with the question itself. */
const NO_QUESTION: ReadonlySet<ErrorCode> = new Set([
  'saved_query_not_found',
  'invalid_parameter',
  'invalid_query',
]);

/**
 * Asks saved queries of kind trends, revenue and funnel for one number a bucket, without a server: the same answers as over
 * HTTP, so the same numbers. Numbers come by the start of their bucket, null where there is nothing to measure; buckets whose
 * number may still change, because people of a funnel are on their way, are left out.
 *
 * What is asked of the query is its newest version, its range and interval replaced and without groups and comparisons.
 */
export function createAskSaved(options: AskSavedOptions): AskSaved {
  const context = createContext(options);
  const projects = createProjectStore({ pool: options.postgres.pool });

  return {
    async numbers(question, signal) {
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
      return createAskSavedWithin(owner, context).numbers(question, signal);
    },
    kind: (question) => kindOfSaved(question, context),
  };
}

/** The same, for a request that is under way. */
export function createAskSavedWithin(owner: KeyOwner, context: ApiContext): AskSaved {
  return {
    async numbers(question, signal) {
      const query = await savedQuery(question, context);
      const ask = (asked: Query): Promise<QueryAnswer> => answerQuery(asked, { owner, signal }, context);
      if (query.kind === 'funnel') return askConversions(query, question, ask, context);
      return numbersOf(await ask(narrowed(query, question)), question);
    },
    kind: (question) => kindOfSaved(question, context),
  };
}

type WhichSaved = Pick<SavedNumbersQuestion, 'projectId' | 'name' | 'parameters' | 'series'>;

async function savedQuery({ projectId, name, parameters }: WhichSaved, context: ApiContext): Promise<Query> {
  const saved = await findSaved(projectId, name, undefined, context);
  return questionWith(saved, readParameters(saved.parameters, parameters));
}

/** Numbers of trends are what their measure is; ratios, formulas and sums of money are levels. */
async function kindOfSaved(question: WhichSaved, context: ApiContext): Promise<SeriesKind | undefined> {
  let query: Query;
  try {
    query = await savedQuery(question, context);
  } catch (error) {
    if (error instanceof SluiceError && NO_QUESTION.has(error.code)) return undefined;
    throw error;
  }
  if (query.kind !== 'trends') return 'level';
  const { series } = question;
  const place = series === null ? 0 : query.series.findIndex((_, index) => letterOf(index) === series);
  const asked = query.series[place];
  return asked === undefined ? 'level' : kindOfMeasure(asked.measure);
}

function createContext(options: AskSavedOptions): ApiContext {
  const { postgres, clickhouse, log, logger, timeoutMs = 60_000, now = Date.now } = options;
  const config = { ...DEFAULT_CONFIG, queryTimeoutMs: timeoutMs };
  const limits = { timeoutMs, maxRows: MAX_ROWS };
  const runPostgres = createRunPostgres(postgres.pool, limits);
  const stopping = new AbortController().signal;
  return {
    runPostgres,
    changePostgres: () => Promise.reject(new SluiceError('insufficient_scope')),
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
    telemetry: undefined,
    config,
    stopping,
    now,
  };
}

/** The question with the range and the buckets of a watch. */
function narrowed(query: Query, question: SavedNumbersQuestion): Query {
  const interval = intervalOf(question);
  const range = { from: isoOf(question.fromMs), to: isoOf(question.toMs), timezone: question.timezone };
  switch (query.kind) {
    case 'trends':
      return {
        ...{ ...query, ...range, interval, bands: false },
        ...{ compare: undefined, breakdown: undefined, forecast: undefined },
      };
    case 'revenue':
      return { ...query, ...range, interval, ltv: undefined };
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
    default:
      throw new SluiceError('internal_error');
  }
}

/**
 * Conversion of the people of each bucket, each bucket asked for itself: within a longer range everybody counts once, and the
 * numbers would depend on where it begins. A last step may come until the window ends, so buckets wait for that.
 */
async function askConversions(
  query: QueryOf<'funnel'>,
  question: SavedNumbersQuestion,
  ask: (query: Query) => Promise<QueryAnswer>,
  context: Pick<ApiContext, 'readCompleteness'>,
): Promise<Map<number, number | null>> {
  const { projectId, timezone, fromMs, toMs } = question;
  const interval = intervalOf(question);
  if (interval !== 'hour' && interval !== 'day') {
    throw refuse('Funnels are watched in buckets of hours or days.');
  }
  const { completeThroughMs = -Infinity } = await context.readCompleteness(projectId);
  const zone = zoneOf(timezone);
  const buckets = cutIntoBuckets({ fromMs, toMs }, { interval, weekStart: 'monday', zone });
  const rates = new Map<number, number | null>();
  for (const { startMs, endMs } of buckets) {
    const untilMs = endMs + query.window_seconds * 1_000;
    if (untilMs > completeThroughMs) break;
    const answer = await ask({
      ...query,
      from: isoOf(startMs),
      to: isoOf(untilMs),
      timezone,
      trend: interval,
      breakdown: undefined,
    });
    if (answer.kind !== 'funnel' || answer.trend?.buckets[0]?.mature !== true) {
      throw new SluiceError('internal_error');
    }
    rates.set(startMs, answer.trend.rate[0] ?? null);
  }
  return rates;
}

function intervalOf({ interval }: SavedNumbersQuestion): Interval {
  const found = INTERVALS[interval];
  if (found === undefined) throw refuse('Saved queries have no buckets of five minutes.');
  return found;
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
