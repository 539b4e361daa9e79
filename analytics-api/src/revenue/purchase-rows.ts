import type { RevenueQuery } from '@sluice/contracts';
import { eventRows, type EventRows, type PersonlessContext } from '../sql/event-rows.js';
import type { TimeRange } from '../time/range.js';

/** The events with an amount that a question counts. Columns: `amount`, `currency`; see `EventRows` for the rest. */
export function purchases(query: RevenueQuery, context: PersonlessContext, range: TimeRange): EventRows {
  const rows = eventRows(context, {
    filters: query.filters,
    bots: query.bots,
    range,
    ofSomebody: false,
  });
  const conditions = [rows.where, 'isNotNull(revenue)'];
  if (query.currency !== undefined) {
    conditions.push(`currency = ${context.statement.bind('String', query.currency)}`);
  }
  return { ...rows, where: conditions.join('\n      and ') };
}

/** The amount of a purchase, exact. */
export const AMOUNT = 'assumeNotNull(revenue)';
