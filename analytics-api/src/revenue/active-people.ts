import { trendsQuerySchema, type RevenueQuery } from '@sluice/contracts';
import type { QueryScope } from '../ask/query-scope.js';
import { askNumbers } from '../trends/ask-numbers.js';
import { collect, type Found } from '../trends/fill.js';
import { chooseSource } from '../trends/plan.js';
import { seriesRows } from '../trends/series-rows.js';
import type { CalendarBucket } from '../time/buckets.js';

/** People active in each bucket and in all together: what trends call unique users of all events, from the same tables. */
export async function findActivePeople(
  { interval, filters, bots }: RevenueQuery,
  scope: QueryScope,
  buckets: readonly CalendarBucket[],
): Promise<Found> {
  const query = trendsQuerySchema.parse({
    kind: 'trends',
    series: [{ measure: 'unique_users' }],
    interval,
    filters,
    bots,
  });
  const series = query.series[0]!;
  const plan = { scope, query, series, index: 0, source: chooseSource(series, query, buckets) };
  return collect(await scope.ask(askNumbers(plan, seriesRows(plan, buckets, 'none'), 'none')), false).overall;
}
