import {
  answerAt,
  AT,
  column,
  DAY,
  INSIDE,
  stepsOf,
  valuesSum,
  WEEK_SECONDS,
  type Row,
} from './measured-questions.js';

/** A question as a peer puts it to the same table, from what they publish of how they count. */
export interface PeerShape {
  question: string;
  peer: string;
  sql: string;
  /** The number that is compared: the peer's, and the API's for the same question. */
  number: (rows: readonly Row[]) => number;
  right: (answers: readonly unknown[]) => number;
}

const IN_FUNNEL = `${INSIDE} and event in ('Search', 'Click', 'Purchase') and actor_hash != 0`;
const finishers = (rows: readonly Row[]): number => column(rows, 's3');
const step = (name: string): string =>
  `select actor_id, timestamp from {db}.events where ${INSIDE} and event = '${name}' and actor_hash != 0`;

export const PEER_SHAPES: readonly PeerShape[] = [
  {
    question: '2 people a day',
    peer: 'Plausible: uniq(user_id), no merges',
    sql: `select ${DAY} as d, uniq(actor_id) as n from {db}.events where ${INSIDE} and actor_hash != 0 group by d order by d`,
    number: (rows) => column(rows, 'n'),
    right: valuesSum.api,
  },
  {
    question: '2 people a day',
    peer: 'PostHog: distinct person after overrides',
    sql: `select ${DAY} as d, uniqExact(coalesce(nullIf(merged.user_id, ''), actor_id)) as n from {db}.events
      left any join (select previous_id, user_id from {db}.identities final where project_id = 1) as merged on actor_id = merged.previous_id
      where ${INSIDE} and actor_hash != 0 group by d order by d`,
    number: (rows) => column(rows, 'n'),
    right: valuesSum.api,
  },
  {
    question: '6 funnel of three steps',
    peer: 'Plausible: windowFunnel of 24 hours',
    sql: `select countIf(level >= 3) as s3 from (select actor_id, windowFunnel(86400)(toDateTime(timestamp), ${stepsOf('Search', 'Click', 'Purchase')}) as level
      from {db}.events where ${IN_FUNNEL} group by actor_id)`,
    number: finishers,
    right: (answers) => answerAt(answers).steps![2]!.users,
  },
  {
    question: '6 funnel of three steps',
    peer: 'OpenPanel: windowFunnel strict_increase',
    sql: `select countIf(level >= 3) as s3 from (select actor_id, windowFunnel(${WEEK_SECONDS * 1_000}, 'strict_increase')(${AT}, ${stepsOf('Search', 'Click', 'Purchase')}) as level
      from {db}.events where ${IN_FUNNEL} group by actor_id)`,
    number: finishers,
    right: (answers) => answerAt(answers).steps![2]!.users,
  },
  {
    question: '6 funnel of three steps',
    peer: 'Umami: a chain of joins, window from each step',
    sql: `with one as (${step('Search')}),
      two as (select distinct t.actor_id, t.timestamp from (${step('Click')}) as t inner join one on one.actor_id = t.actor_id
        where t.timestamp between one.timestamp and one.timestamp + interval ${WEEK_SECONDS} second),
      three as (select distinct t.actor_id from (${step('Purchase')}) as t inner join two on two.actor_id = t.actor_id
        where t.timestamp between two.timestamp and two.timestamp + interval ${WEEK_SECONDS} second)
      select count() as s3 from three`,
    number: finishers,
    right: (answers) => answerAt(answers).steps![2]!.users,
  },
  {
    question: '6 funnel of three steps',
    peer: 'Rybbit: first times joined, no window',
    sql: `with one as (select actor_id, min(timestamp) as at from (${step('Search')}) group by actor_id),
      two as (select t.actor_id as actor_id, min(t.timestamp) as at from (${step('Click')}) as t inner join one on one.actor_id = t.actor_id where t.timestamp > one.at group by actor_id),
      three as (select distinct t.actor_id from (${step('Purchase')}) as t inner join two on two.actor_id = t.actor_id where t.timestamp > two.at)
      select count() as s3 from three`,
    number: finishers,
    right: (answers) => answerAt(answers).steps![2]!.users,
  },
  {
    question: '6 funnel of three steps',
    peer: 'PostHog: sorted arrays of tuples for each person',
    sql: `select countIf(arrayExists(x -> x.2 = 3 and arrayExists(y -> y.2 = 2 and y.1 <= x.1 and arrayExists(z -> z.2 = 1 and z.1 <= y.1 and x.1 - z.1 <= ${WEEK_SECONDS * 1_000}, list), list), list)) as s3
      from (select coalesce(nullIf(merged.user_id, ''), actor_id) as person, arraySort(groupArray((${AT}, multiIf(event = 'Search', 1, event = 'Click', 2, 3)))) as list
        from {db}.events left any join (select previous_id, user_id from {db}.identities final where project_id = 1) as merged on actor_id = merged.previous_id
        where ${IN_FUNNEL} group by person)`,
    number: finishers,
    right: (answers) => answerAt(answers).steps![2]!.users,
  },
  {
    question: '13 sessions with entry and exit pages',
    peer: 'Snowplow models, Matomo: sessions from gaps of 30 minutes',
    sql: `select sum(1 + arrayCount(gap -> gap > 1800, arrayPopFront(arrayDifference(list)))) as n
      from (select actor_id, arraySort(groupArray(toUnixTimestamp(timestamp))) as list from {db}.events where ${INSIDE} and actor_hash != 0 group by actor_id)`,
    number: (rows) => column(rows, 'n'),
    right: (answers) => answerAt(answers).total!.sessions,
  },
];
