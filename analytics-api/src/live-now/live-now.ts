import { echoOf, type QuestionKind } from '../ask/query-kind.js';
import { isoOf } from '../time/range.js';
import { activePeopleSql, askMinutes, askTop, minuteStartMs, type LiveList } from './ask-live.js';

const DEFINITION =
  'Events by the time at which they happened, in minutes counted back from `now`; nothing later than `now`. Active users are different people with an event in the last `active_minutes`. Pages, channels and countries are those of any event, names those of events that have one; most people first.';

/** What happens at present. `now` is part of every statement, so nothing is answered from memory. */
export const liveNow: QuestionKind<'live'> = {
  kind: 'live',
  async answer(query, scope) {
    const rows = await scope.ask(askMinutes({ query, context: scope.statement() }));
    const tops = await scope.ask(askTop({ query, context: scope.statement() }));
    const overall = rows.find((row) => row.over_all === 1);
    const minutes = new Map(rows.filter((row) => row.over_all === 0).map((row) => [row.ago, row]));
    const top = (list: LiveList) =>
      tops.filter((row) => row.list === list).map(({ value, users, events }) => ({ value, users, events }));
    return {
      kind: 'live',
      query: echoOf(query, scope),
      ...scope.frame({ definition: DEFINITION }),
      now: isoOf(scope.nowMs),
      active_users: overall?.active_users ?? 0,
      events: overall?.events ?? 0,
      minutes: Array.from({ length: query.minutes }, (_, place) => {
        const ago = query.minutes - 1 - place;
        const { events = 0, users = 0 } = minutes.get(ago) ?? {};
        return { start: isoOf(minuteStartMs(scope.nowMs, ago)), events, users };
      }),
      pages: top('pages'),
      names: top('names'),
      channels: top('channels'),
      countries: top('countries'),
    };
  },
  people(query, _point, scope) {
    const context = scope.statement();
    return Promise.resolve({ sql: activePeopleSql({ query, context }), params: context.statement.params });
  },
};
