import { SluiceError, type StickinessAnswer, type StickinessQuery } from '@sluice/contracts';
import { z } from 'zod';
import { echoOf, type QuestionKind } from '../ask/query-kind.js';
import type { QueryScope } from '../ask/query-scope.js';
import { cutIntoBuckets, type CalendarBucket } from '../time/buckets.js';
import { periodsSql } from './periods-sql.js';

const DEFINITION =
  'Different people by the number of periods of the range in which they did at least `min_events` such events: in exactly so many (`users`), or in so many or more (`cumulative`). Periods need not follow each other. A period of which the range covers only a part counts as one. People active in none are left out.';

const periodsRow = z.object({ periods: z.int(), users: z.int() });

/** In how many periods of a range people were active. */
export const stickiness: QuestionKind<'stickiness'> = {
  kind: 'stickiness',
  async answer(query, scope): Promise<StickinessAnswer> {
    const buckets = bucketsOf(query, scope);
    const { sql, params } = periodsSql(query, scope, buckets);
    const rows = await scope.ask({
      name: 'stickiness',
      sql: `select periods, count() as users from (${sql}) group by periods`,
      params,
      row: periodsRow,
    });
    const users = buckets.map(() => 0);
    for (const row of rows) users[row.periods - 1] = row.users;
    return {
      kind: 'stickiness',
      query: echoOf(query, scope),
      ...scope.frame({ definition: DEFINITION }),
      periods: buckets.length,
      users,
      cumulative: sumsFromBehind(users),
    };
  },
  async people(query, point, scope) {
    const buckets = bucketsOf(query, scope);
    if (point.periods > buckets.length) {
      throw new SluiceError('invalid_query', {
        message: `The range has ${buckets.length} periods.`,
        field: '/point/periods',
      });
    }
    const { sql, params } = periodsSql(query, scope, buckets);
    return {
      sql: `select person from (${sql}) where periods ${point.at_least ? '>=' : '='} {point_periods:UInt64}`,
      params: { ...params, point_periods: point.periods },
    };
  },
};

function bucketsOf(query: StickinessQuery, { range, zone }: QueryScope): CalendarBucket[] {
  return cutIntoBuckets(range, { interval: query.interval, weekStart: query.week_start, zone });
}

function sumsFromBehind(values: readonly number[]): number[] {
  let sum = 0;
  return values
    .toReversed()
    .map((value) => (sum += value))
    .toReversed();
}
