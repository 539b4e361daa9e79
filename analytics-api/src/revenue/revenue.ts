import {
  SluiceError,
  type Point,
  type RevenueAnswer,
  type RevenueNumbers,
  type RevenueQuery,
} from '@sluice/contracts';
import { echoOf, type PeopleSql, type QuestionKind } from '../ask/query-kind.js';
import type { QueryScope } from '../ask/query-scope.js';
import { bucketAnswers, markedBuckets, type MarkedBucket } from '../time/marked-buckets.js';
import { findActivePeople } from './active-people.js';
import { agePeriods } from './ages.js';
import { askComers, askLifetime } from './ask-lifetime.js';
import { askRevenue, type RevenueRow } from './ask-revenue.js';
import { lifetimeValue } from './lifetime-value.js';
import { purchases } from './purchase-rows.js';

const DEFINITION =
  'Amounts of events that have one, by the time at which they happened; each currency by itself, never converted, summed as exact decimals. Paying users are different people with such an event, users are different people with any event, both counted for each bucket and for the total by themselves, all merges known so far applied. What nobody paid is revenue, but has no paying user. Lifetime value: people whose first event ever lies in the range; at each age, those of them for whom the local period of that age is over and complete, and what they paid up to its end.';

/** What came in: by bucket and currency, per person, and over the life of people. */
export const revenue: QuestionKind<'revenue'> = {
  kind: 'revenue',
  async answer(query, scope) {
    const buckets = bucketsOf(query, scope);
    const rows = await scope.ask(askRevenue(query, scope.statement(), buckets));
    const active = await findActivePeople(query, scope, buckets);
    const ltvOf = await askLtv(query, scope);
    const currencies = currenciesOf(query, rows).map((currency): RevenueAnswer['currencies'][number] => {
      const own = rows.filter((row) => row.currency === currency);
      const slots = new Map(own.filter((row) => row.over_all_slots === 0).map((row) => [row.slot, row]));
      return {
        currency,
        total: numbersOf(
          own.find((row) => row.over_all_slots === 1),
          active.total,
        ),
        values: buckets.map(({ startMs, complete }) => {
          const row = slots.get(startMs);
          return row === undefined && !complete ? null : numbersOf(row, active.slots.get(startMs));
        }),
        ...(ltvOf === undefined ? {} : { ltv: ltvOf(currency) }),
      };
    });
    return {
      kind: 'revenue',
      query: echoOf(query, scope),
      ...scope.frame({ definition: DEFINITION }),
      buckets: bucketAnswers(buckets),
      currencies,
    };
  },
  people: (query, point, scope) => Promise.resolve(peopleBehind(query, point, scope)),
};

function bucketsOf(query: RevenueQuery, scope: QueryScope): MarkedBucket[] {
  const calendar = { interval: query.interval, weekStart: query.week_start, zone: scope.zone };
  return markedBuckets(scope.range, calendar, scope.completeThroughMs);
}

/** The one that was asked for, or all with an amount: those with most purchases first, as amounts cannot be compared. */
function currenciesOf(query: RevenueQuery, rows: readonly RevenueRow[]): string[] {
  if (query.currency !== undefined) return [query.currency];
  return rows
    .filter((row) => row.over_all_slots === 1)
    .sort((a, b) => b.purchases - a.purchases || (a.currency < b.currency ? -1 : 1))
    .map(({ currency }) => currency);
}

async function askLtv(query: RevenueQuery, scope: QueryScope) {
  const { ltv, week_start } = query;
  if (ltv === undefined) return undefined;
  const ages = agePeriods(ltv, week_start, scope);
  const comers = await scope.ask(askComers(query, scope.statement(), ages.periods));
  const rows = await scope.ask(askLifetime(query, scope.statement(), ages.periods));
  return (currency: string) =>
    lifetimeValue(
      ltv.periods,
      ages,
      comers,
      rows.filter((row) => row.currency === currency),
    );
}

function numbersOf(row: RevenueRow | undefined, users = 0): RevenueNumbers {
  const paid = row?.revenue ?? '0';
  const share = (of: number): number | null => (of === 0 ? null : Number(paid) / of);
  const { purchases: orders = 0, paying_users = 0 } = row ?? {};
  return {
    revenue: paid,
    purchases: orders,
    paying_users,
    users,
    per_user: share(users),
    per_paying_user: share(paying_users),
    average_order: share(orders),
  };
}

/** The people who `paying_users` of a currency counts, in a bucket or in all together. */
function peopleBehind(query: RevenueQuery, point: Point<'revenue'>, scope: QueryScope): PeopleSql {
  const fail = (message: string, field: string): never => {
    throw new SluiceError('invalid_query', { message, field: `/point/${field}` });
  };
  if (query.currency !== undefined && point.currency !== query.currency) {
    return fail('The question is about another currency.', 'currency');
  }
  let within = scope.range;
  if (point.bucket !== undefined) {
    const bucket = bucketsOf(query, scope).find(({ startMs }) => startMs === Date.parse(point.bucket!));
    if (bucket === undefined) return fail('No bucket starts then.', 'bucket');
    within = { fromMs: bucket.startMs, toMs: bucket.endMs };
  }
  const context = scope.statement();
  const { from, person, where } = purchases(query, context, within);
  const currency = context.statement.bind('String', point.currency);
  return {
    sql: `select ${person} as person from ${from} where ${where} and currency = ${currency} and actor_hash != 0 group by person`,
    params: context.statement.params,
  };
}
