import type { SessionField, SessionMeasure, SessionsQuery } from '@sluice/contracts';
import { z } from 'zod';
import type { ClickHouseQuestion } from '../query-port/run-query.js';
import { OTHER_KEY } from '../sql/group-sql.js';
import type { SessionRows } from './session-rows.js';

const numbersRow = z.object({
  /** Start of the bucket, milliseconds; means nothing where a row is not of one bucket. */
  slot: z.int(),
  /** Means nothing where a row is not of one group. */
  grp: z.string(),
  /** 1: of all sessions. */
  is_total: z.int(),
  sessions: z.int(),
  users: z.int().optional(),
  pageviews: z.int().optional(),
  bounces: z.int().optional(),
  /** Of all sessions together. */
  duration_ms: z.int().optional(),
  /** Null without sessions. */
  median_ms: z.number().nullish(),
});
/** The numbers of some sessions, as far as measures need them. */
export type NumbersRow = z.infer<typeof numbersRow>;

/** A number, and how to put it together from that of parts: as a state where the numbers alone would not do. */
interface NumberSql {
  name: 'sessions' | 'users' | 'pageviews' | 'bounces' | 'duration_ms' | 'median_ms';
  whole: string;
  part: string;
  merge: string;
}
const summed = (name: NumberSql['name'], whole: string): NumberSql => ({
  name,
  whole,
  part: whole,
  merge: 'sum',
});
const SESSIONS = summed('sessions', 'count()');
const PAGEVIEWS = summed('pageviews', 'sum(pages)');
const NUMBER_OF: Readonly<Record<SessionMeasure, NumberSql>> = {
  sessions: SESSIONS,
  users: {
    name: 'users',
    whole: 'uniqExactIf(person, person != 0)',
    part: 'uniqExactIfState(person, person != 0)',
    merge: 'uniqExactIfMerge',
  },
  pageviews: PAGEVIEWS,
  pages_per_session: PAGEVIEWS,
  bounce_rate: summed('bounces', 'countIf(interactions <= 1)'),
  avg_duration_seconds: summed('duration_ms', 'sum(length_ms)'),
  median_duration_seconds: {
    name: 'median_ms',
    whole: 'quantileExactInclusive(0.5)(length_ms)',
    part: 'quantileExactInclusiveState(0.5)(length_ms)',
    merge: 'quantileExactInclusiveMerge(0.5)',
  },
};

/** How many sessions is always among them: without any there are no ratios, and groups are ranked by it. */
function numbersFor(measures: readonly SessionMeasure[]): NumberSql[] {
  return [...new Set([SESSIONS, ...measures.map((measure) => NUMBER_OF[measure])])];
}

const wholes = (measures: readonly SessionMeasure[]): string =>
  numbersFor(measures)
    .map(({ name, whole }) => `${whole} as ${name}`)
    .join(', ');
const parts = (measures: readonly SessionMeasure[]): string =>
  numbersFor(measures)
    .map(({ name, part }) => `${part} as part_${name}`)
    .join(', ');
const merged = (measures: readonly SessionMeasure[]): string =>
  numbersFor(measures)
    .map(({ name, merge }) => `${merge}(part_${name}) as ${name}`)
    .join(', ');

/** One row for each session; people are looked up only when they are counted. */
const rowsFor = ({ measures }: Measured, { visits, peopled }: SessionRows): string =>
  measures.includes('users') ? peopled : visits;

type Measured = Pick<SessionsQuery, 'measures'>;

/** The numbers of each bucket, and of all together. */
export function askSlots(query: Measured, rows: SessionRows): ClickHouseQuestion<NumbersRow> {
  return {
    name: 'sessions',
    params: rows.statement.params,
    row: numbersRow,
    sql: `
    select slot, '' as grp, grouping(slot) as is_total, ${merged(query.measures)}
    from (select slot, ${parts(query.measures)} from (${rowsFor(query, rows)}) group by slot)
    group by grouping sets ((slot), ())`,
  };
}

/** The numbers of all together: without parts to put together, twice as fast. */
export function askTotal(query: Measured, rows: SessionRows): ClickHouseQuestion<NumbersRow> {
  return {
    name: 'sessions',
    params: rows.statement.params,
    row: numbersRow,
    sql: `
    select 0 as slot, '' as grp, 1 as is_total, ${wholes(query.measures)}
    from (${rowsFor(query, rows)})`,
  };
}

/** Measures whose parts are as large as what they are made from. */
const SETS: ReadonlySet<SessionMeasure> = new Set(['users', 'median_duration_seconds']);
/** Fields of few values, however many sessions there are. */
const FEW_VALUES: ReadonlySet<SessionField> = new Set(['channel', 'country', 'device_type', 'browser', 'os']);

/**
 * The numbers of the groups with most sessions, largest first, and of all others together as the last.
 *
 * Where groups are few, or their parts are plain numbers, one pass makes the parts of all. Sets of very many groups would cost
 * more to put together than it costs to find the largest groups first.
 *
 * @param withTotal The numbers of all sessions, too: put together from the same parts.
 */
export function askGroups(
  query: Measured,
  { session, limit }: NonNullable<SessionsQuery['breakdown']>,
  rows: SessionRows,
  { withTotal }: { withTotal: boolean },
): ClickHouseQuestion<NumbersRow> {
  const { measures } = query;
  const source = rowsFor(query, rows);
  const inOnePass = FEW_VALUES.has(session) || !measures.some((measure) => SETS.has(measure));
  const kept = (isKept: string): string => `if(${isKept}, value, '${OTHER_KEY}') as kept`;
  const byGroup = inOnePass
    ? `
      select *, ${kept(`row_number() over (order by part_sessions desc, value) <= ${rows.statement.bind('UInt32', limit)}`)}
      from (select grp as value, ${parts(measures)} from (${source}) group by value)`
    : `
      select ${kept(`value in (${largestSql(rows, limit)})`)}, ${parts(measures)}
      from (select * except grp, grp as value from (${source}))
      group by kept`;
  return {
    name: 'sessions-groups',
    params: rows.statement.params,
    row: numbersRow,
    sql: `
    select 0 as slot, ifNull(kept, '') as grp, grouping(kept) as is_total, ${merged(measures)}
    from (${byGroup})
    group by grouping sets ((kept)${withTotal ? ', ()' : ''})
    order by is_total, grp = '${OTHER_KEY}', sessions desc, grp`,
  };
}

/** The groups with most sessions. */
function largestSql({ statement, visits }: SessionRows, limit: number): string {
  return `select grp from (${visits}) group by grp order by count() desc, grp limit ${statement.bind('UInt32', limit)}`;
}

/** The sessions of one group; of all groups beyond the largest when it is the one of others. */
export function groupCondition(rows: SessionRows, key: string, limit: number): string {
  if (key === OTHER_KEY) return `grp not in (${largestSql(rows, limit)})`;
  return `grp = ${rows.statement.bind('String', key)}`;
}
