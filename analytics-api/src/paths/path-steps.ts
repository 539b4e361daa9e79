import type { PathsQuery } from '@sluice/contracts';
import type { QueryScope } from '../ask/query-scope.js';
import { eventRows } from '../sql/event-rows.js';
import type { Statement } from '../sql/statement.js';

export interface StepRows {
  statement: Statement;
  /** Rows of events that are steps: `name`, `person`, `session_id`, `at_ms`. */
  sql: string;
}

const IS_PAGE = `type in ('page', 'screen')`;

/** What a step is called, as SQL over an event; empty for what is no step. */
const NAMES: Record<PathsQuery['step'], { name: string; condition: string }> = {
  page_path: { name: 'page_path', condition: IS_PAGE },
  event: { name: 'toString(event)', condition: `type = 'track'` },
  page_or_event: {
    name: `if(${IS_PAGE}, page_path, toString(event))`,
    condition: `type in ('page', 'screen', 'track')`,
  },
};

/** The events that are steps of paths. One without a name is no step. */
export function stepRows(query: PathsQuery, scope: Pick<QueryScope, 'statement'>): StepRows {
  const outer = scope.statement();
  const { from, person, where } = eventRows(outer, {
    filters: query.filters,
    bots: query.bots,
    range: outer.range,
    ofSomebody: query.scope === 'user',
  });
  const { name, condition } = NAMES[query.step];
  const ofSession =
    query.scope === 'session' ? `and session_id != toUUID('00000000-0000-0000-0000-000000000000')` : '';
  return {
    statement: outer.statement,
    sql: `
      select ${name} as name, ${person} as person, session_id, toUInt64(toUnixTimestamp64Milli(timestamp)) as at_ms
      from ${from}
      where ${where} and ${condition} and name != '' ${ofSession}`,
  };
}
