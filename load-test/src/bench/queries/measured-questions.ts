import type { QueryInput } from '@sluice/contracts';
import { DAYS, FIRST_DAY, TIMEZONE } from './dataset.js';

/**
 * One question of the benchmark: how the API is asked, and the best SQL by hand on single events for the same numbers, totals
 * that cannot be added up among them.
 */
export interface MeasuredQuestion {
  name: string;
  /** `POST` bodies for `/v1/query`, or addresses for `GET`; asked one after the other. */
  requests: readonly ({ query: QueryInput } | { path: string })[];
  /** Statements by hand; `{db}` stands for the database. None where single events alone cannot answer. */
  byHand: readonly string[];
  /**
   * One number that both must agree on: from the API's answers, and from the rows of the statements. Left out where the two
   * do not have one in common.
   */
  agree?: {
    api: (answers: readonly unknown[]) => number;
    byHand: (rows: readonly Row[][]) => number;
  };
}
export type Row = Record<string, number | string>;

const dayAfterFirst = (days: number): string =>
  new Date(Date.parse(FIRST_DAY) + days * 86_400_000).toISOString().slice(0, 10);
const lastDay = dayAfterFirst(DAYS - 1);
const range = { from: FIRST_DAY, to: lastDay };
const month = { from: '2025-10-01', to: '2025-10-31' };

/** The range in SQL, by local midnights. */
const between = (column: string, from: string, to: string): string =>
  `${column} >= toDateTime64('${from} 00:00:00', 3, '${TIMEZONE}') and ${column} < addDays(toDateTime64('${to} 00:00:00', 3, '${TIMEZONE}'), 1)`;
const inside = (from: string, to: string): string => `project_id = 1 and ${between('timestamp', from, to)}`;
export const INSIDE = inside(FIRST_DAY, lastDay);
const IN_MONTH = inside('2025-10-01', '2025-10-31');
export const DAY = `toDate(timestamp, '${TIMEZONE}')`;
/** People by hand as fast as they can be: by the hash that the table has, merges joined. */
const EVENTS = `{db}.events left any join (
  select sipHash64(previous_id) as previous, sipHash64(user_id) as canonical from {db}.identities final where project_id = 1
) as merged on actor_hash = merged.previous`;
const PERSON = 'if(merged.canonical = 0, actor_hash, merged.canonical)';

interface Answer {
  series?: { total: number; values: number[]; groups?: { total: number }[] }[];
  steps?: { users: number }[];
  rows?: { size: number; cells: { users: number }[] }[];
  cumulative?: number[];
  new?: number[];
  total?: { sessions: number; bounce_rate: number };
}
export const answerAt = (answers: readonly unknown[], place = 0): Answer => answers[place] as Answer;
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
export const column = (rows: readonly Row[] | undefined, name: string): number =>
  sum((rows ?? []).map((row) => Number(row[name])));

const FUNNEL_STEPS = [{ event: 'Search' }, { event: 'Click' }, { event: 'Purchase' }];
export const WEEK_SECONDS = 7 * 86_400;
export const AT = 'toUInt64(toUnixTimestamp64Milli(timestamp))';
export const stepsOf = (...names: string[]): string => names.map((name) => `event = '${name}'`).join(', ');

/** A funnel by hand: windowFunnel is the fastest that counts these steps right. */
function funnelByHand(group = ''): string {
  const grouped = group === '' ? '' : `, argMin(${group}, timestamp) as grp`;
  return `select ${group === '' ? '' : 'grp, '}countIf(level >= 1) as s1, countIf(level >= 2) as s2, countIf(level >= 3) as s3
    from (select ${PERSON} as person${grouped}, windowFunnel(${WEEK_SECONDS * 1_000})(${AT}, ${stepsOf('Search', 'Click', 'Purchase')}) as level
      from ${EVENTS} where ${INSIDE} and event in ('Search', 'Click', 'Purchase') and actor_hash != 0 group by person)
    ${group === '' ? '' : 'group by grp order by s1 desc limit 10'}`;
}

const sessionsBy = (session: 'entry_path' | 'exit_path'): { query: QueryInput } => ({
  query: {
    kind: 'sessions',
    interval: 'total',
    measures: ['sessions', 'pages_per_session', 'bounce_rate', 'avg_duration_seconds'],
    breakdown: { session },
    ...range,
  },
});

/**
 * Sessions by hand, of each page and in total: those that start in the range, whole, so a day more is read at both ends.
 * Durations go to the last interaction.
 */
function sessionsByHand(first: 'argMinIf' | 'argMaxIf'): string {
  const interaction = `type in ('page', 'screen', 'track') and properties.interactive.:Bool is distinct from false`;
  return `select page, count() as n, avg(pages) as pages_per_session, avg(interactions <= 1) as bounces, avg(seconds) as duration
    from (select min(timestamp) as started, maxIf(timestamp, ${interaction}) as ended,
        greatest(dateDiff('millisecond', started, ended), 0) / 1000 as seconds, countIf(${interaction}) as interactions,
        countIf(type in ('page', 'screen')) as pages, ${first}(page_path, timestamp, page_path != '') as page
      from {db}.events
      where ${inside(dayAfterFirst(-1), dayAfterFirst(DAYS))} and session_id != toUUID('00000000-0000-0000-0000-000000000000')
      group by session_id)
    where ${between('started', FIRST_DAY, lastDay)}
    group by page with totals order by n desc`;
}

const trends = (
  series: NonNullable<Extract<QueryInput, { kind: 'trends' }>['series']>[number],
  more: Partial<Extract<QueryInput, { kind: 'trends' }>> = {},
): { query: QueryInput } => ({ query: { kind: 'trends', series: [series], ...range, ...more } });

const total = {
  api: (answers: readonly unknown[]) => answerAt(answers).series![0]!.total,
  byHand: (rows: readonly Row[][]) => column(rows[0], 'n'),
};
export const valuesSum = {
  api: (answers: readonly unknown[]) => sum(answerAt(answers).series![0]!.values),
  byHand: (rows: readonly Row[][]) => column(rows[0], 'n'),
};

/** The questions of the benchmark. `person` is somebody with an ordinary number of events. */
export function measuredQuestions(person: { id: string }): MeasuredQuestion[] {
  const cards = dashboardCards();
  return [
    {
      name: '1 events a day',
      requests: [trends({ measure: 'count' })],
      byHand: [`select ${DAY} as d, count() as n from {db}.events where ${INSIDE} group by d order by d`],
      agree: total,
    },
    {
      name: '2 people a day',
      requests: [trends({ measure: 'unique_users' })],
      byHand: [
        `select ${DAY} as d, uniqExact(${PERSON}) as n from ${EVENTS} where ${INSIDE} and actor_hash != 0 group by d order by d`,
        `select uniqExact(${PERSON}) as n from ${EVENTS} where ${INSIDE} and actor_hash != 0`,
      ],
      agree: valuesSum,
    },
    {
      name: '3 people a day by country',
      requests: [trends({ measure: 'unique_users' }, { breakdown: { column: 'country', limit: 20 } })],
      byHand: [
        `select ${DAY} as d, country, uniqExact(${PERSON}) as n from ${EVENTS} where ${INSIDE} and actor_hash != 0 group by grouping sets ((d, country), (d), (country), ())`,
      ],
    },
    {
      name: '4 top pages of a month',
      requests: [
        trends(
          { type: 'page', measure: 'unique_users' },
          { ...month, interval: 'total', breakdown: { column: 'page_path', limit: 10 } },
        ),
      ],
      byHand: [
        `select page_path, uniqExact(${PERSON}) as n from ${EVENTS} where ${IN_MONTH} and type = 'page' and actor_hash != 0 group by page_path order by n desc limit 10`,
        `select uniqExact(${PERSON}) as n, uniqExactIf(${PERSON}, page_path not in ('/p/0', '/p/1', '/p/2', '/p/3', '/p/4', '/p/5', '/p/6', '/p/7', '/p/8', '/p/9')) as other from ${EVENTS} where ${IN_MONTH} and type = 'page' and actor_hash != 0`,
      ],
      agree: { api: total.api, byHand: (rows) => column(rows[1], 'n') },
    },
    {
      name: '4 sources of a month',
      requests: [
        trends(
          { measure: 'unique_users' },
          { ...month, interval: 'total', breakdown: { column: 'channel', limit: 10 } },
        ),
      ],
      byHand: [
        `select channel, uniqExact(${PERSON}) as n from ${EVENTS} where ${IN_MONTH} and actor_hash != 0 group by channel order by n desc limit 10`,
        `select uniqExact(${PERSON}) as n from ${EVENTS} where ${IN_MONTH} and actor_hash != 0`,
      ],
      agree: { api: total.api, byHand: (rows) => column(rows[1], 'n') },
    },
    {
      name: '4 hours of a month',
      requests: [trends({ measure: 'count' }, { ...month, interval: 'hour' })],
      byHand: [
        `select toStartOfHour(timestamp, '${TIMEZONE}') as h, count() as n from {db}.events where ${IN_MONTH} group by h order by h`,
      ],
      agree: total,
    },
    {
      name: '5 people altogether',
      requests: [trends({ measure: 'unique_users' }, { interval: 'total' })],
      byHand: [`select uniqExact(${PERSON}) as n from ${EVENTS} where ${INSIDE} and actor_hash != 0`],
      agree: total,
    },
    {
      name: '6 funnel of three steps',
      requests: [{ query: { kind: 'funnel', steps: FUNNEL_STEPS, window_seconds: WEEK_SECONDS, ...range } }],
      byHand: [funnelByHand()],
      agree: {
        api: (answers) => sum(answerAt(answers).steps!.map(({ users }) => users)),
        byHand: (rows) => column(rows[0], 's1') + column(rows[0], 's2') + column(rows[0], 's3'),
      },
    },
    {
      name: '7 funnel with an exclusion',
      requests: [
        {
          query: {
            kind: 'funnel',
            steps: FUNNEL_STEPS,
            window_seconds: WEEK_SECONDS,
            exclusions: [{ event: 'Video', after_step: 1, before_step: 2 }],
            ...range,
          },
        },
      ],
      // windowFunnel knows no exclusions: sorted arrays, as one would write them.
      byHand: [
        `select countIf(has_first) as s1, countIf(reached >= 2) as s2 from (
          select ${PERSON} as person, arraySort(groupArray((${AT}, multiIf(event = 'Search', 1, event = 'Click', 2, event = 'Purchase', 3, 4)))) as list,
            arrayExists(x -> x.2 = 1, list) as has_first,
            arrayMax(arrayMap((x, i) -> if(x.2 = 1, 1 + arrayExists(y -> y.2 = 2 and y.1 - x.1 <= ${WEEK_SECONDS * 1_000}, arraySlice(list, i)), 0), list, arrayEnumerate(list))) as reached
          from ${EVENTS} where ${INSIDE} and event in ('Search', 'Click', 'Purchase', 'Video') and actor_hash != 0 group by person)`,
      ],
    },
    {
      name: '8 funnel by country',
      requests: [
        {
          query: {
            kind: 'funnel',
            steps: FUNNEL_STEPS,
            window_seconds: WEEK_SECONDS,
            breakdown: { column: 'country', limit: 10 },
            ...range,
          },
        },
      ],
      byHand: [funnelByHand('country')],
    },
    {
      name: '9 retention by day',
      requests: [{ query: { kind: 'retention', period: 'day', ...range } }],
      byHand: [retentionByHand(DAY, '1')],
      agree: {
        api: (answers) =>
          sum(answerAt(answers).rows!.flatMap(({ cells }) => cells.map(({ users }) => users))),
        byHand: (rows) => column(rows[0], 'n'),
      },
    },
    {
      name: '10 retention by week',
      requests: [{ query: { kind: 'retention', period: 'week', ...range } }],
      byHand: [retentionByHand(`toMonday(${DAY})`, '7')],
      agree: {
        api: (answers) =>
          sum(answerAt(answers).rows!.flatMap(({ cells }) => cells.map(({ users }) => users))),
        byHand: (rows) => column(rows[0], 'n'),
      },
    },
    {
      name: '11 lifecycle by day',
      requests: [{ query: { kind: 'lifecycle', interval: 'day', ...range } }],
      byHand: [
        `select sumIf(1, d = days[1]) as n, sumIf(1, has(days, d - 1)) as returning, count() as active
         from (select ${PERSON} as person, arraySort(groupUniqArray(${DAY})) as days from ${EVENTS} where ${INSIDE} and actor_hash != 0 group by person)
         array join days as d group by d order by d`,
      ],
      agree: { api: (answers) => sum(answerAt(answers).new!), byHand: (rows) => column(rows[0], 'n') },
    },
    {
      name: '12 stickiness by day',
      requests: [{ query: { kind: 'stickiness', interval: 'day', ...range } }],
      byHand: [
        `select days, count() as n from (select ${PERSON} as person, uniqExact(${DAY}) as days from ${EVENTS} where ${INSIDE} and actor_hash != 0 group by person) group by days order by days`,
      ],
      agree: { api: (answers) => answerAt(answers).cumulative![0]!, byHand: (rows) => column(rows[0], 'n') },
    },
    {
      name: '13 sessions with entry and exit pages',
      requests: [sessionsBy('entry_path'), sessionsBy('exit_path')],
      byHand: [sessionsByHand('argMinIf'), sessionsByHand('argMaxIf')],
      agree: {
        api: (answers) => answerAt(answers).total!.sessions,
        byHand: (rows) => column(rows[0], 'n'),
      },
    },
    {
      name: '14 timeline of a person',
      requests: [{ path: `/v1/users/${person.id}/timeline?limit=50` }],
      byHand: [
        `select * from {db}.events where project_id = 1 and actor_id = '${person.id}' order by timestamp desc limit 50`,
      ],
    },
    {
      name: '15 search for people',
      requests: [{ path: `/v1/users?search=${person.id.slice(0, 9)}` }],
      byHand: [
        `select actor_id, max(timestamp) as last from {db}.events where project_id = 1 and startsWith(actor_id, '${person.id.slice(0, 9)}') group by actor_id order by last desc limit 50`,
      ],
    },
    {
      name: '16 keys and values of properties',
      requests: [
        { path: '/v1/properties?event=Purchase' },
        { path: '/v1/properties/values?event=Purchase&property=plan' },
      ],
      byHand: [
        `select distinctJSONPaths(properties) as keys from {db}.events where project_id = 1 and event = 'Purchase'`,
        `select properties.plan::String as value, count() as n from {db}.events where project_id = 1 and event = 'Purchase' group by value order by n desc limit 20`,
      ],
    },
    {
      name: '17 percentiles of a property',
      requests: [
        {
          query: {
            kind: 'trends',
            series: [
              { event: 'Purchase', measure: 'p50', property: 'amount' },
              { event: 'Purchase', measure: 'p99', property: 'amount' },
            ],
            ...range,
          },
        },
      ],
      byHand: ['0.5', '0.99'].map(
        (level) =>
          `select ${DAY} as d, quantileExactInclusive(${level})(properties.amount::Float64) as n from {db}.events where ${INSIDE} and event = 'Purchase' group by d with totals order by d`,
      ),
    },
    {
      name: '18 comparison with the period before',
      requests: [
        trends({ measure: 'unique_users' }, { from: '2025-10-16', to: lastDay, compare: 'previous_period' }),
      ],
      byHand: [inside('2025-10-16', lastDay), inside('2025-09-15', '2025-10-15')].map(
        (where) =>
          `select ${DAY} as d, uniqExact(${PERSON}) as n from ${EVENTS} where ${where} and actor_hash != 0 group by grouping sets ((d), ()) order by d`,
      ),
      agree: {
        api: (answers) => valuesSum.api(answers) + total.api(answers),
        byHand: (rows) => column(rows[0], 'n'),
      },
    },
    { name: '19 dashboard of 20 cards', requests: cards, byHand: [] },
  ];
}

function retentionByHand(period: string, length: string): string {
  return `select start, intDiv(back - start, ${length}) as k, count() as n
    from (select ${PERSON} as person, groupUniqArray(${period}) as periods from ${EVENTS} where ${INSIDE} and actor_hash != 0 group by person)
    array join periods as start array join periods as back
    where back >= start group by start, k order by start, k`;
}

/** What one screen of a dashboard asks: tiles with their change, a main line, lists, a funnel, retention, people. */
function dashboardCards(): { query: QueryInput }[] {
  const tile = (measure: 'count' | 'unique_users'): { query: QueryInput } =>
    trends({ measure }, { ...month, interval: 'total', compare: 'previous_period' });
  const list = (
    name: 'page_path' | 'channel' | 'country' | 'browser' | 'os' | 'device_type',
  ): { query: QueryInput } =>
    trends(
      { measure: 'unique_users' },
      { ...month, interval: 'total', breakdown: { column: name, limit: 10 } },
    );
  const sessions = (more: Partial<Extract<QueryInput, { kind: 'sessions' }>>): { query: QueryInput } => ({
    query: { kind: 'sessions', ...month, ...more },
  });
  return [
    tile('count'),
    tile('unique_users'),
    sessions({ interval: 'total' }),
    trends({ event: 'Purchase', measure: 'sum', property: 'amount' }, { ...month, interval: 'total' }),
    trends({ measure: 'unique_users' }, { ...month, compare: 'previous_period' }),
    trends({ measure: 'count' }, month),
    trends({ measure: 'trailing_users', trailing_days: 7 }, month),
    list('page_path'),
    list('channel'),
    list('country'),
    list('browser'),
    list('os'),
    list('device_type'),
    sessions({ interval: 'day' }),
    sessions({ interval: 'total', breakdown: { session: 'entry_path', limit: 10 } }),
    { query: { kind: 'funnel', steps: FUNNEL_STEPS, window_seconds: WEEK_SECONDS, ...month } },
    { query: { kind: 'retention', period: 'week', ...range } },
    { query: { kind: 'lifecycle', interval: 'week', ...range } },
    { query: { kind: 'stickiness', interval: 'day', ...month } },
    { query: { kind: 'revenue', interval: 'day', ...month } },
  ];
}
