import type { FunnelAnswer, PeopleAnswer } from '@sluice/contracts';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
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

const HOUR = 3_600_000;
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
    expect(countsOf(await funnel(['S', {}]))).toEqual([4, 1]);
    expect(countsOf(await funnel([{}, 'S']))).toEqual([4, 2]);
    expect(countsOf(await funnel([{}, {}]))).toEqual([4, 3]);
  });
});
