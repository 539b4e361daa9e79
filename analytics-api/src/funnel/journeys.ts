import type { FunnelQuery } from '@sluice/contracts';
import type { QueryScope } from '../ask/query-scope.js';
import { eventRows } from '../sql/event-rows.js';
import { cohortKeysSql, fieldGroupSql, isCohortBreakdown, NONE_KEY } from '../sql/group-sql.js';
import type { Statement } from '../sql/statement.js';
import { everyStart } from './every-start.js';
import { latestStart, type Columns } from './latest-start.js';
import { layoutOf, positionSql, timeOf, withoutTwins, withTwins, type PositionLayout } from './positions.js';

export interface Journeys {
  statement: Statement;
  /**
   * Rows: one for each person who did the first step (with cohorts: for each of their cohorts): `person`, `depth` (steps
   * done), `started_ms` (since the start of the range), `wait2` … (milliseconds from the step before; 0 where it was not
   * done), `grp`.
   */
  sql: string;
}

/** The attempt that counts of everyone, with the group that it belongs to, if groups are asked for. */
export function journeys(
  query: FunnelQuery,
  scope: Pick<QueryScope, 'statement'>,
  { grouped }: { grouped: boolean },
): Journeys {
  const outer = scope.statement();
  const { statement } = outer;
  const breakdown = grouped ? query.breakdown : undefined;
  // Strictly following means that any other event comes in between: then all are read.
  const selectors =
    query.order === 'strict'
      ? undefined
      : [
          ...query.steps.map((selector, index) => ({ selector, field: `/steps/${index}` })),
          ...query.exclusions.map((selector, index) => ({ selector, field: `/exclusions/${index}` })),
        ];
  const { from, person, where, context } = eventRows(outer, {
    selectors,
    filters: query.filters,
    bots: query.bots,
    range: outer.range,
    ofSomebody: true,
  });
  // Traits and cohorts are of the person, whatever the event: they are looked up once for each.
  const ofPerson = { ...outer, person: 'person' };
  const byEvent =
    breakdown !== undefined && !isCohortBreakdown(breakdown) && breakdown.user_property === undefined
      ? fieldGroupSql(breakdown, context)
      : undefined;
  const layout = layoutOf(query, outer.range, byEvent !== undefined);
  const position = positionSql(query, layout, context, byEvent === undefined ? undefined : 'grp_key');
  // Keys stay in the order in which events were read: only those of the attempt that counts are looked up.
  const arrays =
    byEvent === undefined
      ? `
      select ${person} as person, arraySort(groupArray(${position})) as positions
      from ${from}
      where ${where}
      group by person`
      : `
      select person, groupArray(position) as unsorted, groupArray(grp_key) as keys, arraySort(unsorted) as positions
      from (
        select ${person} as person, ${byEvent.key} as grp_key, ${position} as position
        from ${from} ${byEvent.joins}
        where ${where}
      )
      group by person`;
  const search =
    query.order === 'ordered' && query.exclusions.length === 0
      ? latestStart(query, layout, statement)
      : everyStart(query, layout, statement);
  const found = `
    select person, ${withTwins(layout, 'positions')} as sorted, ${columnsSql(search)}${byEvent === undefined ? '' : `, ${columnsSql(attributed(query, layout))}`}
    from (${arrays})`;
  const times = timesOf(layout);
  const conditions = ['depth > 0'];
  if (query.breakdown !== undefined && typeof query.attribution === 'object')
    conditions.push(`depth > ${query.attribution.step}`);
  let joins = '';
  let key = byEvent === undefined ? `''` : 'attributed_key';
  if (breakdown !== undefined && isCohortBreakdown(breakdown)) {
    key = `arrayJoin(${cohortKeysSql(breakdown.cohorts, ofPerson)})`;
  } else if (breakdown !== undefined && byEvent === undefined) {
    const group = fieldGroupSql(breakdown, ofPerson);
    key = group.key;
    joins = group.joins;
  }
  return {
    statement,
    sql: `
    select person, depth, ${times}, ${key} as grp
    from (${found}) as found ${joins}
    where ${conditions.join(' and ')}`,
  };
}

const columnsSql = (columns: Columns): string =>
  columns.map(({ name, sql }) => `${sql} as ${name}`).join(',\n      ');

/** The time of the first step, and how long each of the others took after the one before. */
function timesOf(layout: PositionLayout): string {
  const waits = Array.from({ length: layout.steps - 1 }, (_wait, index) => {
    const step = index + 2;
    const wait = `${timeOf(layout, `p${step}`)} - ${timeOf(layout, `p${step - 1}`)}`;
    return `if(depth >= ${step}, ${wait}, 0) as wait${step}`;
  });
  return [`${timeOf(layout, 'p1')} as started_ms`, ...waits].join(', ');
}

/** The key of the group of the attempt that counts: of its first or last event that has one, or of the event of one step. */
function attributed({ steps, attribution }: FunnelQuery, layout: PositionLayout): Columns {
  const keyOf = (step: number): string => `keys[indexOf(unsorted, ${withoutTwins(layout, `p${step}`)})]`;
  if (typeof attribution === 'object') return [{ name: 'attributed_key', sql: keyOf(attribution.step + 1) }];
  const order = Array.from({ length: steps.length }, (_step, index) => index + 1);
  if (attribution === 'last') order.reverse();
  const columns: Columns = order.map((step) => ({ name: `key${step}`, sql: keyOf(step) }));
  // A step that was not reached has an empty key.
  const choices = order.map((step) => `key${step} not in ('', '${NONE_KEY}'), key${step}, `);
  return [...columns, { name: 'attributed_key', sql: `multiIf(${choices.join('')}'${NONE_KEY}')` }];
}
