import {
  SESSION_MEASURES,
  SluiceError,
  type Point,
  type SessionMeasure,
  type SessionNumbers,
  type SessionsQuery,
} from '@sluice/contracts';
import { echoOf, type PeopleSql, type QuestionKind } from '../ask/query-kind.js';
import type { QueryScope } from '../ask/query-scope.js';
import { groupKeyOf, readGroupKey } from '../sql/group-sql.js';
import { bucketAnswers, markedBuckets, type MarkedBucket } from '../time/marked-buckets.js';
import type { TimeRange } from '../time/range.js';
import { askGroups, askSlots, askTotal, groupCondition, type NumbersRow } from './ask-session-numbers.js';
import { sessionRows, type SessionRows } from './session-rows.js';

const DEFINITION =
  'Sessions by the time at which they start. Bounces are sessions with at most one interaction: an event that is no identify, group or alias and does not say `interactive: false`. Durations go from the first event to the last interaction; sessions of a single one last 0 seconds and are part of mean and median. Users are different people by the last event of each session, counted for each bucket, group and for the total by themselves, all merges known so far applied; sessions of nobody are sessions all the same.';

/** Visits: how many, by whom, how long, from where. */
export const sessions: QuestionKind<'sessions'> = {
  kind: 'sessions',
  async answer(query, scope) {
    const { breakdown, measures } = query;
    const buckets = bucketsOf(query, scope);
    const rowsOfAll = (): SessionRows => rowsOf(query, scope, buckets, scope.range);
    const hasOneBucket = buckets.length === 1;
    // A single bucket is the total, which groups are asked for together with their own numbers.
    let overall: NumbersRow[] | undefined;
    if (!hasOneBucket) overall = await scope.ask(askSlots(query, rowsOfAll()));
    else if (breakdown === undefined) overall = await scope.ask(askTotal(query, rowsOfAll()));
    const grouped =
      breakdown === undefined
        ? []
        : await scope.ask(askGroups(query, breakdown, rowsOfAll(), { withTotal: hasOneBucket }));
    const rows = overall ?? grouped;
    const total = rows.find((row) => row.is_total === 1);
    const slots = new Map(rows.filter((row) => row.is_total === 0).map((row) => [row.slot, row]));
    return {
      kind: 'sessions',
      query: echoOf(query, scope),
      ...scope.frame({ definition: DEFINITION }),
      buckets: bucketAnswers(buckets),
      total: numbersOf(total, measures),
      values: buckets.map(({ startMs, complete }) => {
        const row = hasOneBucket ? total : slots.get(startMs);
        return (row?.sessions ?? 0) === 0 && !complete ? null : numbersOf(row, measures);
      }),
      ...(breakdown === undefined
        ? {}
        : {
            groups: grouped
              .filter((row) => row.is_total === 0)
              .map((row) => ({ ...readGroupKey(row.grp), ...numbersOf(row, measures) })),
          }),
    };
  },
  people: (query, point, scope) => Promise.resolve(peopleBehind(query, point, scope)),
};

function bucketsOf(query: SessionsQuery, scope: QueryScope): MarkedBucket[] {
  const calendar = { interval: query.interval, weekStart: query.week_start, zone: scope.zone };
  return markedBuckets(scope.range, calendar, scope.completeThroughMs);
}

function rowsOf(
  query: SessionsQuery,
  scope: QueryScope,
  buckets: readonly MarkedBucket[],
  within: TimeRange,
): SessionRows {
  return sessionRows(query, scope.statement(), buckets, within);
}

/** What was asked for, of the sessions of a row. */
function numbersOf(row: NumbersRow | undefined, measures: readonly SessionMeasure[]): SessionNumbers {
  const numbers = row === undefined || row.sessions === 0 ? NO_SESSIONS : allOf(row);
  const asked = SESSION_MEASURES.filter((measure) => measures.includes(measure));
  return Object.fromEntries(asked.map((measure) => [measure, numbers[measure]]));
}

function allOf({
  sessions: count,
  users,
  pageviews,
  bounces,
  duration_ms,
  median_ms,
}: NumbersRow): AllNumbers {
  const ofEach = (sum: number | undefined): number => (sum ?? 0) / count;
  return {
    sessions: count,
    users: users ?? 0,
    pageviews: pageviews ?? 0,
    pages_per_session: ofEach(pageviews),
    bounce_rate: ofEach(bounces),
    avg_duration_seconds: ofEach(duration_ms) / 1_000,
    median_duration_seconds: (median_ms ?? 0) / 1_000,
  };
}

type AllNumbers = Record<SessionMeasure, number | null>;
const NO_SESSIONS: AllNumbers = {
  sessions: 0,
  users: 0,
  pageviews: 0,
  pages_per_session: null,
  bounce_rate: null,
  avg_duration_seconds: null,
  median_duration_seconds: null,
};

/** The people who `users` of a bucket, of a group or of the total counts. */
function peopleBehind(query: SessionsQuery, point: Point<'sessions'>, scope: QueryScope): PeopleSql {
  const fail = (message: string, field: string): never => {
    throw new SluiceError('invalid_query', { message, field: `/point/${field}` });
  };
  const { breakdown } = query;
  const { bucket: start, group } = point;
  const buckets = bucketsOf(query, scope);
  let within = scope.range;
  if (start !== undefined) {
    if (group !== undefined) return fail('Groups are counted over the whole range.', 'group');
    const bucket = buckets.find(({ startMs }) => startMs === Date.parse(start));
    if (bucket === undefined) return fail('No bucket starts then.', 'bucket');
    within = { fromMs: bucket.startMs, toMs: bucket.endMs };
  }
  if (group !== undefined && breakdown === undefined) return fail('The question has no breakdown.', 'group');
  if (group?.kind === 'value' && group.value === null) return fail('A value is missing.', 'group/value');
  const rows = rowsOf(query, scope, buckets, within);
  const condition =
    group === undefined || breakdown === undefined
      ? 'true'
      : groupCondition(rows, groupKeyOf(group), breakdown.limit);
  return {
    sql: `select person from (${rows.peopled}) where person != 0 and ${condition} group by person`,
    params: rows.statement.params,
  };
}
