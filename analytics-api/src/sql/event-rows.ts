import type { Bots, EventSelector, Filter } from '@sluice/contracts';
import type { TimeRange } from '../time/range.js';
import { botConditions, filterConditions, selectorConditions, type FilterContext } from './filter-sql.js';
import { withPeople } from './people-sql.js';
import { timeCondition } from './statement.js';

/** Which single events a question reads. */
export interface EventRowsOptions {
  /** By name, type and conditions: an event that meets any of them. All events when left out. */
  selectors?: readonly { selector: EventSelector; field: string }[] | undefined;
  /** Conditions on every event. */
  filters: readonly Filter[];
  bots: Bots;
  range: TimeRange;
  /** Only events of somebody. */
  ofSomebody: boolean;
  /** Whether expressions over these rows name their person; filters see to themselves. Default true. */
  needsPeople?: boolean;
}

/** Everything of a question but who the person of a row is: that depends on what a row comes from. */
export type PersonlessContext = Omit<FilterContext, 'person'>;

export interface EventRows {
  /** `from … ` up to and without `where`; add further joins right behind it. */
  from: string;
  /** Expression for the person of a row. */
  person: string;
  /** Conditions, all of which must hold. */
  where: string;
  /** For expressions over these rows. */
  context: FilterContext;
}

/** Single events with their people: `from ${from} where ${where}`. */
export function eventRows(outer: PersonlessContext, options: EventRowsOptions): EventRows {
  const { statement } = outer;
  const { selectors, filters, bots, range, ofSomebody, needsPeople = true } = options;
  const events = '{db:Identifier}.events';
  const { from, person } = withPeople(statement, events);
  let isNamed = needsPeople;
  const context: FilterContext = {
    ...outer,
    get person() {
      isNamed = true;
      return person;
    },
  };
  const conditions = ['project_id = {project:UInt32}', timeCondition(statement, 'timestamp', range)];
  if (selectors !== undefined) {
    const names = selectors.map(({ selector }) => selector.event);
    // Said for itself, so that the primary key is used.
    if (selectors.length > 1 && names.every((name) => name !== null)) {
      conditions.push(`event in ${statement.bind('Array(String)', [...new Set(names)])}`);
    }
    const alternatives = selectors.map(({ selector, field }) => selectorSql(selector, context, field));
    if (!alternatives.includes('true')) conditions.push(`(${alternatives.join(' or ')})`);
  }
  if (ofSomebody) conditions.push('actor_hash != 0');
  conditions.push(...botConditions(bots), ...filterConditions(filters, context));
  // Joining people to rows that nobody asks about costs as much as counting the rows.
  return { from: isNamed ? from : events, person, where: conditions.join('\n      and '), context };
}

/** One selector as a condition on an event. */
export function selectorSql(selector: EventSelector, context: FilterContext, field: string): string {
  const conditions = selectorConditions(selector, context, field);
  return conditions.length === 0 ? 'true' : `(${conditions.join(' and ')})`;
}
