import type { LiveQuery } from '@sluice/contracts';
import { z } from 'zod';
import type { ClickHouseQuestion } from '../query-port/run-query.js';
import { eventRows, type PersonlessContext } from '../sql/event-rows.js';
import type { Statement } from '../sql/statement.js';

const MINUTE_MS = 60_000;

/** A question about the present: minutes are counted back from now, so each of them is a whole one. */
export interface LiveRequest {
  query: LiveQuery;
  context: PersonlessContext;
}

/** Events of the last minutes: rows `ago` (whole minutes passed since), `person`, and some columns. */
function recentEvents({ query, context }: LiveRequest, minutes: number, columns: readonly string[]): string {
  const { statement, nowMs } = context;
  const range = { fromMs: nowMs - minutes * MINUTE_MS + 1, toMs: nowMs + 1 };
  // Behaviours that do not say when are looked for in the same minutes.
  const { from, person, where } = eventRows(
    { ...context, range },
    { filters: query.filters, bots: query.bots, range, ofSomebody: false },
  );
  return `
      select ${[`${agoSql(statement, nowMs)} as ago`, `${person} as person`, ...columns].join(', ')}
      from ${from}
      where ${where}`;
}

function agoSql(statement: Statement, nowMs: number): string {
  return `intDiv(${statement.bind('Int64', nowMs)} - toUnixTimestamp64Milli(timestamp), ${MINUTE_MS})`;
}

const minuteRow = z.object({
  ago: z.int(),
  over_all: z.int(),
  events: z.int(),
  users: z.int(),
  active_users: z.int(),
});
export type MinuteRow = z.infer<typeof minuteRow>;

/** Events and people of each minute; in the row over all, events of the minutes asked for and who is here now. */
export function askMinutes(request: LiveRequest): ClickHouseQuestion<MinuteRow> {
  const { query, context } = request;
  const { statement } = context;
  const rows = recentEvents(request, Math.max(query.minutes, query.active_minutes), []);
  return {
    name: 'live-minutes',
    params: statement.params,
    row: minuteRow,
    sql: `
    select ago, grouping(ago) as over_all,
      countIf(passed < ${statement.bind('Int64', query.minutes)}) as events,
      uniqExactIf(person, person != 0) as users,
      uniqExactIf(person, person != 0 and passed < ${statement.bind('Int64', query.active_minutes)}) as active_users
    from (select ago, ago as passed, person from (${rows}))
    group by grouping sets ((ago), ())`,
  };
}

const topRow = z.object({ list: z.string(), value: z.string(), users: z.int(), events: z.int() });
export type TopRow = z.infer<typeof topRow>;

/** The lists of an answer, and the column that each looks at. */
const LISTS = { pages: 'page_path', names: 'event', channels: 'channel', countries: 'country' } as const;
export type LiveList = keyof typeof LISTS;

/** Of each list the values with most people; events without the value are in none. */
export function askTop(request: LiveRequest): ClickHouseQuestion<TopRow> {
  const { query, context } = request;
  const { statement } = context;
  const columns = Object.values(LISTS);
  const items = Object.entries(LISTS).map(([list, column]) => `('${list}', toString(${column}))`);
  return {
    name: 'live-top',
    params: statement.params,
    row: topRow,
    sql: `
    select item.1 as list, item.2 as value, uniqExactIf(person, person != 0) as users, count() as events
    from (select person, arrayJoin([${items.join(', ')}]) as item from (${recentEvents(request, query.minutes, columns)}))
    where item.2 != ''
    group by list, value
    order by list, users desc, events desc, value
    limit ${statement.bind('UInt32', query.limit)} by list`,
  };
}

/** Everybody who is here now. */
export function activePeopleSql(request: LiveRequest): string {
  return `select person from (${recentEvents(request, request.query.active_minutes, [])}) where person != 0 group by person`;
}

/** The start of the minute that began so many whole minutes and one ago. */
export function minuteStartMs(nowMs: number, ago: number): number {
  return nowMs - (ago + 1) * MINUTE_MS;
}
