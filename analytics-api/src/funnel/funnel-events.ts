import type { FunnelQuery } from '@sluice/contracts';
import { eventRows, type EventRows, type PersonlessContext } from '../sql/event-rows.js';

/**
 * The events that a funnel looks at.
 *
 * @param needsPeople Whether expressions over them name their person. Default true.
 */
export function funnelEvents(
  query: FunnelQuery,
  outer: PersonlessContext,
  { needsPeople = true }: { needsPeople?: boolean } = {},
): EventRows {
  // Strictly following means that any other event comes in between: then all are read.
  const selectors =
    query.order === 'strict'
      ? undefined
      : [
          ...query.steps.map((selector, index) => ({ selector, field: `/steps/${index}` })),
          ...query.exclusions.map((selector, index) => ({ selector, field: `/exclusions/${index}` })),
        ];
  return eventRows(outer, {
    selectors,
    filters: query.filters,
    bots: query.bots,
    range: outer.range,
    ofSomebody: needsPeople,
    needsPeople,
  });
}
