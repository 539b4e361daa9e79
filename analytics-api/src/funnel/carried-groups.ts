import type { FunnelQuery } from '@sluice/contracts';
import { z } from 'zod';
import type { QueryScope } from '../ask/query-scope.js';
import {
  fieldGroupSql,
  isCohortBreakdown,
  isKey,
  NONE_KEY,
  OTHER_KEY,
  type GroupSql,
  type KeyOf,
} from '../sql/group-sql.js';
import type { Statement } from '../sql/statement.js';
import { funnelEvents } from './funnel-events.js';
import { groupAt, withoutTwins, type PositionLayout } from './positions.js';

/** How the groups of events get to the attempts that the events are found to be steps of. */
export interface CarriedGroups {
  /** Of an event, a number that goes into its position. */
  number: string;
  /** Columns of a person beside `unsorted`, the positions of their events: nothing, or with a comma before them. */
  beside: string;
  /** The group of the event at a position (0: of none). */
  groupAt: (position: string) => string;
  /** Whether a group is one of a value. */
  isNamed: (group: string) => string;
  /** The group of what has no value. */
  none: string;
  /** The key of a group. */
  keyOf: KeyOf;
}

const listedRow = z.object({ group_value: z.string(), grp: z.string() });
/** What tells a group apart, and its key. */
export type ListedGroup = z.infer<typeof listedRow>;

/** More are not listed: they are carried as text. */
const MAX_LISTED = 1_000;

/** All groups of the events of a funnel, by their keys; undefined where these are not of single events, or too many. */
export async function listGroups(query: FunnelQuery, scope: QueryScope): Promise<ListedGroup[] | undefined> {
  const { breakdown } = query;
  if (breakdown === undefined || isCohortBreakdown(breakdown)) return undefined;
  // Joining sessions to events once more would cost more than a list saves.
  if ('churn' in breakdown || breakdown.user_property !== undefined || breakdown.session !== undefined) {
    return undefined;
  }
  const outer = scope.statement();
  const { from, where, context } = funnelEvents(query, outer, { needsPeople: false });
  const { value, keyOf } = fieldGroupSql(breakdown, context);
  const rows = await scope.ask({
    name: 'funnel-list-groups',
    params: outer.statement.params,
    row: listedRow,
    sql: `
    select group_value, ${keyOf('group_value')} as grp
    from (
      select ${value} as group_value
      from ${from}
      where ${where}
      group by group_value
      limit ${outer.statement.bind('UInt32', MAX_LISTED + 1)}
    )
    order by grp`,
  });
  return rows.length <= MAX_LISTED ? rows : undefined;
}

/** Groups that are listed are carried as numbers within the positions, as far as there is room; others as text beside them. */
export function carryGroups(
  group: GroupSql,
  options: { listed: readonly ListedGroup[] | undefined; layout: PositionLayout; statement: Statement },
): CarriedGroups {
  const { listed, layout, statement } = options;
  if (listed !== undefined && MAX_LISTED + 2 < 2 ** layout.groupBits) {
    return asNumbers(group, listed, layout, statement);
  }
  return asText(group, layout);
}

/**
 * The number of a group is its place in a list that begins with what has no value; 0 is of no event. An event of a group that
 * came after the list was made is among the others.
 */
function asNumbers(
  { value }: GroupSql,
  listed: readonly ListedGroup[],
  layout: PositionLayout,
  statement: Statement,
): CarriedGroups {
  const keys = [NONE_KEY, ...listed.map(({ grp }) => grp).filter((key) => key !== NONE_KEY), OTHER_KEY];
  const values = statement.bind(
    'Array(String)',
    listed.map(({ group_value }) => group_value),
  );
  const numbers = statement.bind(
    'Array(UInt32)',
    listed.map(({ grp }) => keys.indexOf(grp) + 1),
  );
  return {
    number: `transform(${value}, ${values}, ${numbers}, ${statement.bind('UInt32', keys.length)})`,
    beside: '',
    groupAt: (position) => groupAt(layout, position),
    isNamed: (number) => `${number} > 1`,
    none: '1',
    keyOf: (number) => `${statement.bind('Array(String)', keys)}[${number}]`,
  };
}

/** Keys stay in the order in which events were read: only those of the attempt that counts are looked up. */
function asText({ value, keyOf }: GroupSql, layout: PositionLayout): CarriedGroups {
  const key = keyOf(value);
  return {
    number: `bitAnd(sipHash64(${key}), ${2 ** layout.groupBits - 1})`,
    beside: `, groupArray(${key}) as keys`,
    groupAt: (position) => `keys[indexOf(unsorted, ${withoutTwins(layout, position)})]`,
    isNamed: (text) => `${text} not in ('', '${NONE_KEY}')`,
    none: `'${NONE_KEY}'`,
    keyOf: isKey,
  };
}
