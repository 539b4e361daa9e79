import {
  SESSION_MEASURES,
  type Filter,
  type PeopleAnswer,
  type SessionMeasure,
  type SessionNumbers,
  type SessionsAnswer,
} from '@sluice/contracts';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openApiFixture, uuidV7, type ApiFixture, type Project, type TestEvent } from './api-fixture.js';

let api: ApiFixture;
let project: Project;

beforeAll(async () => {
  api = await openApiFixture();
  await api.completeThrough('2026-01-01T00:00:00Z');
});
afterAll(async () => api.close());
beforeEach(async () => {
  project = await api.createProject();
});

async function sessions(query: Record<string, unknown>, key = project.key): Promise<SessionsAnswer> {
  const response = await api.ask(key, { kind: 'sessions', timezone: 'UTC', ...query });
  expect(response.statusCode, response.body).toBe(200);
  return response.json<SessionsAnswer>();
}

async function people(
  query: Record<string, unknown>,
  point: object,
  key = project.key,
): Promise<PeopleAnswer> {
  const response = await api.app.inject({
    method: 'POST',
    url: '/v1/people',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    payload: JSON.stringify({ query: { kind: 'sessions', timezone: 'UTC', ...query }, point }),
  });
  expect(response.statusCode, response.body).toBe(200);
  return response.json<PeopleAnswer>();
}

const A = uuidV7(Date.parse('2021-01-01T00:00:00Z'));
const B = uuidV7(Date.parse('2021-01-01T00:00:01Z'));
const C = uuidV7(Date.parse('2021-01-01T00:00:02Z'));

function page(userId: string, sessionId: string, at: string, more: Partial<TestEvent> = {}): TestEvent {
  return { userId, sessionId, at, type: 'page', ...more };
}

const day = { from: '2021-01-01', to: '2021-01-01' };

describe('sessions', () => {
  it('last from the first event to the last interaction, single ones 0 seconds, and bounce with one interaction', async () => {
    await api.land(project.projectId, [
      page('a', A, '2021-01-01T00:00:00Z'),
      page('a', A, '2021-01-01T00:25:00Z'),
      page('b', B, '2021-01-01T00:00:00Z'),
      page('z', C, '2020-12-31T00:00:00Z'),
    ]);
    expect((await sessions(day)).total).toEqual({
      sessions: 2,
      users: 2,
      pageviews: 3,
      pages_per_session: 1.5,
      bounce_rate: 0.5,
      avg_duration_seconds: 750,
      median_duration_seconds: 750,
    });
  });

  it('belong with everything they hold to the hour in which they start', async () => {
    await api.land(project.projectId, [
      page('a', A, '2021-01-01T00:50:00Z'),
      page('a', A, '2021-01-01T01:10:00Z'),
      page('b', B, '2021-01-01T23:59:00Z'),
    ]);
    const { values, total } = await sessions({ ...day, interval: 'hour' });
    expect(values[0]).toMatchObject({
      sessions: 1,
      pageviews: 2,
      bounce_rate: 0,
      avg_duration_seconds: 1_200,
    });
    expect(values[1]).toMatchObject({ sessions: 0, users: 0, bounce_rate: null });
    expect(values[23]).toMatchObject({ sessions: 1, bounce_rate: 1, avg_duration_seconds: 0 });
    expect(total.sessions).toBe(2);
  });

  it('start earlier when an event of before comes late, even in another batch', async () => {
    await api.land(project.projectId, [
      page('a', A, '2021-01-01T00:00:10Z', { columns: { page_path: '/late' } }),
    ]);
    await api.land(project.projectId, [
      page('a', A, '2021-01-01T00:00:00Z', { columns: { page_path: '/first' } }),
    ]);
    const { total, groups } = await sessions({ ...day, breakdown: { session: 'entry_path' } });
    expect(total).toMatchObject({ sessions: 1, pageviews: 2, bounce_rate: 0, avg_duration_seconds: 10 });
    expect(groups!.map(({ value }) => value)).toEqual(['/first']);
  });

  it('take no interaction from events that say so, nor from messages that only describe', async () => {
    await api.land(project.projectId, [
      page('a', A, '2021-01-01T00:00:00Z'),
      {
        userId: 'a',
        sessionId: A,
        at: '2021-01-01T00:00:03Z',
        event: 'engagement',
        properties: { interactive: false },
      },
      { userId: 'a', sessionId: A, at: '2021-01-01T00:00:04Z', type: 'identify' },
    ]);
    expect((await sessions(day)).total).toMatchObject({
      sessions: 1,
      bounce_rate: 1,
      avg_duration_seconds: 0,
    });
  });

  it('of one event without any interaction last 0 seconds', async () => {
    await api.land(project.projectId, [
      { userId: 'a', sessionId: A, at: '2021-01-01T10:00:00Z', type: 'identify' },
    ]);
    expect((await sessions(day)).total).toMatchObject({
      sessions: 1,
      bounce_rate: 1,
      avg_duration_seconds: 0,
    });
  });

  it('count their people once, merges applied, and sessions of nobody as sessions only', async () => {
    await api.land(project.projectId, [
      { anonymousId: 'anon', sessionId: A, at: '2021-01-01T00:00:00Z', type: 'page' },
      page('a', B, '2021-01-01T05:00:00Z'),
      { sessionId: C, at: '2021-01-01T06:00:00Z', type: 'group' },
    ]);
    expect((await sessions(day)).total).toMatchObject({ sessions: 3, users: 2 });
    await api.merge(project.projectId, 'anon', 'a');
    expect((await sessions(day)).total).toMatchObject({ sessions: 3, users: 1 });
    expect(await people(day, {})).toMatchObject({ total: 1, people: [{ user_id: 'a' }] });
  });

  it('belong to whoever did their last event: somebody who signs in is known then', async () => {
    await api.land(project.projectId, [
      { anonymousId: 'anon', sessionId: A, at: '2021-01-01T00:00:00Z', type: 'page' },
      page('a', A, '2021-01-01T00:05:00Z'),
    ]);
    expect((await people(day, {})).people).toEqual([{ user_id: 'a' }]);
  });

  it('of robots can be left out, and are those with any event of a robot', async () => {
    await api.land(project.projectId, [
      page('a', A, '2021-01-01T00:00:00Z'),
      page('a', A, '2021-01-01T00:01:00Z', { isBot: true }),
      page('b', B, '2021-01-01T00:00:00Z'),
    ]);
    expect((await sessions({ ...day, bots: 'exclude' })).total.sessions).toBe(1);
    expect((await sessions({ ...day, bots: 'only' })).total.sessions).toBe(1);
    expect((await sessions(day)).total.sessions).toBe(2);
  });

  it('follow local days, and are not known to be none where not everything is in', async () => {
    await api.land(project.projectId, [page('a', A, '2025-12-31T18:20:00Z')]);
    const answer = await sessions({ from: '2025-12-31', to: '2026-01-03', timezone: 'Asia/Kathmandu' });
    expect(answer.values.map((value) => value?.sessions ?? null)).toEqual([0, 1, null, null]);
    expect(answer.complete).toBe(false);
  });

  it('have only the measures that are asked for, with the same numbers, and look up nobody for those that count no people', async () => {
    await api.land(project.projectId, [
      page('a', A, '2021-01-01T00:00:00Z', { columns: { page_path: '/', country: 'DE' } }),
      page('a', A, '2021-01-01T00:25:00Z', { columns: { page_path: '/buy' } }),
      page('b', B, '2021-01-02T00:00:00Z', { columns: { page_path: '/', country: 'DE' } }),
      page('a', C, '2021-01-02T00:00:00Z', { columns: { page_path: '/help', country: 'FR' } }),
    ]);
    await api.merge(project.projectId, 'x', 'a');
    for (const interval of ['day', 'total']) {
      for (const session of ['entry_path', 'country']) {
        const query = {
          from: '2021-01-01',
          to: '2021-01-03',
          interval,
          breakdown: { session, limit: 1 },
          include_sql: true,
        };
        const whole = await sessions(query);
        expect(Object.keys(whole.total)).toEqual(SESSION_MEASURES);
        const subsets: SessionMeasure[][] = [
          ...SESSION_MEASURES.map((measure) => [measure]),
          ['avg_duration_seconds', 'sessions', 'bounce_rate', 'pages_per_session'],
        ];
        for (const measures of subsets) {
          const pick = (numbers: object | null): object | null =>
            numbers &&
            Object.fromEntries(
              Object.entries(numbers).filter(
                ([name]) => ['kind', 'value'].includes(name) || measures.includes(name as SessionMeasure),
              ),
            );
          const answer = await sessions({ ...query, measures });
          expect(answer.total).toEqual(pick(whole.total));
          expect(answer.values).toEqual(whole.values.map(pick));
          expect(answer.groups).toEqual(whole.groups!.map(pick));
          expect(answer.query.measures).toEqual(measures);
          const sql = answer.sql!.map((statement) => statement.sql).join('\n');
          expect(sql.includes('person'), sql).toBe(measures.includes('users'));
          expect(sql.includes('quantile'), sql).toBe(measures.includes('median_duration_seconds'));
        }
      }
    }
  });

  it('only estimate what they would read on a dry run', async () => {
    const response = await api.ask(project.key, {
      kind: 'sessions',
      dry_run: true,
      breakdown: { session: 'entry_path' },
    });
    expect(response.json()).toMatchObject({
      kind: 'estimate',
      statements: [{ name: 'sessions' }, { name: 'sessions-groups' }],
    });
  });
});

describe('groups of sessions', () => {
  beforeEach(async () => {
    const paths: [string, string, string[]][] = [
      ['a', A, ['/', '/buy']],
      ['b', B, ['/', '/help']],
      ['a', C, ['/help']],
    ];
    await api.land(
      project.projectId,
      paths.flatMap(([user, session, visited]) =>
        visited.map((page_path, i) =>
          page(user, session, `2021-01-01T0${i}:00:00Z`, { columns: { page_path } }),
        ),
      ),
    );
  });

  it.each([
    [
      'entry_path',
      [
        ['/', 2, 2],
        ['/help', 1, 1],
      ],
    ],
    [
      'exit_path',
      [
        ['/help', 2, 2],
        ['/buy', 1, 1],
      ],
    ],
    [
      'pages',
      [
        ['2', 2, 2],
        ['1', 1, 1],
      ],
    ],
    [
      'duration_seconds',
      [
        ['3600', 2, 2],
        ['0', 1, 1],
      ],
    ],
    ['utm_source', [[null, 3, 2]]],
  ])('go by %s, largest first', async (session, expected) => {
    const { groups } = await sessions({ ...day, breakdown: { session } });
    expect(groups!.map(({ value, sessions, users }) => [value, sessions, users])).toEqual(expected);
  });

  it('count those beyond the limit together, people once, and name them', async () => {
    const query = { ...day, breakdown: { session: 'exit_path', limit: 1 } };
    const { groups } = await sessions(query);
    expect(groups!.map(({ kind, value, users }) => [kind, value, users])).toEqual([
      ['value', '/help', 2],
      ['other', null, 1],
    ]);
    for (const { kind, value, users } of groups!) {
      expect((await people(query, { group: { kind, value } })).total).toBe(users);
    }
  });

  it('have no people by bucket, as the answer has no such number', async () => {
    const response = await api.app.inject({
      method: 'POST',
      url: '/v1/people',
      headers: { authorization: `Bearer ${project.key}`, 'content-type': 'application/json' },
      payload: JSON.stringify({
        query: { kind: 'sessions', timezone: 'UTC', ...day, breakdown: { session: 'exit_path' } },
        point: { bucket: '2021-01-01T00:00:00Z', group: { kind: 'value', value: '/' } },
      }),
    });
    expect(response.json()).toMatchObject({ code: 'invalid_query', field: '/point/group' });
  });
});

describe('filters on sessions', () => {
  // A: views / and buys a big one; B: views / and buys a small one, then views /big; C: views /help.
  beforeEach(async () => {
    const buy = (user: string, session: string, size: string): TestEvent => ({
      userId: user,
      sessionId: session,
      at: '2021-01-01T01:00:00Z',
      event: 'buy',
      properties: { size },
    });
    const view = (user: string, session: string, at: string, page_path: string, size?: string): TestEvent =>
      page(user, session, at, { columns: { page_path }, properties: size === undefined ? {} : { size } });
    await api.land(project.projectId, [
      view('a', A, '2021-01-01T00:00:00Z', '/'),
      buy('a', A, 'big'),
      view('b', B, '2021-01-01T00:00:00Z', '/'),
      buy('b', B, 'small'),
      view('b', B, '2021-01-02T02:00:00Z', '/big', 'big'),
      view('c', C, '2021-01-01T00:00:00Z', '/help'),
    ]);
  });
  const bought = { column: 'event', operator: 'is', values: ['buy'] };
  const big = { property: 'size', operator: 'is', values: ['big'] };
  const fromRoot = { session: 'entry_path', operator: 'is', values: ['/'] };

  it.each([
    ['an event that meets a condition', [bought], ['a', 'b']],
    [
      'an event behind the end of the range',
      [{ column: 'page_path', operator: 'is', values: ['/big'] }],
      ['b'],
    ],
    ['one event that meets both conditions', [bought, big], ['a']],
    ['one event that meets both, said with and', [{ and: [bought, big] }], ['a']],
    ['both conditions in and within and', [{ and: [{ and: [bought] }, big] }], ['a']],
    [
      'an event that meets either',
      [{ or: [big, { column: 'page_path', operator: 'is', values: ['/help'] }] }],
      ['a', 'b', 'c'],
    ],
    ['no such event', [{ not: bought }], ['c']],
    ['no event that meets both', [{ not: { and: [bought, big] } }], ['b', 'c']],
    ['one such event and none of another kind', [big, { not: { and: [bought, big] } }], ['b']],
    ['each of two events', [{ not: { not: bought } }, { not: { not: big } }], ['a', 'b']],
    ['something of the session', [fromRoot], ['a', 'b']],
    ['not this of the session', [{ not: fromRoot }], ['c']],
    ['this of the session and such an event', [fromRoot, big], ['a', 'b']],
    ['this of the session and no such event', [{ and: [fromRoot, { not: { and: [bought, big] } }] }], ['b']],
    [
      'this of the session or no such event',
      [{ or: [{ not: bought }, { and: [fromRoot, bought, big] }] }],
      ['a', 'c'],
    ],
    ['a number of the session', [{ session: 'duration_seconds', operator: 'gt', value: 3_600 }], ['b']],
    ['people who did something', [{ has_done: { event: 'buy', filters: [big] } }], ['a']],
    ['people who did not do something', [{ has_not_done: { event: 'buy' } }], ['c']],
  ])('leave sessions with %s', async (_what, filters, expected) => {
    const answer = await sessions({ ...day, filters });
    expect(answer.total.sessions).toBe(expected.length);
    const found = await people({ ...day, filters }, {});
    expect(found.people.map(({ user_id }) => user_id).sort()).toEqual(expected);
  });

  it('say where a condition is that cannot be', async () => {
    const response = await api.ask(project.key, {
      kind: 'sessions',
      filters: [{ not: { and: [bought, { or: [{ column: 'country', operator: 'gt', value: 1 }] }] } }],
    });
    expect(response.json()).toMatchObject({ code: 'invalid_query', field: '/filters/0/not/and/1/or/0' });
  });
});

const START_MS = Date.parse('2024-03-08T00:00:00Z');
const HOUR_MS = 3_600_000;
const NIL = '00000000-0000-0000-0000-000000000000';
const IDS = [NIL, ...Array.from({ length: 6 }, (_, i) => uuidV7(START_MS + i))];

const event = fc.record({
  // Few instants, so that many events share one.
  at: fc.integer({ min: 0, max: 5 * 24 * 4 }).map((quarter) => START_MS + quarter * (HOUR_MS / 4) + 1),
  type: fc.constantFrom('page', 'screen', 'track', 'identify', 'group'),
  user: fc.constantFrom('', 'u1', 'u2', 'a1', 'a2'),
  session: fc.constantFrom(...IDS),
  interactive: fc.constantFrom(undefined, undefined, false),
  path: fc.constantFrom('', '/', '/x'),
  isBot: fc.constantFrom(false, false, false, true),
});
type Made = typeof event extends fc.Arbitrary<infer E> ? E : never;

describe('any sessions', () => {
  it('are counted as a count by hand does, however events are cut into batches', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(event, { minLength: 1, maxLength: 25 }), { minLength: 1, maxLength: 3 }),
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
          interval: fc.constantFrom('hour', 'day', 'week', 'total'),
          bots: fc.constantFrom('include', 'exclude'),
          session: fc.constantFrom('entry_path', 'exit_path', 'interactions'),
          filters: fc.constantFrom<Filter[]>(
            [],
            [{ column: 'page_path', operator: 'is', values: ['/x'] }],
            [{ not: { column: 'page_path', operator: 'is', values: ['/x'] } }],
          ),
        }),
        async (batches, merges, { session, filters, ...query }) => {
          const { projectId, key } = await api.createProject();
          for (const batch of batches) await api.land(projectId, batch.map(testEventOf));
          for (const [from, to] of merges) await api.merge(projectId, from, to);
          const asked = {
            ...query,
            filters,
            from: '2024-03-09',
            to: '2024-03-11',
            breakdown: { session, limit: 2 },
          };
          const answer = await sessions(asked, key);
          const visits = visitsOf(batches.flat(), new Map(merges)).filter(
            (visit) =>
              visit.start >= Date.parse(answer.query.from!) &&
              visit.start < Date.parse(answer.query.to!) &&
              (query.bots === 'include' || !visit.isBot) &&
              (filters.length === 0 || visit.paths.has('/x') !== 'not' in filters[0]!),
          );
          expect(answer.total).toEqual(numbersOf(visits));
          expect(answer.values).toEqual(
            answer.buckets.map(({ start, end }) =>
              numbersOf(visits.filter((v) => v.start >= Date.parse(start) && v.start < Date.parse(end))),
            ),
          );
          const groups = new Map<string, Visit[]>();
          for (const visit of visits) {
            const value = String(visit[session]);
            groups.set(value, [...(groups.get(value) ?? []), visit]);
          }
          const ranked = [...groups].sort(
            ([x, left], [y, right]) => right.length - left.length || (keyOf(x) < keyOf(y) ? -1 : 1),
          );
          const rest = ranked.slice(2).flatMap(([, of]) => of);
          expect(answer.groups).toEqual([
            ...ranked
              .slice(0, 2)
              .map(([value, of]) =>
                value === ''
                  ? { kind: 'none', value: null, ...numbersOf(of) }
                  : { kind: 'value', value, ...numbersOf(of) },
              ),
            ...(rest.length === 0 ? [] : [{ kind: 'other', value: null, ...numbersOf(rest) }]),
          ]);
          for (const { kind, value, users } of answer.groups!.slice(-1)) {
            expect((await people(asked, { group: { kind, value } }, key)).total).toBe(users);
          }
          expect((await people(asked, {}, key)).total).toBe(answer.total.users);
        },
      ),
      { numRuns: 15 },
    );
  });
});

const keyOf = (value: string): string => (value === '' ? 'n' : `v${value}`);

function testEventOf({ at, type, user, session, interactive, path, isBot }: Made): TestEvent {
  return {
    at,
    type,
    ...(user.startsWith('a') ? { anonymousId: user } : { userId: user }),
    sessionId: session,
    properties: interactive === undefined ? {} : { interactive },
    columns: { page_path: path },
    isBot,
  };
}

interface Visit {
  start: number;
  seconds: number;
  interactions: number;
  pages: number;
  /** Of two who did something at the last instant, the one with the larger hash. */
  person: string;
  entry_path: string;
  exit_path: string;
  paths: Set<string>;
  isBot: boolean;
}

function visitsOf(events: readonly Made[], merged: ReadonlyMap<string, string>): Visit[] {
  const bySession = new Map<string, Made[]>();
  for (const one of events) {
    if (one.session !== NIL) bySession.set(one.session, [...(bySession.get(one.session) ?? []), one]);
  }
  return [...bySession.values()].map((all): Visit => {
    const start = Math.min(...all.map(({ at }) => at));
    const acted = all.filter(
      ({ type, interactive }) => ['page', 'screen', 'track'].includes(type) && interactive !== false,
    );
    const end = Math.max(start, ...acted.map(({ at }) => at));
    const paths = all
      .filter(({ path }) => path !== '')
      .sort((a, b) => a.at - b.at || (a.path < b.path ? -1 : 1))
      .map(({ path }) => path);
    const last = Math.max(...all.map(({ at }) => at));
    const actor = all
      .filter(({ at }) => at === last)
      .map(({ user }) => user)
      .reduce((one, other) => (hashes.get(other)! > hashes.get(one)! ? other : one));
    return {
      start,
      seconds: (end - start) / 1_000,
      interactions: acted.length,
      pages: all.filter(({ type }) => type === 'page' || type === 'screen').length,
      person: merged.get(actor) ?? actor,
      entry_path: paths[0] ?? '',
      exit_path: paths.at(-1) ?? '',
      paths: new Set(paths),
      isBot: all.some(({ isBot }) => isBot),
    };
  });
}

const hashes = new Map<string, bigint>([['', 0n]]);
beforeAll(async () => {
  const result = await api.clickhouse.client.query({
    query: `select arrayJoin(['u1', 'u2', 'a1', 'a2']) as id, toString(sipHash64(id)) as hash`,
    format: 'JSONEachRow',
  });
  for (const { id, hash } of await result.json<{ id: string; hash: string }>()) hashes.set(id, BigInt(hash));
});

function numbersOf(visits: readonly Visit[]): SessionNumbers {
  const count = visits.length;
  const sum = (of: (visit: Visit) => number): number => visits.reduce((total, visit) => total + of(visit), 0);
  const seconds = visits.map((visit) => visit.seconds).sort((a, b) => a - b);
  const ratio = (value: number): number | null => (count === 0 ? null : value / count);
  return {
    sessions: count,
    users: new Set(visits.map(({ person }) => person).filter((id) => id !== '')).size,
    pageviews: sum(({ pages }) => pages),
    pages_per_session: ratio(sum(({ pages }) => pages)),
    bounce_rate: ratio(sum(({ interactions }) => (interactions <= 1 ? 1 : 0))),
    avg_duration_seconds: ratio(sum((visit) => visit.seconds)),
    median_duration_seconds:
      count === 0 ? null : (seconds[Math.floor((count - 1) / 2)]! + seconds[Math.ceil((count - 1) / 2)]!) / 2,
  };
}
