import type { RevenueQuery } from '@sluice/contracts';
import { z } from 'zod';
import type { ClickHouseQuestion } from '../query-port/run-query.js';
import { eventRows, type PersonlessContext } from '../sql/event-rows.js';
import { withPeople } from '../sql/people-sql.js';
import { timeCondition, type Statement } from '../sql/statement.js';
import type { CalendarBucket } from '../time/buckets.js';
import { slotSql } from '../time/slot-sql.js';
import { AMOUNT, purchases } from './purchase-rows.js';

const comersRow = z.object({ came: z.int(), people: z.int() });
export type ComersRow = z.infer<typeof comersRow>;

/** How many people came in each period (by its place) of those that start in the range. */
export function askComers(
  query: RevenueQuery,
  context: PersonlessContext,
  periods: readonly CalendarBucket[],
): ClickHouseQuestion<ComersRow> {
  const { statement } = context;
  return {
    name: 'revenue-comers',
    params: statement.params,
    row: comersRow,
    sql: `
    select came, count() as people
    from (${comersSql(query, context, periods)})
    group by came`,
  };
}

const lifetimeRow = z.object({ currency: z.string(), came: z.int(), age: z.int(), revenue: z.string() });
export type LifetimeRow = z.infer<typeof lifetimeRow>;

/** What people who came in the range have paid at each age, by the period in which they came. */
export function askLifetime(
  query: RevenueQuery,
  context: PersonlessContext,
  periods: readonly CalendarBucket[],
): ClickHouseQuestion<LifetimeRow> {
  const { statement, range } = context;
  const paid = purchases(query, context, { fromMs: range.fromMs, toMs: periods.at(-1)!.endMs });
  return {
    name: 'revenue-lifetime',
    params: statement.params,
    row: lifetimeRow,
    sql: `
    select currency, came, place - came as age, toString(sum(amount)) as revenue
    from (
      select currency, ${placeSql(statement, 'timestamp', periods)} as place, ${AMOUNT} as amount, ${paid.person} as person
      from ${paid.from}
      where ${paid.where}
    ) as paid
    inner join (${comersSql(query, context, periods)}) as comers on paid.person = comers.person
    where age < ${statement.bind('Int64', query.ltv!.periods)}
    group by currency, came, age`,
  };
}

/**
 * Rows `person`, `came`: everyone whose first event ever lies in the range, all their ids together. Where filters choose
 * events, only those who did such an event in the range.
 */
function comersSql(
  query: RevenueQuery,
  context: PersonlessContext,
  periods: readonly CalendarBucket[],
): string {
  const { statement, range } = context;
  const { from, person } = withPeople(statement, '{db:Identifier}.actors');
  return `
      select person, ${placeSql(statement, 'first', periods)} as came
      from (
        select ${person} as person, min(first_at) as first
        from ${from}
        where project_id = {project:UInt32}
        group by person
      )
      where ${[timeCondition(statement, 'first', range), ...chosenPeople(query, context)].join(' and ')}`;
}

function chosenPeople(query: RevenueQuery, context: PersonlessContext): string[] {
  const { filters, bots } = query;
  if (filters.length === 0 && bots === 'include') return [];
  const { from, person, where } = eventRows(context, {
    filters,
    bots,
    range: context.range,
    ofSomebody: true,
  });
  return [`person in (select ${person} from ${from} where ${where})`];
}

/** The place, from 0, of the period that an instant lies in. */
function placeSql(statement: Statement, instant: string, periods: readonly CalendarBucket[]): string {
  const starts = periods.map(({ startMs }) => startMs);
  const places = statement.bind(
    'Array(Int64)',
    starts.map((_start, place) => place),
  );
  return `transform(${slotSql(statement, `toUnixTimestamp64Milli(${instant})`, periods)}, ${statement.bind('Array(Int64)', starts)}, ${places}, toInt64(-1))`;
}
