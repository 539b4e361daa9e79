import type { PeopleAnswer, RevenueAnswer, RevenueNumbers } from '@sluice/contracts';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openApiFixture, type ApiFixture, type Project, type TestEvent } from './api-fixture.js';

let api: ApiFixture;
let project: Project;

const COMPLETE_THROUGH = '2024-05-01T00:00:00Z';

beforeAll(async () => {
  api = await openApiFixture();
  await api.completeThrough(COMPLETE_THROUGH);
});
afterAll(async () => api.close());
beforeEach(async () => {
  project = await api.createProject();
});

async function revenue(query: Record<string, unknown>, key = project.key): Promise<RevenueAnswer> {
  const response = await api.ask(key, { kind: 'revenue', timezone: 'UTC', ...query });
  expect(response.statusCode, response.body).toBe(200);
  return response.json<RevenueAnswer>();
}

async function askPeople(query: Record<string, unknown>, point: object, key = project.key) {
  return api.app.inject({
    method: 'POST',
    url: '/v1/people',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    payload: JSON.stringify({ query: { kind: 'revenue', timezone: 'UTC', ...query }, point }),
  });
}

function paid(
  userId: string,
  at: string,
  amount: string,
  currency = 'USD',
  more: Partial<TestEvent> = {},
): TestEvent {
  return { userId, at, event: 'Purchase', columns: { revenue: amount, currency }, ...more };
}
const seen = (userId: string, at: string): TestEvent => ({ userId, at, event: 'view' });
const days = { from: '2024-01-01', to: '2024-01-02' };

describe('revenue', () => {
  it('is summed exactly, per bucket and in all, with what it means per person and order', async () => {
    await api.land(project.projectId, [
      paid('a', '2024-01-01T10:00:00Z', '0.1'),
      paid('a', '2024-01-01T11:00:00Z', '0.2'),
      paid('b', '2024-01-02T11:00:00Z', '99999999999.9999'),
      seen('c', '2024-01-01T09:00:00Z'),
    ]);
    const { currencies, additive, exact } = await revenue(days);
    expect(currencies).toEqual([
      {
        currency: 'USD',
        total: {
          revenue: '100000000000.2999',
          purchases: 3,
          paying_users: 2,
          users: 3,
          per_user: 100000000000.2999 / 3,
          per_paying_user: 100000000000.2999 / 2,
          average_order: 100000000000.2999 / 3,
        },
        values: [
          {
            revenue: '0.3',
            purchases: 2,
            paying_users: 1,
            users: 2,
            per_user: 0.15,
            per_paying_user: 0.3,
            average_order: 0.15,
          },
          expect.objectContaining({ revenue: '99999999999.9999', purchases: 1, paying_users: 1, users: 1 }),
        ],
      },
    ]);
    expect({ additive, exact }).toEqual({ additive: false, exact: true });
  });

  it('of different currencies is never added, and those with most purchases come first', async () => {
    await api.land(project.projectId, [
      paid('a', '2024-01-01T10:00:00Z', '1000', 'JPY'),
      paid('a', '2024-01-01T11:00:00Z', '5', 'EUR'),
      paid('b', '2024-01-01T11:00:00Z', '-2', 'EUR'),
      paid('b', '2024-01-01T11:00:00Z', '1', ''),
    ]);
    const { currencies } = await revenue(days);
    expect(currencies.map(({ currency, total }) => [currency, total.revenue, total.paying_users])).toEqual([
      ['EUR', '3', 2],
      ['', '1', 1],
      ['JPY', '1000', 1],
    ]);
  });

  it('of one currency is zero where nothing was paid, and not known where not everything is in', async () => {
    await api.land(project.projectId, [seen('a', '2024-04-30T10:00:00Z')]);
    const { currencies } = await revenue({ currency: 'EUR', from: '2024-04-30', to: '2024-05-01' });
    expect(currencies).toMatchObject([
      {
        currency: 'EUR',
        total: { revenue: '0', purchases: 0, paying_users: 0, users: 1, per_user: 0, per_paying_user: null },
        values: [{ revenue: '0', users: 1 }, null],
      },
    ]);
  });

  it('counts what nobody paid, but no person for it', async () => {
    await api.land(project.projectId, [
      { at: '2024-01-01T10:00:00Z', event: 'Purchase', columns: { revenue: '7', currency: 'USD' } },
    ]);
    expect((await revenue(days)).currencies[0]!.total).toMatchObject({
      revenue: '7',
      purchases: 1,
      paying_users: 0,
      users: 0,
      per_user: null,
      average_order: 7,
    });
  });

  it('looks at the events that meet the filters, for people active too, and leaves robots out when asked', async () => {
    await api.land(project.projectId, [
      paid('a', '2024-01-01T10:00:00Z', '1', 'USD', { properties: { plan: 'pro' } }),
      paid('b', '2024-01-01T10:00:00Z', '2'),
      paid('r', '2024-01-01T10:00:00Z', '4', 'USD', { isBot: true }),
    ]);
    const total = async (more: object) => (await revenue({ ...days, ...more })).currencies[0]!.total;
    const filters = [{ property: 'plan', operator: 'is', values: ['pro'] }];
    expect(await total({ filters })).toMatchObject({ revenue: '1', users: 1, paying_users: 1 });
    expect(await total({ bots: 'exclude' })).toMatchObject({ revenue: '3', users: 2 });
    expect(await total({})).toMatchObject({ revenue: '7', users: 3 });
  });

  it('names its paying people, all of one currency, bucket by bucket', async () => {
    await api.land(project.projectId, [
      paid('a', '2024-01-01T10:00:00Z', '1'),
      { ...paid('', '2024-01-02T10:00:00Z', '2'), anonymousId: 'anon' },
      paid('c', '2024-01-02T10:00:00Z', '2', 'EUR'),
    ]);
    await api.merge(project.projectId, 'anon', 'b');
    const all = (await askPeople(days, { currency: 'USD' })).json<PeopleAnswer>();
    expect(all.people.map(({ user_id }) => user_id).sort()).toEqual(['a', 'b']);
    const second = await askPeople(days, { currency: 'USD', bucket: '2024-01-02T00:00:00Z' });
    expect(second.json()).toMatchObject({ total: 1, people: [{ user_id: 'b' }] });
    const other = await askPeople({ ...days, currency: 'EUR' }, { currency: 'USD' });
    expect(other.json()).toMatchObject({ code: 'invalid_query', field: '/point/currency' });
    const none = await askPeople(days, { currency: 'USD', bucket: '2024-01-02T01:00:00Z' });
    expect(none.json()).toMatchObject({ code: 'invalid_query', field: '/point/bucket' });
  });

  it('is only estimated on a dry run', async () => {
    const response = await api.ask(project.key, { kind: 'revenue', dry_run: true, ltv: {} });
    const { kind, statements } = response.json<{ kind: string; statements: { name: string }[] }>();
    expect(kind).toBe('estimate');
    expect(statements.map(({ name }) => name)).toEqual([
      'revenue',
      'trends-unique_users-active_days',
      'revenue-comers',
      'revenue-lifetime',
    ]);
  });
});

describe('lifetime value', () => {
  it('is what people who came in the range have paid up to each age, of those who have reached it', async () => {
    await api.land(project.projectId, [
      seen('old', '2023-12-31T10:00:00Z'),
      paid('old', '2024-01-05T10:00:00Z', '1000'),
      seen('jan', '2024-01-31T10:00:00Z'),
      paid('jan', '2024-02-01T10:00:00Z', '10'),
      paid('jan', '2024-04-20T10:00:00Z', '5'),
      paid('mar', '2024-03-01T10:00:00Z', '1'),
      paid('mar', '2024-04-30T10:00:00Z', '3'),
      // In May, which has not ended.
      paid('mar', '2024-05-02T10:00:00Z', '100'),
    ]);
    const { currencies } = await revenue({
      from: '2024-01-01',
      to: '2024-03-31',
      interval: 'total',
      ltv: { period: 'month', periods: 5 },
    });
    expect(currencies[0]!.ltv).toEqual({
      users: 2,
      points: [
        { age: 0, users: 2, per_user: 0.5 },
        { age: 1, users: 2, per_user: 7 },
        { age: 2, users: 1, per_user: 10 },
        { age: 3, users: 1, per_user: 15 },
        { age: 4, users: 0, per_user: null },
      ],
    });
  });

  it('takes people to have come when the first of all their ids did', async () => {
    await api.land(project.projectId, [
      { anonymousId: 'anon', at: '2023-12-01T10:00:00Z', event: 'view' },
      paid('a', '2024-01-05T10:00:00Z', '1'),
    ]);
    const query = { from: '2024-01-01', to: '2024-01-31', ltv: { period: 'month', periods: 1 } };
    expect((await revenue(query)).currencies[0]!.ltv).toMatchObject({ users: 1 });
    await api.merge(project.projectId, 'anon', 'a');
    expect((await revenue(query)).currencies[0]!.ltv).toEqual({
      users: 0,
      points: [{ age: 0, users: 0, per_user: null }],
    });
  });

  it('is refused when its periods would be too many', async () => {
    const response = await api.ask(project.key, {
      kind: 'revenue',
      interval: 'month',
      from: '1990-01-01',
      to: '2020-01-01',
      ltv: { period: 'day' },
    });
    expect(response.json()).toMatchObject({ code: 'too_many_buckets', field: '/ltv/period' });
  });
});

const START_MS = Date.parse('2024-03-01T00:00:00Z');
const HOUR_MS = 3_600_000;

const event = fc.record({
  at: fc.integer({ min: 0, max: 75 * 24 * 4 }).map((quarter) => START_MS + quarter * (HOUR_MS / 4)),
  id: fc.constantFrom('', 'u1', 'u2', 'a1', 'a2', 'a3'),
  /** In ten-thousandths. */
  amount: fc.option(fc.bigInt({ min: -50_000n, max: 10_000_000n }), { nil: undefined }),
  currency: fc.constantFrom('USD', 'EUR'),
  isBot: fc.constantFrom(false, false, true),
});
type Made = typeof event extends fc.Arbitrary<infer E> ? E : never;

describe('any revenue', () => {
  it('is what a count by hand says, people, zones and lifetimes included', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { minLength: 1, maxLength: 80 }),
        fc.constantFrom<[string, string][]>(
          [],
          [['a1', 'u1']],
          [
            ['a1', 'u1'],
            ['a2', 'u1'],
          ],
        ),
        fc.record({
          timezone: fc.constantFrom('UTC', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe'),
          interval: fc.constantFrom('day', 'week', 'total', 'hour'),
          bots: fc.constantFrom('include', 'exclude'),
        }),
        fc.constantFrom('day', 'week', 'month'),
        async (events, merges, query, period) => {
          const { projectId, key } = await api.createProject();
          await api.land(projectId, events.map(testEventOf));
          for (const [from, to] of merges) await api.merge(projectId, from, to);
          const merged = new Map(merges);
          const personOf = ({ id }: Made): string => merged.get(id) ?? id;
          const asked = { ...query, from: '2024-03-05', to: '2024-04-03', ltv: { period, periods: 3 } };
          const answer = await revenue(asked, key);
          const fromMs = Date.parse(answer.query.from!);
          const toMs = Date.parse(answer.query.to!);
          const counted = events.filter(({ isBot }) => query.bots === 'include' || !isBot);
          const inRange = (from: number, to: number): Made[] =>
            counted.filter(({ at }) => at >= from && at < to);

          const purchases = inRange(fromMs, toMs).filter(({ amount }) => amount !== undefined);
          const currencies = [...new Set(purchases.map(({ currency }) => currency))];
          expect(answer.currencies.map(({ currency }) => currency).sort()).toEqual(currencies.sort());
          const periods = (await calendarOf(key, period, query.timezone)).filter(
            ({ endMs }) => endMs <= Date.parse(COMPLETE_THROUGH),
          );
          const placeOf = (at: number): number =>
            periods.findIndex(({ startMs, endMs }) => at >= startMs && at < endMs);
          for (const { currency, total, values, ltv } of answer.currencies) {
            const numbers = (from: number, to: number): RevenueNumbers =>
              numbersOf(inRange(from, to), currency, personOf);
            expect(total).toEqual(numbers(fromMs, toMs));
            expect(values).toEqual(
              answer.buckets.map(({ start, end }) => numbers(Date.parse(start), Date.parse(end))),
            );
            expect((await askPeople(asked, { currency }, key)).json()).toMatchObject({
              total: total.paying_users,
            });

            const active = new Set(inRange(fromMs, toMs).map(personOf));
            const firstOf = (person: string): number =>
              Math.min(...events.filter((one) => personOf(one) === person).map(({ at }) => at));
            const comers = [...active].filter((person) => person !== '' && firstOf(person) >= fromMs);
            expect(ltv!.users).toBe(comers.length);
            for (const { age, users, per_user } of ltv!.points) {
              const reached = comers.filter((person) => {
                const came = placeOf(firstOf(person));
                return came !== -1 && came + age < periods.length;
              });
              const sum = counted
                .filter((one) => one.currency === currency && one.amount !== undefined)
                .filter((one) => {
                  const place = placeOf(one.at);
                  const person = personOf(one);
                  return reached.includes(person) && place !== -1 && place - placeOf(firstOf(person)) <= age;
                })
                .reduce((all, { amount }) => all + amount!, 0n);
              expect(users).toBe(reached.length);
              expect(per_user).toBe(reached.length === 0 ? null : Number(sum) / 10_000 / reached.length);
            }
          }
        },
      ),
      { numRuns: 15 },
    );
  });
});

/** Local periods, as trends cut them, from well before the range: the first of the range is whole here. */
async function calendarOf(
  key: string,
  interval: string,
  timezone: string,
): Promise<{ startMs: number; endMs: number }[]> {
  const response = await api.ask(key, {
    kind: 'trends',
    interval,
    timezone,
    from: '2024-01-01',
    to: '2024-07-31',
  });
  return response
    .json<{ buckets: { start: string; end: string }[] }>()
    .buckets.map(({ start, end }) => ({ startMs: Date.parse(start), endMs: Date.parse(end) }));
}

function testEventOf({ at, id, amount, currency, isBot }: Made): TestEvent {
  return {
    at,
    event: amount === undefined ? 'view' : 'Purchase',
    ...(id.startsWith('a') ? { anonymousId: id } : { userId: id }),
    columns: amount === undefined ? {} : { revenue: decimal(amount), currency },
    isBot,
  };
}

function decimal(tenThousandths: bigint): string {
  const sign = tenThousandths < 0n ? '-' : '';
  const digits = String(tenThousandths < 0n ? -tenThousandths : tenThousandths).padStart(5, '0');
  const fraction = digits.slice(-4).replace(/0+$/, '');
  return sign + digits.slice(0, -4) + (fraction === '' ? '' : `.${fraction}`);
}

function numbersOf(
  events: readonly Made[],
  currency: string,
  personOf: (one: Made) => string,
): RevenueNumbers {
  const own = events.filter((one) => one.amount !== undefined && one.currency === currency);
  const peopleOf = (list: readonly Made[]): number =>
    new Set(list.map(personOf).filter((person) => person !== '')).size;
  const sum = decimal(own.reduce((all, { amount }) => all + amount!, 0n));
  const share = (of: number): number | null => (of === 0 ? null : Number(sum) / of);
  const [paying, users] = [peopleOf(own), peopleOf(events)];
  return {
    revenue: sum,
    purchases: own.length,
    paying_users: paying,
    users,
    per_user: share(users),
    per_paying_user: share(paying),
    average_order: share(own.length),
  };
}
