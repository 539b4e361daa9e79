import type { FunnelQuery } from '@sluice/contracts';
import type { QueryScope } from '../ask/query-scope.js';
import {
  cohortKeysSql,
  fieldGroupSql,
  isCohortBreakdown,
  isKey,
  isPeopleBreakdown,
  type KeyOf,
} from '../sql/group-sql.js';
import type { Statement } from '../sql/statement.js';
import { carryGroups, listGroups, type CarriedGroups, type ListedGroup } from './carried-groups.js';
import { everyStart } from './every-start.js';
import { funnelEvents } from './funnel-events.js';
import { inLayers, type Columns } from './in-layers.js';
import { latestStart } from './latest-start.js';
import { layoutOf, positionSql, timeOf, withTwins, type PositionLayout } from './positions.js';

export interface Journeys {
  statement: Statement;
  /**
   * Rows: one for each person who did the first step (with cohorts: for each of their cohorts): `person`, `depth` (steps
   * done), `started_ms` (since the start of the range), `wait2` … (milliseconds from the step before; means nothing where it
   * was not done), `group_value`.
   */
  sql: string;
  /** The key of a group, from `group_value`. */
  keyOf: KeyOf;
}

/** The attempt that counts of everyone. */
export function journeys(query: FunnelQuery, scope: Pick<QueryScope, 'statement'>): Journeys {
  return findJourneys(query, scope, { grouped: false, listed: undefined });
}

/** The attempt that counts of everyone, with the group that it belongs to. */
export async function journeysByGroup(query: FunnelQuery, scope: QueryScope): Promise<Journeys> {
  return findJourneys(query, scope, { grouped: true, listed: await listGroups(query, scope) });
}

function findJourneys(
  query: FunnelQuery,
  scope: Pick<QueryScope, 'statement'>,
  { grouped, listed }: { grouped: boolean; listed: readonly ListedGroup[] | undefined },
): Journeys {
  const outer = scope.statement();
  const { statement } = outer;
  const breakdown = grouped ? query.breakdown : undefined;
  const { from, person, where, context } = funnelEvents(query, outer);
  // Traits, risks and cohorts are of the person, whatever the event: they are looked up once for each.
  const ofPerson = { ...outer, person: 'person' };
  const byEvent =
    breakdown !== undefined && !isCohortBreakdown(breakdown) && !isPeopleBreakdown(breakdown)
      ? fieldGroupSql(breakdown, context)
      : undefined;
  const layout = layoutOf(query, outer.range, byEvent !== undefined);
  const carried = byEvent === undefined ? undefined : carryGroups(byEvent, { listed, layout, statement });
  const position = positionSql(query, layout, context, carried?.number);
  const arrays = `
      select ${person} as person, groupArray(${position}) as unsorted, arraySort(unsorted) as positions${carried?.beside ?? ''}
      from ${from} ${byEvent?.joins ?? ''}
      where ${where}
      group by person`;
  const search =
    query.order === 'ordered' && query.exclusions.length === 0
      ? latestStart(query, layout, statement)
      : everyStart(query, layout, statement);
  const found = inLayers(arrays, [
    { name: 'sorted', sql: withTwins(layout, 'positions') },
    ...search,
    ...(carried === undefined ? [] : attributed(query, carried)),
  ]);
  const times = timesOf(layout);
  const conditions = ['depth > 0'];
  if (query.breakdown !== undefined && typeof query.attribution === 'object')
    conditions.push(`depth > ${query.attribution.step}`);
  let joins = '';
  let value = carried === undefined ? `''` : 'attributed_group';
  let keyOf = carried?.keyOf ?? isKey;
  if (breakdown !== undefined && isCohortBreakdown(breakdown)) {
    value = `arrayJoin(${cohortKeysSql(breakdown.cohorts, ofPerson)})`;
  } else if (breakdown !== undefined && byEvent === undefined) {
    ({ value, keyOf, joins } = fieldGroupSql(breakdown, ofPerson));
  }
  return {
    statement,
    keyOf,
    sql: `
    select person, depth, ${times}, ${value} as group_value
    from (${found}) as found ${joins}
    where ${conditions.join(' and ')}`,
  };
}

/** The time of the first step, and how long each of the others took after the one before. */
function timesOf(layout: PositionLayout): string {
  const waits = Array.from({ length: layout.steps - 1 }, (_wait, index) => {
    const step = index + 2;
    return `${timeOf(layout, `p${step}`)} - ${timeOf(layout, `p${step - 1}`)} as wait${step}`;
  });
  return [`${timeOf(layout, 'p1')} as started_ms`, ...waits].join(', ');
}

/** The group of the attempt that counts: of its first or last event that has one, or of the event of one step. */
function attributed({ steps, attribution }: FunnelQuery, { groupAt, isNamed, none }: CarriedGroups): Columns {
  if (typeof attribution === 'object') {
    return [{ name: 'attributed_group', sql: groupAt(`p${attribution.step + 1}`) }];
  }
  const order = Array.from({ length: steps.length }, (_step, index) => index + 1);
  if (attribution === 'last') order.reverse();
  const columns: Columns = order.map((step) => ({ name: `group${step}`, sql: groupAt(`p${step}`) }));
  const choices = order.map((step) => `${isNamed(`group${step}`)}, group${step}, `);
  return [...columns, { name: 'attributed_group', sql: `multiIf(${choices.join('')}${none})` }];
}
