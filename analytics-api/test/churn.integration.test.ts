import type {
  ChurnDefinitionAnswer,
  ChurnJob,
  ChurnModelAnswer,
  ChurnPage,
  ChurnRuns,
  CohortDetail,
  FunnelAnswer,
  PeopleAnswer,
  Problem,
  TrendsAnswer,
  UserAnswer,
} from '@sluice/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openApiFixture, type ApiFixture, type Project } from './api-fixture.js';
import { publishScores, trainTestModel, type TestScore } from './churn-fixture.js';

let api: ApiFixture;
let project: Project;
let admin: string;

const DAY = { from: '2024-05-01', to: '2024-05-02', timezone: 'UTC' };
/** `u0` … `u19`, at 0, 0.05 … 0.95; `new` came after the scores. */
const SCORES: TestScore[] = Array.from({ length: 20 }, (_score, n) => ({
  id: `u${n}`,
  churn: n / 20,
  value: (n * 7) % 20,
}));

beforeAll(async () => {
  api = await openApiFixture();
  await api.completeThrough('2030-01-01T00:00:00Z');
});
afterAll(async () => api.close());
beforeEach(async () => {
  project = await api.createProject();
  admin = await api.createAdminKey(project.projectId);
  await landPeople(project.projectId);
});

async function landPeople(projectId: number): Promise<void> {
  await api.land(projectId, [
    ...SCORES.flatMap(({ id }, n) => [
      { userId: id, at: '2024-05-01T10:00:00Z', event: 'view' },
      ...(n % 2 === 0 ? [{ userId: id, at: '2024-05-02T10:00:00Z', event: 'buy' }] : []),
    ]),
    { userId: 'new', at: '2024-05-02T12:00:00Z', event: 'view' },
    { at: '2024-05-02T13:00:00Z', event: 'view' },
  ]);
  await api.pool.query(
    `insert into users (project_id, user_id, first_seen, last_seen, events, traits)
     select $1, id, now(), now(), 1, jsonb_build_object('email', id || '@example.com')
     from unnest($2::text[]) as id`,
    [projectId, [...SCORES.map(({ id }) => id), 'new']],
  );
}

async function list(search = '', key = project.key): Promise<ChurnPage> {
  const response = await api.get(key, `/v1/churn${search}`);
  expect(response.statusCode, response.body).toBe(200);
  return response.json<ChurnPage>();
}

async function trends(query: Record<string, unknown>): Promise<TrendsAnswer> {
  const response = await api.ask(project.key, { kind: 'trends', interval: 'total', ...DAY, ...query });
  expect(response.statusCode, response.body).toBe(200);
  return response.json<TrendsAnswer>();
}

const uniques = { series: [{ measure: 'unique_users' }] };

describe('without scores', () => {
  const questions = [
    { kind: 'trends', filters: [{ churn: { gte: 0.7 } }], ...DAY },
    { kind: 'trends', breakdown: { churn: { horizon: 7 } }, ...DAY },
  ];

  it('every question about churn is refused with the reason, and none is an empty answer', async () => {
    for (const query of questions) {
      const refused = await api.ask(project.key, query);
      expect(refused.json<Problem>()).toMatchObject({ status: 409, code: 'churn_not_scored' });
    }
    for (const path of ['/v1/churn', '/v1/churn/model']) {
      expect((await api.get(project.key, path)).json<Problem>()).toMatchObject({
        status: 409,
        code: 'churn_not_scored',
      });
    }
    const cohort = await api.send(admin, 'PUT', '/v1/cohorts/leaving', { filter: { churn: { gte: 0.5 } } });
    expect(cohort.json<Problem>().code).toBe('churn_not_scored');
  });

  it('the reason is that of the last attempt', async () => {
    await api.pool.query(
      `insert into churn_attempts (project_id, attempted_at, outcome, detail)
       values ($1, now(), 'too_little_history', 'There is too little to learn from: 3 people.')`,
      [project.projectId],
    );
    const refused = await api.get(project.key, '/v1/churn');
    expect(refused.json<Problem>().detail).toContain('too little to learn from: 3 people');
    expect((await api.get(project.key, '/v1/users/u1')).json<UserAnswer>().churn).toEqual({
      state: 'not_scored',
      reason: 'no_scores',
      detail: 'There is too little to learn from: 3 people.',
    });
    const runs = (await api.get(project.key, '/v1/churn/runs')).json<ChurnRuns>();
    expect(runs).toMatchObject({ last_attempt: { outcome: 'too_little_history' }, runs: [] });
  });
});

it('a failure is told without what only those who run the pipeline may see', async () => {
  await api.pool.query(
    `insert into churn_attempts (project_id, attempted_at, outcome, detail, failures)
     values ($1, now(), 'failed', 'select secret from host-7', 1)`,
    [project.projectId],
  );
  const job = await api.pool.query<{ job_id: number }>(
    `insert into jobs (kind, arguments, state, error)
     values ('churn', jsonb_build_object('project_id', $1::int), 'failed', 'select secret from host-7') returning job_id`,
    [project.projectId],
  );
  for (const path of [
    '/v1/churn',
    '/v1/churn/runs',
    '/v1/users/u1',
    `/v1/churn/jobs/${job.rows[0]!.job_id}`,
  ]) {
    const { body } = await api.get(project.key, path);
    expect(body, path).not.toContain('secret');
    expect(body, path).toMatch(/scoring failed.*log of the pipeline/);
  }
});

describe('the list', () => {
  beforeEach(async () => {
    await publishScores(api, project.projectId, SCORES);
  });

  it('has everyone once, the likeliest to go first, whatever the size of its pages', async () => {
    for (const limit of [1, 7, 20, 50]) {
      const ids: string[] = [];
      let cursor: string | null = null;
      do {
        const page: ChurnPage = await list(`?limit=${limit}${cursor === null ? '' : `&cursor=${cursor}`}`);
        expect(page.total).toBe(20);
        ids.push(...page.people.map(({ user_id }) => user_id));
        cursor = page.next_cursor;
      } while (cursor !== null);
      expect(ids).toEqual(SCORES.map(({ id }) => id).reverse());
    }
  });

  it('says of each what is stored, and of which run it is', async () => {
    const { run, people, horizon } = await list('?limit=1');
    expect(horizon).toBe(30);
    expect(run).toMatchObject({ known_through: '2024-05-10', people: 20, currency: 'EUR', timezone: 'UTC' });
    expect(people[0]).toMatchObject({
      user_id: 'u19',
      churn_probability: 0.95,
      expected_value: 13,
      reasons: [
        { feature: 'recency', contribution: expect.closeTo(1.8, 5) as number },
        { feature: 'frequency', contribution: 0.25 },
      ],
      last_active: '2024-05-01',
      age_days: 40,
    });
    expect(people[0]!.expected_active_days).toBeCloseTo(1.5, 4);
  });

  it('can be ordered by value, and equal ones are on one page or the next, never on both', async () => {
    await publishScores(
      api,
      project.projectId,
      SCORES.map((score, n) => ({ ...score, value: n % 2 })),
    );
    const first = await list('?order=expected_value&limit=13');
    const second = await list(`?order=expected_value&limit=13&cursor=${first.next_cursor!}`);
    const values = [...first.people, ...second.people].map(({ expected_value }) => expected_value);
    expect(values).toEqual([...values].sort((a, b) => b - a));
    expect(new Set([...first.people, ...second.people].map(({ user_id }) => user_id)).size).toBe(20);
  });

  it('is cut by probability with both ends, by value, by search and by cohort', async () => {
    expect((await list('?min_probability=0.7')).total).toBe(6);
    expect((await list('?min_probability=0.7&max_probability=0.7')).people).toMatchObject([
      { user_id: 'u14' },
    ]);
    expect((await list('?horizon=90&max_probability=0.25')).total).toBe(11);
    expect((await list('?min_expected_value=15')).total).toBe(5);
    expect((await list('?search=U1')).people.map(({ user_id }) => user_id)).toEqual([
      ...Array.from({ length: 10 }, (_id, n) => `u${19 - n}`),
      'u1',
    ]);
    expect((await list('?search=nobody')).total).toBe(0);
    await api.send(admin, 'PUT', '/v1/cohorts/buyers', { filter: { has_done: { event: 'buy' } } });
    expect((await list('?cohort=buyers&min_probability=0.5')).total).toBe(5);
    expect((await api.get(project.key, '/v1/churn?cohort=none')).json<Problem>()).toMatchObject({
      code: 'cohort_not_found',
    });
  });

  it('is not gone on with in another order, or for another horizon', async () => {
    const { next_cursor: cursor } = await list('?limit=5');
    expect((await list(`?limit=5&cursor=${cursor!}`)).people.length).toBe(5);
    for (const change of ['horizon=7', 'order=expected_value']) {
      const refused = await api.get(project.key, `/v1/churn?limit=5&${change}&cursor=${cursor!}`);
      expect(refused.json<Problem>()).toMatchObject({
        status: 400,
        code: 'invalid_request',
        field: '/cursor',
      });
    }
  });

  it('goes on in its own run when another is published, and says so when that is gone', async () => {
    const first = await list('?limit=12');
    const next = await publishScores(
      api,
      project.projectId,
      SCORES.map(({ id, churn }) => ({ id, churn: 1 - churn })),
    );
    const second = await list(`?limit=12&cursor=${first.next_cursor!}`);
    expect(second.run.run_id).toBe(first.run.run_id);
    expect([...first.people, ...second.people].map(({ user_id }) => user_id)).toEqual(
      SCORES.map(({ id }) => id).reverse(),
    );
    expect((await list('?limit=1')).run.run_id).toBe(next);
    await api.pool.query(`update churn_runs set state = 'abandoned' where run_id = $1`, [first.run.run_id]);
    const gone = await api.get(project.key, `/v1/churn?cursor=${first.next_cursor!}`);
    expect(gone.json<Problem>()).toMatchObject({ status: 410, code: 'churn_run_gone', field: '/cursor' });
    for (const cursor of ['x', 'WzEsMSwiMSJd0', Buffer.from('[1,2,"3;"]').toString('base64url')]) {
      const bad = await api.get(project.key, `/v1/churn?cursor=${cursor}`);
      expect([400, 410]).toContain(bad.statusCode);
    }
  });

  it('has one row for ids that were merged since, with the least probability of them', async () => {
    await api.merge(project.projectId, 'u19', 'u3');
    await api.merge(project.projectId, 'u18', 'fresh');
    const { people, total } = await list('?limit=50');
    expect(total).toBe(19);
    expect(people.filter(({ user_id }) => ['u3', 'u19', 'u18', 'fresh'].includes(user_id))).toMatchObject([
      { user_id: 'fresh', churn_probability: expect.closeTo(0.9, 5) as number },
      { user_id: 'u3', churn_probability: expect.closeTo(0.15, 5) as number },
    ]);
  });

  it('has nobody of another project', async () => {
    const other = await api.createProject();
    await landPeople(other.projectId);
    await publishScores(api, other.projectId, [{ id: 'u1', churn: 0.99 }]);
    expect((await list('', other.key)).people).toMatchObject([{ user_id: 'u1' }]);
    expect((await list('?search=u1&limit=1')).people[0]!.churn_probability).toBeCloseTo(0.95, 5);
    const theirs = await list('?limit=1');
    const crossed = await api.get(other.key, `/v1/churn?cursor=${theirs.next_cursor!}`);
    expect(crossed.json<Problem>().code).toBe('churn_run_gone');
  });
});

describe('a person', () => {
  it('has what the newest scores say, for all horizons', async () => {
    const runId = await publishScores(api, project.projectId, SCORES);
    const { churn } = (await api.get(project.key, '/v1/users/u10')).json<UserAnswer>();
    expect(churn).toMatchObject({ state: 'scored', run: { run_id: runId }, last_active: '2024-05-01' });
    if (churn.state !== 'scored') throw new Error('not scored');
    expect(churn.horizons.map(({ horizon }) => horizon)).toEqual([7, 30, 90]);
    expect(churn.horizons[1]!.churn_probability).toBe(0.5);
  });

  it('who came later is not scored, and the answer says so', async () => {
    await publishScores(api, project.projectId, SCORES);
    const { churn } = (await api.get(project.key, '/v1/users/new')).json<UserAnswer>();
    expect(churn).toMatchObject({ state: 'not_scored', reason: 'not_in_run' });
  });

  it('with ids that were merged since has the least probability of them', async () => {
    await publishScores(api, project.projectId, SCORES);
    await api.merge(project.projectId, 'u2', 'new');
    await api.merge(project.projectId, 'u12', 'new');
    const { churn } = (await api.get(project.key, '/v1/users/u12')).json<UserAnswer>();
    if (churn.state !== 'scored') throw new Error('not scored');
    expect(churn.horizons[1]!.churn_probability).toBeCloseTo(0.1, 5);
  });
});

describe('a filter by churn', () => {
  it('has as many people as the list, in every kind of place', async () => {
    await publishScores(api, project.projectId, SCORES);
    await api.merge(project.projectId, 'u19', 'u3');
    const bounds: [string, Record<string, number>][] = [
      ['?min_probability=0.7', { gte: 0.7 }],
      ['?max_probability=0.35', { lte: 0.35 }],
      ['?horizon=7&min_probability=0.9', { horizon: 7, gte: 0.9 }],
      ['?horizon=90&min_probability=0.2&max_probability=0.6', { horizon: 90, gte: 0.2, lte: 0.6 }],
    ];
    for (const [search, churn] of bounds) {
      const { total } = await list(search);
      expect(total).toBeGreaterThan(0);
      const answer = await trends({ ...uniques, filters: [{ churn }] });
      expect(answer.series[0]!.total).toBe(total);
      const raw = await trends({ ...uniques, filters: [{ churn }], source: 'raw' });
      expect(raw.series[0]!.total).toBe(total);
      const saved = await api.send(admin, 'PUT', '/v1/cohorts/these', { filter: { churn } });
      expect(saved.json<CohortDetail>().people).toBe(total);
      const byCohort = await trends({ ...uniques, filters: [{ cohort: 'these' }] });
      expect(byCohort.series[0]!.total).toBe(total);
      const people = await api.send(project.key, 'POST', '/v1/people', {
        query: { kind: 'trends', ...uniques, interval: 'total', filters: [{ churn }], ...DAY },
        point: { series: 0 },
      });
      expect(people.json<PeopleAnswer>().total).toBe(total);
    }
  });

  it('is not met by who is not scored; who does not meet it includes them', async () => {
    await publishScores(api, project.projectId, SCORES);
    const all = (await trends(uniques)).series[0]!.total!;
    const met = (await trends({ ...uniques, filters: [{ churn: { gte: 0 } }] })).series[0]!.total;
    expect([all, met]).toEqual([21, 20]);
    const not = await trends({ ...uniques, filters: [{ not: { churn: { gte: 0.5 } } }] });
    expect(not.series[0]!.total).toBe(11);
  });

  it('must say a bound, and one between 0 and 1', async () => {
    await publishScores(api, project.projectId, SCORES);
    for (const churn of [{}, { horizon: 30 }, { gte: 2 }, { horizon: 31, gte: 0.5 }]) {
      const refused = await api.ask(project.key, { kind: 'trends', ...DAY, filters: [{ churn }] });
      expect(refused.statusCode).toBe(400);
    }
  });

  it('is asked anew when other scores are told, and not before', async () => {
    await publishScores(api, project.projectId, SCORES);
    const query = { ...uniques, filters: [{ churn: { gte: 0.7 } }] };
    expect((await trends(query)).series[0]!.total).toBe(6);
    const again = await trends(query);
    expect([again.series[0]!.total, again.statistics.cache]).toEqual([6, 'hit']);
    await publishScores(
      api,
      project.projectId,
      SCORES.map(({ id }) => ({ id, churn: 0.8 })),
    );
    const after = await trends(query);
    expect([after.series[0]!.total, after.statistics.cache]).toEqual([20, 'miss']);
  });

  it('in a saved question changes its version with the scores', async () => {
    await publishScores(api, project.projectId, SCORES);
    await api.send(admin, 'PUT', '/v1/saved/leaving', {
      query: { kind: 'trends', ...uniques, interval: 'total', ...DAY, filters: [{ churn: { gte: 0.7 } }] },
    });
    const first = await api.get(project.key, '/v1/saved/leaving.json');
    const tag = first.headers['etag'] as string;
    const known = { 'if-none-match': tag };
    expect((await api.send(project.key, 'GET', '/v1/saved/leaving.json', undefined, known)).statusCode).toBe(
      304,
    );
    await publishScores(
      api,
      project.projectId,
      SCORES.map(({ id }) => ({ id, churn: 0.8 })),
    );
    expect((await api.send(project.key, 'GET', '/v1/saved/leaving.json', undefined, known)).statusCode).toBe(
      200,
    );
  });
});

describe('a breakdown by churn', () => {
  beforeEach(async () => {
    await publishScores(api, project.projectId, SCORES);
  });
  const byChurn = { breakdown: { churn: { horizon: 30 } } };
  const groupsOf = (answer: TrendsAnswer): Record<string, number | null> =>
    Object.fromEntries(answer.series[0]!.groups!.map(({ kind, value, total }) => [value ?? kind, total]));

  it('has low, medium and high risk, and those who are not scored, and adds up', async () => {
    const answer = await trends({ ...uniques, ...byChurn });
    expect(groupsOf(answer)).toEqual({ low: 6, medium: 8, high: 6, none: 1 });
    expect(answer.series[0]!.total).toBe(21);
    const high = await trends({ ...uniques, filters: [{ churn: { gte: 0.7 } }] });
    expect(high.series[0]!.total).toBe(6);
    const counts = await trends({ series: [{ measure: 'count' }], ...byChurn });
    // Events of nobody are of nobody who is scored.
    expect(groupsOf(counts)).toEqual({ low: 9, medium: 12, high: 9, none: 2 });
    expect(counts.series[0]!.total).toBe(32);
  });

  it('is the same from single events, bucket by bucket, and after merges', async () => {
    await api.merge(project.projectId, 'u19', 'u3');
    await api.merge(project.projectId, 'u10', 'new');
    for (const source of ['auto', 'raw']) {
      const answer = await trends({ ...uniques, ...byChurn, source });
      expect(groupsOf(answer)).toEqual({ low: 6, medium: 8, high: 5 });
      expect(answer.series[0]!.total).toBe(19);
    }
    const daily = await trends({ ...uniques, ...byChurn, interval: 'day' });
    const series = daily.series[0]!;
    for (const [bucket, value] of series.values.entries()) {
      const parts = series.groups!.map(({ values }) => values[bucket] ?? 0);
      expect(parts.reduce((sum, part) => sum + part, 0)).toBe(value);
    }
  });

  it('divides a funnel, and lists the people of a band', async () => {
    const response = await api.ask(project.key, {
      kind: 'funnel',
      steps: [{ event: 'view' }, { event: 'buy' }],
      ...byChurn,
      ...DAY,
    });
    const funnel = response.json<FunnelAnswer>();
    expect(
      Object.fromEntries(
        funnel.groups!.map(({ value, kind, steps }) => [value ?? kind, steps.map(({ users }) => users)]),
      ),
    ).toEqual({ low: [6, 3], medium: [8, 4], high: [6, 3], none: [1, 0] });
    const people = await api.send(project.key, 'POST', '/v1/people', {
      query: { kind: 'trends', ...uniques, ...byChurn, interval: 'total', ...DAY },
      point: { series: 0, group: { kind: 'value', value: 'high' } },
    });
    expect(
      people
        .json<PeopleAnswer>()
        .people.map(({ user_id }) => user_id)
        .sort(),
    ).toEqual(['u14', 'u15', 'u16', 'u17', 'u18', 'u19']);
  });
});

describe('the model', () => {
  it('says how it was made, what serves and why', async () => {
    const model = trainTestModel();
    const runId = await publishScores(api, project.projectId, SCORES, { model });
    const answer = (await api.get(project.key, '/v1/churn/model')).json<ChurnModelAnswer>();
    expect(answer).toMatchObject({
      run: { run_id: runId },
      model: { people: model.people, share: 1, known_through: '2024-05-10' },
      horizons: [
        { horizon: 7, serves: 'mbg-nbd', reason: 'no_labelled_past', back_test: null },
        { horizon: 30 },
        { horizon: 90 },
      ],
    });
    expect(JSON.stringify(answer)).not.toContain('weights');
  });
});

describe('the definition', () => {
  it('is any event until somebody changes it', async () => {
    const path = '/v1/churn/definition';
    const before = (await api.get(project.key, path)).json<ChurnDefinitionAnswer>();
    expect(before).toEqual({
      definition: { activity: { kind: 'any_event' }, currency: null, bots: 'exclude' },
      updated_at: null,
    });
    const body = { activity: { kind: 'event', events: ['Purchase'] }, currency: 'EUR' };
    const put = await api.send(admin, 'PUT', path, body);
    expect(put.json<ChurnDefinitionAnswer>().definition).toEqual({ ...body, bots: 'exclude' });
    const after = (await api.get(project.key, path)).json<ChurnDefinitionAnswer>();
    expect(after.definition).toEqual({ ...body, bots: 'exclude' });
    expect(after.updated_at).not.toBeNull();
    const other = await api.createProject();
    expect((await api.get(other.key, path)).json<ChurnDefinitionAnswer>().updated_at).toBeNull();
  });

  it('is refused when it says something else, and from a key that only reads', async () => {
    for (const body of [
      { activity: { kind: 'event', events: [] } },
      { activity: { kind: 'purchase' } },
      { currency: 'euro' },
      { project_id: 1 },
    ]) {
      expect((await api.send(admin, 'PUT', '/v1/churn/definition', body)).statusCode).toBe(400);
    }
    expect((await api.send(project.key, 'PUT', '/v1/churn/definition', {})).statusCode).toBe(403);
  });
});

describe('a scoring that is asked for', () => {
  it('is one job until it is done, which only its project sees', async () => {
    const first = (await api.send(admin, 'POST', '/v1/churn/run')).json<ChurnJob>();
    expect(first).toMatchObject({ state: 'queued', error: null });
    expect((await api.send(admin, 'POST', '/v1/churn/run')).json<ChurnJob>()).toEqual(first);
    const path = `/v1/churn/jobs/${first.job_id}`;
    expect((await api.get(project.key, path)).json<ChurnJob>()).toEqual(first);
    const other = await api.createProject();
    expect((await api.get(other.key, path)).statusCode).toBe(404);
    await api.pool.query(`update jobs set state = 'done' where job_id = $1`, [first.job_id]);
    expect((await api.send(admin, 'POST', '/v1/churn/run')).json<ChurnJob>().job_id).not.toBe(first.job_id);
    expect((await api.send(project.key, 'POST', '/v1/churn/run')).statusCode).toBe(403);
  });
});
