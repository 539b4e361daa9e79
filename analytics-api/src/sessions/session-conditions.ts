import type { Condition, Filter } from '@sluice/contracts';
import type { PersonlessContext } from '../sql/event-rows.js';
import { SESSION_SQL } from '../sql/field-sql.js';
import { compare, filterSql } from '../sql/filter-sql.js';
import { withPeople } from '../sql/people-sql.js';
import { timeCondition } from '../sql/statement.js';

/** A filter and its JSON pointer. */
interface Placed {
  filter: Filter;
  field: string;
}

/**
 * Filters as conditions on a row of `sessions`, all of which must hold. A condition on a session field is one on the session.
 * Any other is one on an event: those that stand side by side, in one list or one `and`, must all hold for one and the same
 * event of the session. `not` is about the session: it does not meet what stands inside, so none of its events does.
 */
export function sessionConditions(filters: readonly Filter[], context: PersonlessContext): string[] {
  return allOf(
    filters.map((filter, index) => ({ filter, field: `/filters/${index}` })),
    context,
  );
}

function allOf(filters: readonly Placed[], context: PersonlessContext): string[] {
  const sideBySide = filters.flatMap(flattened);
  const conditions: string[] = [];
  const ofOneEvent: Placed[] = [];
  for (const placed of sideBySide) {
    if (isOfSession(placed.filter)) conditions.push(ofSession(placed, context));
    else if (hasNot(placed.filter)) conditions.push(ofWholeSession(placed, context));
    else ofOneEvent.push(placed);
  }
  return ofOneEvent.length === 0 ? conditions : [...conditions, hasEvent(ofOneEvent, context)];
}

const together = (conditions: readonly string[]): string => `(${conditions.join(' and ')})`;

/** A condition in an `and` within an `and` stands beside the others, too. */
function flattened({ filter, field }: Placed): Placed[] {
  if (!('and' in filter)) return [{ filter, field }];
  return filter.and.flatMap((inner, index) => flattened({ filter: inner, field: `${field}/and/${index}` }));
}

/** Of a filter with a `not` in it, which is itself `not` or `or`. */
function ofWholeSession({ filter, field }: Placed, context: PersonlessContext): string {
  if ('not' in filter) {
    return `not ${together(allOf([{ filter: filter.not, field: `${field}/not` }], context))}`;
  }
  const alternatives = 'or' in filter ? filter.or : [];
  return `(${alternatives
    .map((inner, index) => together(allOf([{ filter: inner, field: `${field}/or/${index}` }], context)))
    .join(' or ')})`;
}

function ofSession({ filter, field }: Placed, context: PersonlessContext): string {
  const each = (filters: readonly Filter[], name: string): string[] =>
    filters.map((inner, index) => ofSession({ filter: inner, field: `${field}/${name}/${index}` }, context));
  if ('and' in filter) return together(each(filter.and, 'and'));
  if ('or' in filter) return `(${each(filter.or, 'or').join(' or ')})`;
  if ('not' in filter) return `not ${ofSession({ filter: filter.not, field: `${field}/not` }, context)}`;
  const condition = filter as Condition;
  return compare(condition, SESSION_SQL[condition.session!], context.statement, field);
}

/** Whether one event of the session meets all of these. None of them is before the session's start. */
function hasEvent(filters: readonly Placed[], context: PersonlessContext): string {
  const { statement, range } = context;
  const { from, person } = withPeople(statement, '{db:Identifier}.events');
  const conditions = filters.map(({ filter, field }) => filterSql(filter, { ...context, person }, field));
  return `session_id in (
          select session_id from ${from}
          where project_id = {project:UInt32} and ${timeCondition(statement, 'timestamp', { ...range, toMs: END_OF_TIME_MS })}
            and ${conditions.join(' and ')})`;
}

/** A session that starts in the range may go on after it. */
const END_OF_TIME_MS = Date.UTC(2200, 0, 1);

/** Whether a filter is about session fields alone. */
function isOfSession(filter: Filter): boolean {
  if ('and' in filter) return filter.and.every(isOfSession);
  if ('or' in filter) return filter.or.every(isOfSession);
  if ('not' in filter) return isOfSession(filter.not);
  return 'session' in filter && filter.session !== undefined;
}

/** Behaviours have conditions of their own inside, on other events: a `not` there is none here. */
function hasNot(filter: Filter): boolean {
  if ('and' in filter) return filter.and.some(hasNot);
  if ('or' in filter) return filter.or.some(hasNot);
  return 'not' in filter;
}
