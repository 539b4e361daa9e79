import type { FunnelAnswer, PeopleAnswer } from '@sluice/contracts';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { evaluate, type EvaluatedQuery } from './funnel-evaluator.js';
import { openApiFixture, type ApiFixture, type Project, type TestEvent } from './api-fixture.js';

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

const MINUTE = 60_000;
const RANGE = { from: '2021-05-01', to: '2021-05-31', timezone: 'UTC' };

async function funnel(
  steps: (string | Record<string, unknown>)[],
  more: Record<string, unknown> = {},
): Promise<FunnelAnswer> {
  const response = await api.ask(project.key, queryOf(steps, more));
  expect(response.statusCode, response.body).toBe(200);
  return response.json<FunnelAnswer>();
}

function queryOf(steps: (string | Record<string, unknown>)[], more: Record<string, unknown> = {}) {
  return {
    kind: 'funnel',
    steps: steps.map((step) => (typeof step === 'string' ? { event: step } : step)),
    ...RANGE,
    ...more,
  };
}

async function peopleAt(query: unknown, point: Record<string, unknown>): Promise<string[]> {
  const response = await api.app.inject({
    method: 'POST',
    url: '/v1/people',
    headers: { authorization: `Bearer ${project.key}`, 'content-type': 'application/json' },
    payload: JSON.stringify({ query, point, limit: 1_000 }),
  });
  expect(response.statusCode, response.body).toBe(200);
  const { total, people } = response.json<PeopleAnswer>();
  expect(people).toHaveLength(total);
  return people.map(({ user_id }) => user_id).sort();
}

const countsOf = ({ steps }: Pick<FunnelAnswer, 'steps'>): number[] => steps.map(({ users }) => users);

/** Events of people as words: letters follow each other by a minute; a number before a letter sets the minute. */
function told(stories: Record<string, string>, start = '2021-05-01T00:00:00Z'): TestEvent[] {
  return Object.entries(stories).flatMap(([userId, story]) => {
    let minute = -1;
    return story
      .split(' ')
      .filter((word) => word !== '')
      .map((word) => {
        const [, at, event] = /^(\d*)(.+)$/.exec(word)!;
        minute = at === '' ? minute + 1 : Number(at);
        return { userId, event: event!, at: Date.parse(start) + minute * 60_000 };
      });
  });
}

describe('ordered steps', () => {
  it('let one event fill one step only, where steps repeat', async () => {
    await api.land(
      project.projectId,
      told({ u1: 'S', u2: 'S P', u3: 'S P x P', u4: 'S P x P P x', u5: 'S P P P P' }),
    );
    expect(countsOf(await funnel(['S', 'P', 'P', 'P', 'P']))).toEqual([5, 4, 3, 2, 1]);
  });

  it('do not count what happened before the first step', async () => {
    await api.land(
      project.projectId,
      told({ u1: 'P S', u2: 'S P', u3: 'P S x P', u4: 'x P x P S P', u5: 'S P x P P P', u6: 'P x P P P' }),
    );
    expect(countsOf(await funnel(['S', 'P', 'P', 'P', 'P']))).toEqual([5, 4, 1, 1, 1]);
  });

  it('include both ends of the window and nothing beyond', async () => {
    await api.land(project.projectId, [
      { userId: 'in', event: 'S', at: '2021-05-01T00:00:00.500Z' },
      { userId: 'in', event: 'B', at: '2021-05-01T00:01:00.500Z' },
      { userId: 'out', event: 'S', at: '2021-05-01T00:00:00.500Z' },
      { userId: 'out', event: 'B', at: '2021-05-01T00:01:00.501Z' },
    ]);
    expect(countsOf(await funnel(['S', 'B'], { window_seconds: 60 }))).toEqual([2, 1]);
  });

  it('convert at one instant, whichever event was sent first', async () => {
    await api.land(project.projectId, told({ u1: '0B 0P 0S', u2: '0P 0S 0B' }));
    expect(countsOf(await funnel(['S', 'P', 'B']))).toEqual([2, 2, 2]);
  });

  it('start anew with the newest first step', async () => {
    // The first P comes too late for the first S alone.
    await api.land(project.projectId, told({ u1: '0S 50S 70P 100B', u2: '0S 10P 50S 70B' }));
    const answer = await funnel(['S', 'P', 'B'], { window_seconds: 3_600 });
    expect(countsOf(answer)).toEqual([2, 2, 1]);
    expect(answer.steps[2]).toMatchObject({ avg_seconds: 30 * 60 });
  });

  it('take times from the first attempt that was completed', async () => {
    await api.land(project.projectId, [
      ...['01T01', '01T02', '01T03'].map((at, n) => ({
        userId: 'p',
        event: 'SPB'[n]!,
        at: `2021-05-${at}:00:00Z`,
      })),
      ...['03T04', '03T05'].map((at, n) => ({ userId: 'p', event: 'SP'[n]!, at: `2021-05-${at}:00:00Z` })),
      ...['04T07', '04T10'].map((at, n) => ({ userId: 'p', event: 'SP'[n]!, at: `2021-05-${at}:00:00Z` })),
    ]);
    const answer = await funnel(['S', 'P', 'B'], { window_seconds: 86_400 });
    expect(countsOf(answer)).toEqual([1, 1, 1]);
    expect(answer.steps.map(({ avg_seconds }) => avg_seconds)).toEqual([null, 3_600, 3_600]);
    expect(answer.conversion).toEqual({
      rate: 1,
      avg_seconds: 7_200,
      median_seconds: 7_200,
      p90_seconds: 7_200,
    });
  });

  it('tell how long each step took, of those who did it', async () => {
    await api.land(project.projectId, told({ p1: '0S 60P 180B', p2: '0S 120P', p3: '0S 120P 180B' }));
    const answer = await funnel(['S', 'P', 'B'], { window_seconds: 604_800 });
    expect(answer.steps).toEqual([
      {
        name: 'S',
        users: 3,
        dropped: 0,
        conversion_from_previous: null,
        conversion_from_first: 1,
        avg_seconds: null,
        median_seconds: null,
        p90_seconds: null,
      },
      {
        name: 'P',
        users: 3,
        dropped: 0,
        conversion_from_previous: 1,
        conversion_from_first: 1,
        avg_seconds: 6_000,
        median_seconds: 7_200,
        p90_seconds: 7_200,
      },
      {
        name: 'B',
        users: 2,
        dropped: 1,
        conversion_from_previous: 2 / 3,
        conversion_from_first: 2 / 3,
        avg_seconds: 5_400,
        median_seconds: 5_400,
        p90_seconds: 3_600 + 0.9 * 3_600,
      },
    ]);
    expect(answer.conversion).toEqual({
      rate: 2 / 3,
      avg_seconds: 10_800,
      median_seconds: 10_800,
      p90_seconds: 10_800,
    });
  });

  it('lie within the range from the first to the last', async () => {
    await api.land(project.projectId, [
      { userId: 'u1', event: 'S', at: '2021-05-31T23:59:59.999Z' },
      { userId: 'u1', event: 'B', at: '2021-06-01T00:00:00Z' },
      { userId: 'u2', event: 'S', at: '2021-04-30T23:59:59.999Z' },
      { userId: 'u2', event: 'B', at: '2021-05-01T00:00:00Z' },
    ]);
    expect(countsOf(await funnel(['S', 'B']))).toEqual([1, 0]);
  });

  it('can be of conditions that one event meets together', async () => {
    await api.land(project.projectId, told({ u1: 'S', u2: 'S x', u3: 'x S', u4: '0x 0S' }));
    expect(countsOf(await funnel(['S', {}]))).toEqual([4, 2]);
    expect(countsOf(await funnel([{}, 'S']))).toEqual([4, 2]);
    expect(countsOf(await funnel([{}, {}]))).toEqual([4, 3]);
  });
});

describe('strict steps', () => {
  it('follow each other with no other event of the person between them', async () => {
    await api.land(
      project.projectId,
      told({
        p1: 'S',
        p2: 'P S',
        p3: 'S P x I',
        p4: 'I x P S',
        p5: 'P S x P I',
        p6: 'x S x P',
        p7: 'x S P I x',
        p8: 'I P',
      }),
    );
    expect(countsOf(await funnel(['S', 'P', 'I'], { order: 'strict' }))).toEqual([7, 2, 1]);
    expect(countsOf(await funnel(['S', 'P', 'I']))).toEqual([7, 4, 3]);
  });

  it('are not broken by events that the filters leave out', async () => {
    await api.land(project.projectId, [
      { userId: 'u', event: 'S', at: '2021-05-01T00:00:00Z', columns: { country: 'DE' } },
      { userId: 'u', event: 'x', at: '2021-05-01T00:01:00Z', columns: { country: 'FR' } },
      { userId: 'u', event: 'P', at: '2021-05-01T00:02:00Z', columns: { country: 'DE' } },
    ]);
    const german = { filters: [{ column: 'country', operator: 'is', values: ['DE'] }] };
    expect(countsOf(await funnel(['S', 'P'], { order: 'strict' }))).toEqual([1, 0]);
    expect(countsOf(await funnel(['S', 'P'], { order: 'strict', ...german }))).toEqual([1, 1]);
  });
});

describe('steps in any order', () => {
  it('count how many different steps were done from the first on', async () => {
    await api.land(
      project.projectId,
      told({ p1: '0S', p2: '0P 60S', p3: '0I 120S 240P 1440P 1620I 1800S' }, '2021-05-02T00:00:00Z'),
    );
    const answer = await funnel(['S', 'P', 'I'], { order: 'unordered', window_seconds: 86_400 });
    expect(countsOf(answer)).toEqual([3, 2, 1]);
    expect(answer.steps.map(({ avg_seconds }) => avg_seconds)).toEqual([null, 5_400, 7_200]);
  });

  it('are given events of their own, however their conditions overlap', async () => {
    await api.land(project.projectId, told({ u1: 'A', u2: 'A x', u3: 'x A', u4: 'x x', u5: 'A A' }));
    expect(countsOf(await funnel([{}, 'A'], { order: 'unordered' }))).toEqual([5, 3]);
    expect(countsOf(await funnel(['A', 'A', {}], { order: 'unordered' }))).toEqual([5, 3, 0]);
  });

  it('are refused when more than four different ones could be one event', async () => {
    const steps = ['a', 'b', 'c', 'd', 'e'].map((plan) => ({
      filters: [{ property: 'plan', operator: 'is', values: [plan] }],
    }));
    const response = await api.ask(project.key, queryOf(steps, { order: 'unordered' }));
    expect(response.statusCode).toBe(400);
    expect(response.json()).toMatchObject({ code: 'invalid_query', field: '/steps/4' });
    expect(countsOf(await funnel(steps))).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('exclusions', () => {
  const x = (after_step: number, before_step: number) => ({
    exclusions: [{ event: 'x', after_step, before_step }],
  });

  it('drop whoever has only excluded attempts, also those that never came to the step', async () => {
    await api.land(
      project.projectId,
      told({ p1: '60S 120B', p2: '180S 210x 240B', p3: '300S 360x', p4: '420S 1920x' }),
    );
    const day = { window_seconds: 86_400 };
    expect(countsOf(await funnel(['S', 'B'], { ...x(0, 1), ...day }))).toEqual([2, 1]);
    expect(countsOf(await funnel(['S', 'B'], { ...x(0, 1), ...day, exclusion_mode: 'stop' }))).toEqual([
      4, 1,
    ]);
  });

  it('leave the others as they are', async () => {
    await api.land(project.projectId, told({ p1: '60S 120B', p2: '180S 210x 240B', p3: '300S 360B' }));
    for (const order of ['ordered', 'strict', 'unordered']) {
      // In any order, the event after the excluded one starts an attempt, too.
      const left = order === 'unordered' ? 3 : 2;
      expect(countsOf(await funnel(['S', 'B'], { ...x(0, 1), order }))).toEqual([left, 2]);
      expect(countsOf(await funnel(['S', 'B'], { ...x(0, 1), order, exclusion_mode: 'stop' }))).toEqual([
        3, 2,
      ]);
    }
  });

  it.each([
    [0, 1, [2, 2, 2, 2, 2], ['p1', 'p2']],
    [1, 2, [2, 2, 2, 2, 2], ['p2', 'p3']],
    [2, 3, [1, 1, 1, 1, 1], ['p3']],
    [3, 4, [0, 0, 0, 0, 0], []],
  ])('between steps %i and %i leave %j', async (after, before, expected, people) => {
    await api.land(
      project.projectId,
      told({
        p1: '60S 120P 180x 240I 270x 300G 330x 360H',
        p2: '60S 120P 240I 270x 300G 330x 360H',
        p3: '60S 90x 120P 240I 300G 330x 360H',
      }),
    );
    const more = { ...x(after, before), window_seconds: 86_400 };
    expect(countsOf(await funnel(['S', 'P', 'I', 'G', 'H'], more))).toEqual(expected);
    const query = queryOf(['S', 'P', 'I', 'G', 'H'], more);
    expect(await peopleAt(query, { step: 4 })).toEqual(people);
  });

  it('do not touch an attempt that started after the excluded event', async () => {
    await api.land(project.projectId, told({ u1: 'S x S B', u2: 'S S x B', u3: 'S B x' }));
    expect(countsOf(await funnel(['S', 'B'], x(0, 1)))).toEqual([2, 2]);
  });
});

describe('groups', () => {
  const plans = (story: string, more: Record<string, unknown> = {}): TestEvent[] =>
    story.split(' ').map((word, n) => {
      const [userId, event, plan] = word.split(':');
      return {
        userId: userId!,
        event: event!,
        at: Date.parse('2021-05-01T00:00:00Z') + n * MINUTE,
        properties: plan === undefined ? {} : { plan },
        ...more,
      };
    });
  const grouped = ({ groups }: FunnelAnswer) =>
    groups!.map((group) => [group.kind, group.value, countsOf(group)]);
  const breakdown = { property: 'plan', limit: 10 };
  const events = plans('u1:S u1:P:free u1:B:pro u2:S:pro u2:P u3:S:0 u3:P:free u4:S u4:P');

  it.each([
    [
      'first',
      [
        ['value', '0', [1, 1, 0]],
        ['value', 'free', [1, 1, 1]],
        ['value', 'pro', [1, 1, 0]],
        ['none', null, [1, 1, 0]],
      ],
    ],
    [
      'last',
      [
        ['value', 'pro', [2, 2, 1]],
        ['none', null, [1, 1, 0]],
        ['value', 'free', [1, 1, 0]],
      ],
    ],
  ])('go by the %s event of the attempt that has the value', async (attribution, expected) => {
    await api.land(project.projectId, events);
    const answer = await funnel(['S', 'P', 'B'], { breakdown, attribution });
    const byName = (a: unknown[], b: unknown[]) => (String(a[1]) < String(b[1]) ? -1 : 1);
    expect(grouped(answer).sort(byName)).toEqual([...expected].sort(byName));
    expect(countsOf(answer)).toEqual([4, 4, 1]);
  });

  it('go by the event of a step, and leave out who did not reach it', async () => {
    await api.land(project.projectId, events);
    const answer = await funnel(['S', 'P', 'B'], { breakdown, attribution: { step: 2 } });
    expect(grouped(answer)).toEqual([['value', 'pro', [1, 1, 1]]]);
    expect(countsOf(answer)).toEqual([1, 1, 1]);
    const atFirst = await funnel(['S', 'P', 'B'], { breakdown, attribution: { step: 0 } });
    expect(grouped(atFirst)).toEqual([
      ['none', null, [2, 2, 1]],
      ['value', '0', [1, 1, 0]],
      ['value', 'pro', [1, 1, 0]],
    ]);
  });

  it('are the largest, with all others together last, each with its own times and people', async () => {
    await api.land(
      project.projectId,
      told({ a: '0S 10P', b: '0S 20P', c: '0S 30P', d: '0S 60P', e: '0S' }).map((event) => ({
        ...event,
        columns: { country: { a: 'DE', b: 'DE', c: 'FR', d: 'US', e: '' }[event.userId!]! },
      })),
    );
    const more = { breakdown: { column: 'country', limit: 1 } };
    const answer = await funnel(['S', 'P'], more);
    expect(grouped(answer)).toEqual([
      ['value', 'DE', [2, 2]],
      ['other', null, [3, 2]],
    ]);
    expect(answer.groups!.map(({ conversion }) => conversion.median_seconds)).toEqual([900, 2_700]);
    expect(answer.conversion.median_seconds).toBe(1_500);
    expect(answer.additive).toBe(true);
    const query = queryOf(['S', 'P'], more);
    expect(await peopleAt(query, { step: 1, group: { kind: 'other', value: null } })).toEqual(['c', 'd']);
    expect(await peopleAt(query, { step: 1, dropped: true, group: { kind: 'other', value: null } })).toEqual([
      'e',
    ]);
    expect(await peopleAt(query, { step: 0, group: { kind: 'value', value: 'DE' } })).toEqual(['a', 'b']);
  });

  it('can be by a trait of the person and by the session', async () => {
    const sessionId = '018f3a5e-0000-7000-8000-000000000001';
    await api.land(project.projectId, [
      { userId: 'a', type: 'identify', at: '2021-01-01T00:00:00Z', properties: { tier: 'gold' } },
      ...told({ a: 'S P', b: 'S' }).map((event) => ({
        ...event,
        ...(event.userId === 'a' ? { sessionId, columns: { page_path: '/start' } } : {}),
      })),
    ]);
    for (const breakdown of [{ user_property: 'tier' }, { session: 'entry_path' }]) {
      const answer = await funnel(['S', 'P'], { breakdown });
      expect(grouped(answer)).toEqual([
        ['none', null, [1, 0]],
        ['value', 'session' in breakdown ? '/start' : 'gold', [1, 1]],
      ]);
    }
  });

  it('can be cohorts, in which people can be several times', async () => {
    await api.land(project.projectId, told({ a: 'S P', b: 'S', c: 'P' }));
    for (const [name, userIds] of [
      ['both', ['a', 'b']],
      ['one', ['a']],
      ['empty', ['nobody']],
    ] as const) {
      await api.pool.query(
        `insert into cohorts (project_id, name, kind, user_ids) values ($1, $2, 'static', $3)`,
        [project.projectId, name, userIds],
      );
    }
    const more = { breakdown: { cohorts: ['one', 'both', 'empty'] } };
    const answer = await funnel(['S', 'P'], more);
    expect(grouped(answer)).toEqual([
      ['value', 'one', [1, 1]],
      ['value', 'both', [2, 1]],
      ['value', 'empty', [0, 0]],
    ]);
    expect(countsOf(answer)).toEqual([2, 1]);
    expect(answer.additive).toBe(false);
    const query = queryOf(['S', 'P'], more);
    expect(await peopleAt(query, { step: 0, group: { kind: 'value', value: 'both' } })).toEqual(['a', 'b']);
  });
});

describe('the trend', () => {
  it('counts each person in the local bucket of the first step of the attempt that counts', async () => {
    await api.land(project.projectId, [
      // The day changes at 04:00 UTC in New York, at 05:00 after the change of clocks.
      { userId: 'a', event: 'S', at: '2024-11-03T03:59:59.999Z' },
      { userId: 'a', event: 'B', at: '2024-11-03T06:00:00Z' },
      { userId: 'b', event: 'S', at: '2024-11-03T04:00:00Z' },
      { userId: 'c', event: 'S', at: '2024-11-04T04:59:59.999Z' },
      { userId: 'c', event: 'S', at: '2024-11-04T05:00:00Z' },
      { userId: 'c', event: 'B', at: '2024-11-04T05:30:00Z' },
    ]);
    const more = {
      trend: 'day',
      from: '2024-11-02',
      to: '2024-11-05',
      timezone: 'America/New_York',
      window_seconds: 86_400,
    };
    const { trend } = await funnel(['S', 'B'], more);
    expect(trend!.buckets.map(({ label }) => label)).toEqual([
      '2024-11-02',
      '2024-11-03',
      '2024-11-04',
      '2024-11-05',
    ]);
    expect(trend).toMatchObject({
      entered: [1, 1, 1, 0],
      converted: [1, 0, 1, 0],
      rate: [1, 0, 1, null],
    });
    // The window of the last day reaches beyond the range.
    expect(trend!.buckets.map(({ mature }) => mature)).toEqual([true, true, true, false]);
    const query = queryOf(['S', 'B'], more);
    for (const [index, { start }] of trend!.buckets.entries()) {
      expect(await peopleAt(query, { step: 0, entered_in: start })).toHaveLength(trend!.entered[index]!);
      expect(await peopleAt(query, { step: 1, entered_in: start })).toHaveLength(trend!.converted[index]!);
    }
  });

  it('is not mature where events are still to come', async () => {
    const { trend, complete } = await funnel(['S', 'B'], {
      trend: 'day',
      from: '2025-12-29',
      to: '2026-01-05',
      window_seconds: 86_400,
    });
    expect(trend!.buckets.map(({ mature }) => mature)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
      false,
      false,
    ]);
    expect(complete).toBe(false);
  });
});

describe('a funnel', () => {
  it('counts merged ids as one person', async () => {
    await api.land(project.projectId, [
      { anonymousId: 'anon', event: 'S', at: '2021-05-01T00:00:00Z' },
      { userId: 'u1', event: 'P', at: '2021-05-01T00:01:00Z' },
      { userId: 'u2', event: 'S', at: '2021-05-01T00:00:00Z' },
      { event: 'S', type: 'group', at: '2021-05-01T00:00:00Z' },
    ]);
    expect(countsOf(await funnel(['S', 'P']))).toEqual([2, 0]);
    await api.merge(project.projectId, 'anon', 'u1');
    expect(countsOf(await funnel(['S', 'P']))).toEqual([2, 1]);
    expect(await peopleAt(queryOf(['S', 'P']), { step: 1 })).toEqual(['u1']);
    expect(await peopleAt(queryOf(['S', 'P']), { step: 1, dropped: true })).toEqual(['u2']);
    expect(await peopleAt(queryOf(['S', 'P']), { step: 0, dropped: true })).toEqual([]);
  });

  it('starts with as many people as a trend counts', async () => {
    await api.land(project.projectId, told({ a: 'S S', b: 'S', c: 'P' }));
    const response = await api.ask(project.key, {
      kind: 'trends',
      series: [{ event: 'S', measure: 'unique_users' }],
      ...RANGE,
    });
    const { series } = response.json<{ series: { total: number }[] }>();
    expect(countsOf(await funnel(['S', 'P']))[0]).toBe(series[0]!.total);
  });

  it('of one step has no times, and with nobody no shares', async () => {
    await api.land(project.projectId, told({ a: 'S' }));
    const one = await funnel(['S']);
    expect(one.conversion).toEqual({ rate: 1, avg_seconds: null, median_seconds: null, p90_seconds: null });
    const none = await funnel(['nothing', 'S']);
    expect(none.steps[1]).toMatchObject({
      users: 0,
      conversion_from_previous: null,
      conversion_from_first: null,
    });
    expect(none.conversion.rate).toBeNull();
  });

  it('leaves out robots and events that do not meet the filters', async () => {
    await api.land(project.projectId, [
      ...told({ a: 'S P' }).map((event) => ({ ...event, isBot: true })),
      ...told({ b: 'S P', c: 'S' }),
    ]);
    expect(countsOf(await funnel(['S', 'P'], { bots: 'exclude' }))).toEqual([2, 1]);
    expect(countsOf(await funnel(['S', 'P'], { bots: 'only' }))).toEqual([1, 1]);
    expect(countsOf(await funnel(['S', 'P'], { filters: [{ has_not_done: { event: 'P' } }] }))).toEqual([
      1, 0,
    ]);
    expect(
      countsOf(
        await funnel(['S', { event: 'P', filters: [{ has_done: { event: 'S', times: { gte: 2 } } }] }]),
      ),
    ).toEqual([3, 0]);
  });

  describe.each(['ordered', 'strict', 'unordered'] as const)('of %s steps', (order) => {
    const names = Array.from({ length: 12 }, (_name, index) => `S${index}`);
    const whole = names.map(() => 1);

    it('may have twelve of them, five exclusions and groups', async () => {
      await api.land(project.projectId, told({ u1: names.join(' ') }));
      const exclusions = [0, 1, 2, 3, 4].map((place) => ({
        event: `x${place}`,
        after_step: place,
        before_step: place + 1,
      }));
      expect(countsOf(await funnel(names, { order }))).toEqual(whole);
      expect(countsOf(await funnel(names, { order, exclusions, exclusion_mode: 'stop' }))).toEqual(whole);
      const { groups = [] } = await funnel(names, { order, exclusions, breakdown: { column: 'country' } });
      expect(groups.map(countsOf)).toEqual([whole]);
    });

    it('may have as many that one event could do', async () => {
      await api.land(project.projectId, told({ u1: 'A '.repeat(12) }));
      const steps = names.map(() => 'A');
      const exclusions = [
        { event: 'x', after_step: 0, before_step: 1 },
        { event: 'x', after_step: 3, before_step: 9 },
      ];
      expect(countsOf(await funnel(steps, { order, exclusions }))).toEqual(whole);
    });
  });

  it('is estimated without being counted', async () => {
    await api.land(project.projectId, told({ a: 'S P' }));
    const more = { dry_run: true, breakdown: { column: 'country' }, trend: 'day' };
    const response = await api.ask(project.key, queryOf(['S', 'P'], more));
    expect(response.json()).toMatchObject({ kind: 'estimate', statements: [{}, {}, {}] });
  });

  it.each([
    [{ step: 2 }, '/point/step'],
    [{ step: 0, group: { kind: 'none', value: null } }, '/point/group'],
    [{ step: 0, entered_in: '2021-05-01T00:00:00.000Z' }, '/point/entered_in'],
  ])('has no number at %j', async (point, field) => {
    const response = await api.app.inject({
      method: 'POST',
      url: '/v1/people',
      headers: { authorization: `Bearer ${project.key}`, 'content-type': 'application/json' },
      payload: JSON.stringify({ query: queryOf(['S', 'P']), point }),
    });
    expect(response.statusCode).toBe(400);
    expect(response.json()).toMatchObject({ code: 'invalid_query', field });
  });

  it('refuses a trend of too many buckets by name', async () => {
    const response = await api.ask(project.key, queryOf(['S'], { from: '2020-01-01', trend: 'minute' }));
    expect(response.json()).toMatchObject({ code: 'too_many_buckets', field: '/trend' });
  });
});

describe('any stream of events', () => {
  const START = Date.parse('2021-05-10T00:00:00Z');
  /** Of many people, so that one question compares many of them. */
  const streams = fc.array(
    fc.array(
      fc.record({
        isAnonymous: fc.boolean(),
        name: fc.constantFrom('A', 'A', 'B', 'B', 'C', 'x'),
        minute: fc.integer({ min: 0, max: 12 }),
      }),
      { minLength: 1, maxLength: 10 },
    ),
    { minLength: 40, maxLength: 60 },
  );
  const queries = fc.record({
    steps: fc.oneof(
      fc.constantFrom<EvaluatedQuery['steps'][]>(['A', 'B', 'C'], ['A', 'A', 'B'], ['B', 'A', 'B', 'A']),
      fc.array(fc.constantFrom('A', 'B', 'C', null), { minLength: 2, maxLength: 4 }),
    ),
    order: fc.constantFrom<EvaluatedQuery['order'][]>('ordered', 'strict', 'unordered'),
    windowMs: fc.integer({ min: 1, max: 12 }).map((minutes) => minutes * MINUTE),
    exclusions: fc.array(
      fc.record({
        name: fc.constantFrom('x', 'C'),
        after: fc.nat(2),
        length: fc.integer({ min: 1, max: 3 }),
      }),
      { maxLength: 2 },
    ),
    mode: fc.constantFrom<EvaluatedQuery['mode'][]>('leave', 'stop'),
  });
  /** The first of them are known under an anonymous id, too. */
  const MERGED = 3;

  it('gives the counts, people and times that following every attempt gives', async () => {
    await fc.assert(
      fc.asyncProperty(streams, fc.array(queries, { minLength: 8, maxLength: 8 }), async (people, asked) => {
        project = await api.createProject();
        await api.land(
          project.projectId,
          people.flatMap((stream, n) =>
            stream.map(({ isAnonymous, name, minute }) => ({
              ...(isAnonymous && n < MERGED ? { anonymousId: `anon${n}` } : { userId: `u${n}` }),
              event: name,
              at: START + minute * MINUTE,
            })),
          ),
        );
        for (let n = 0; n < MERGED; n += 1) await api.merge(project.projectId, `anon${n}`, `u${n}`);
        for (const [place, { exclusions, ...plain }] of asked.entries()) {
          const query: EvaluatedQuery = {
            ...plain,
            exclusions: exclusions
              .map(({ name, after, length }) => ({ name, after, before: after + length }))
              .filter(({ before }) => before < plain.steps.length),
          };
          const attempts = people.map((stream) =>
            evaluate(
              stream.map(({ name, minute }) => ({ name, at: minute * MINUTE })),
              query,
            ),
          );
          const more = {
            order: query.order,
            window_seconds: query.windowMs / 1_000,
            exclusion_mode: query.mode,
            exclusions: query.exclusions.map(({ name, after, before }) => ({
              event: name,
              after_step: after,
              before_step: before,
            })),
          };
          const steps = query.steps.map((event) => ({ event }));
          const answer = await funnel(steps, more);
          const waitsOf = (index: number): number[] =>
            attempts
              .filter((times) => times.length > index)
              .map((times) => (times[index]! - times[index - 1]!) / 1_000);
          expect({
            counts: countsOf(answer),
            waits: answer.steps.map(({ avg_seconds }) => avg_seconds),
          }).toEqual({
            counts: steps.map((_step, index) => attempts.filter((times) => times.length > index).length),
            waits: steps.map((_step, index) => (index === 0 ? null : mean(waitsOf(index)))),
          });
          if (place > 0) continue;
          const names = attempts.flatMap((times, n) => (times.length === 1 ? [`u${n}`] : []));
          expect(await peopleAt(queryOf(steps, more), { step: 1, dropped: true })).toEqual(names.sort());
        }
      }),
      { numRuns: 4, endOnFailure: true },
    );
  }, 300_000);
});

const mean = (values: readonly number[]): unknown =>
  values.length === 0
    ? null
    : expect.closeTo(values.reduce((total, value) => total + value, 0) / values.length, 6);
