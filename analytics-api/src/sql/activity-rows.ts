import type { Bots, EventSelector, Filter } from '@sluice/contracts';
import { dayPlaceSql, placeSql, type Placed } from '../time/place-sql.js';
import { eventRows, type PersonlessContext } from './event-rows.js';
import { botConditions, filterConditions, selectorConditions, type FilterContext } from './filter-sql.js';
import { withPeople } from './people-sql.js';
import type { PeopleTable } from './people-table.js';

/** Which events make somebody active. */
export interface Activity {
  selector: EventSelector;
  /** JSON pointer to the selector. */
  field: string;
  /** Further conditions on every event. */
  filters: readonly Filter[];
  bots: Bots;
}

export interface ActivityRowsOptions {
  /** Follow each other without a gap. */
  places: readonly Placed[];
  /** Activity before the first place gives rows of place 0. */
  earlier?: boolean;
  table: PeopleTable;
}

/**
 * SQL of rows `person`, `place` and `n` (events): who was active in which place. A person can have many rows of one place.
 * Behaviours in filters go by the range of the context, whatever the places cover.
 */
export function activityRows(
  outer: PersonlessContext,
  activity: Activity,
  options: ActivityRowsOptions,
): string {
  return options.table === 'events'
    ? fromEvents(outer, activity, options)
    : fromDays(outer, activity, { ...options, table: options.table });
}

function fromEvents(
  outer: PersonlessContext,
  { selector, field, filters, bots }: Activity,
  { places, earlier = false }: ActivityRowsOptions,
): string {
  const { statement } = outer;
  const fromMs = places[0]!.startMs;
  const { from, person, where } = eventRows(outer, {
    selectors: [{ selector, field }],
    filters,
    bots,
    range: { fromMs: earlier ? 0 : fromMs, toMs: places.at(-1)!.endMs },
    ofSomebody: true,
  });
  const at = 'toUnixTimestamp64Milli(timestamp)';
  const place = placeSql(statement, at, places);
  const shown = earlier ? `if(${at} < ${statement.bind('Int64', fromMs)}, toUInt16(0), ${place})` : place;
  return `
      select ${person} as person, ${shown} as place, toUInt64(1) as n
      from ${from}
      where ${where}`;
}

function fromDays(
  outer: PersonlessContext,
  { selector, field, filters, bots }: Activity,
  { places, earlier = false, table }: ActivityRowsOptions & { table: Exclude<PeopleTable, 'events'> },
): string {
  const { statement } = outer;
  // Everyone's first event of all is known by itself: no need to read all days before.
  const asksActors = earlier && table === 'active_days' && bots === 'include';
  const { from, person } = withPeople(statement, `{db:Identifier}.${table}`);
  const days = dayPlaceSql(statement, places, { earlier: earlier && !asksActors });
  const conditionsOn = (context: FilterContext): string[] => [
    'project_id = {project:UInt32}',
    'actor_hash != 0',
    ...selectorConditions(selector, context, field),
    ...filterConditions(filters, context),
  ];
  const active = `
      select ${person} as person, ${days.place} as place, events as n
      from ${from}
      where ${[...conditionsOn({ ...outer, person }), ...botConditions(bots), ...days.conditions].join('\n        and ')}`;
  if (!asksActors) return active;
  const actors = withPeople(statement, '{db:Identifier}.actors');
  const first = `fromUnixTimestamp64Milli(${statement.bind('Int64', places[0]!.startMs)}, 'UTC')`;
  return `${active}
      union all
      select ${actors.person} as person, toUInt16(0) as place, events as n
      from ${actors.from}
      where ${conditionsOn({ ...outer, person: actors.person }).join('\n        and ')} and first_at < ${first}`;
}
