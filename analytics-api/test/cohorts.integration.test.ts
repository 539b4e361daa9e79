import type { CohortDetail, CohortList, Problem, TrendsAnswer } from '@sluice/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openApiFixture, type ApiFixture, type Project } from './api-fixture.js';

let api: ApiFixture;
let project: Project;
let admin: string;

beforeAll(async () => {
  api = await openApiFixture();
  await api.completeThrough('2030-01-01T00:00:00Z');
});
afterAll(async () => api.close());
beforeEach(async () => {
  project = await api.createProject();
  admin = await api.createAdminKey(project.projectId);
  const at = (hour: number) => `2024-05-01T${String(hour).padStart(2, '0')}:00:00Z`;
  await api.land(project.projectId, [
    { userId: 'ann', at: at(1), type: 'identify', properties: { plan: 'pro' } },
    { userId: 'bob', at: at(1), type: 'identify', properties: { plan: 'free' } },
    { userId: 'ann', at: at(2), event: 'buy' },
    { userId: 'ann', at: at(3), event: 'buy' },
    { userId: 'bob', at: at(3), event: 'buy' },
    { userId: 'cid', at: at(4), event: 'view' },
    { anonymousId: 'tab', at: at(5), event: 'view' },
  ]);
});

const put = async (name: string, body: unknown, key = admin) =>
  api.send(key, 'PUT', `/v1/cohorts/${name}`, body);

async function made(name: string, body: unknown): Promise<CohortDetail> {
  const response = await put(name, body);
  expect(response.statusCode, response.body).toBe(200);
  return response.json<CohortDetail>();
}

async function refused(name: string, body: unknown): Promise<Pick<Problem, 'code' | 'field' | 'status'>> {
  const { code, field, status } = (await put(name, body)).json<Problem>();
  return { code, field, status };
}

const DAY = { from: '2024-05-01', to: '2024-05-01', timezone: 'UTC' };
const buyers = (gte: number) => ({ has_done: { event: 'buy', times: { gte } } });

async function trends(query: Record<string, unknown>): Promise<TrendsAnswer> {
  const response = await api.ask(project.key, { kind: 'trends', interval: 'total', ...DAY, ...query });
  expect(response.statusCode, response.body).toBe(200);
  return response.json<TrendsAnswer>();
}

const uniques = { series: [{ measure: 'unique_users' }] };

describe('a cohort', () => {
  it('that is live is everyone who meets its filter, as of now', async () => {
    expect(await made('buyers', { description: 'who paid', filter: buyers(1) })).toMatchObject({
      name: 'buyers',
      description: 'who paid',
      kind: 'live',
      filter: { has_done: { event: 'buy', times: { gte: 1 } } },
      listed_ids: null,
      people: 2,
      complete_through: '2030-01-01T00:00:00.000Z',
    });
    await api.land(project.projectId, [{ userId: 'cid', at: '2024-05-02T00:00:00Z', event: 'buy' }]);
    const later = await api.get(project.key, '/v1/cohorts/buyers');
    expect(later.json<CohortDetail>().people).toBe(3);
  });

  it('that is static has the people behind its ids, merged ones once, and knows how many ids are listed', async () => {
    const ids = { user_ids: ['cid', 'tab', 'never-seen', 'cid'] };
    expect(await made('picked', ids)).toMatchObject({
      kind: 'static',
      filter: null,
      listed_ids: 3,
      people: 2,
    });
    await api.merge(project.projectId, 'tab', 'cid');
    expect((await api.get(project.key, '/v1/cohorts/picked')).json<CohortDetail>().people).toBe(1);
  });

  it('may list 50,000 ids, and no more', async () => {
    const ids = Array.from(
      { length: 50_000 },
      (_, n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
    );
    expect(await made('many', { user_ids: [...ids.slice(1), 'ann'] })).toMatchObject({
      listed_ids: 50_000,
      people: 1,
    });
    expect((await trends({ ...uniques, filters: [{ cohort: 'many' }] })).series[0]!.total).toBe(1);
    expect(await refused('more', { user_ids: [...ids, 'ann'] })).toMatchObject({ status: 400 });
  });

  it('can be made anew as the other kind, listed and deleted', async () => {
    await made('a', { filter: buyers(1) });
    await made('b', { filter: { user_property: 'plan', operator: 'is', values: ['pro'] } });
    expect(await made('a', { user_ids: ['bob'] })).toMatchObject({ kind: 'static', filter: null, people: 1 });
    const list = (await api.get(project.key, '/v1/cohorts')).json<CohortList>();
    expect(list.cohorts.map(({ name, kind }) => [name, kind])).toEqual([
      ['a', 'static'],
      ['b', 'live'],
    ]);
    expect((await api.send(admin, 'DELETE', '/v1/cohorts/a')).json()).toEqual({ deleted: 'a' });
    for (const method of ['GET', 'DELETE'] as const) {
      expect((await api.send(admin, method, '/v1/cohorts/a')).json()).toMatchObject({
        code: 'cohort_not_found',
      });
    }
    const asked = await api.ask(project.key, { kind: 'trends', filters: [{ cohort: 'a' }] });
    expect(asked.json()).toMatchObject({ code: 'cohort_not_found', field: '/filters/0/cohort' });
  });

  it('filters events by who did them, with everything that was merged into a person', async () => {
    await made('twice', { filter: buyers(2) });
    const filtered = {
      series: [{ measure: 'count' }, { measure: 'unique_users' }],
      filters: [{ cohort: 'twice' }],
    };
    expect((await trends(filtered)).series.map(({ total }) => total)).toEqual([3, 1]);
    await api.merge(project.projectId, 'tab', 'ann');
    expect((await trends(filtered)).series.map(({ total }) => total)).toEqual([4, 1]);
    await api.merge(project.projectId, 'bob', 'cid');
    expect((await trends({ ...uniques, filters: [{ not: { cohort: 'twice' } }] })).series[0]!.total).toBe(1);
  });

  it('is a group of a breakdown, and a person can be in several', async () => {
    await made('buyers', { filter: buyers(1) });
    await made('pros', { filter: { user_property: 'plan', operator: 'is', values: ['pro'] } });
    const answer = await trends({ ...uniques, breakdown: { cohorts: ['buyers', 'pros'] } });
    const totals = answer.series[0]!.groups!.map(({ value, total }) => [value, total]);
    expect(new Map(totals as [string, number][])).toEqual(
      new Map([
        ['buyers', 2],
        ['pros', 1],
      ]),
    );
  });

  it('may name cohorts, and follows what becomes of them', async () => {
    await made('base', { user_ids: ['ann', 'bob'] });
    await made('narrow', { filter: { and: [{ cohort: 'base' }, { not: buyers(2) }] } });
    expect((await trends({ ...uniques, filters: [{ cohort: 'narrow' }] })).series[0]!.total).toBe(1);
    await made('base', { user_ids: ['ann', 'bob', 'cid'] });
    expect((await trends({ ...uniques, filters: [{ cohort: 'narrow' }] })).series[0]!.total).toBe(2);
  });

  it('may not name itself, directly or through others, nor one that there is not', async () => {
    const circle = { code: 'invalid_query', status: 400 };
    expect(await refused('a', { filter: { cohort: 'a' } })).toMatchObject(circle);
    await made('a', { user_ids: ['ann'] });
    await made('b', { filter: { cohort: 'a' } });
    await made('c', { filter: { or: [{ cohort: 'b' }, buyers(1)] } });
    expect(
      await refused('a', { filter: { not: { has_done: { filters: [{ cohort: 'c' }] } } } }),
    ).toMatchObject(circle);
    expect(await refused('d', { filter: { or: [buyers(1), { cohort: 'missing' }] } })).toEqual({
      code: 'cohort_not_found',
      status: 404,
      field: '/filter/or/1/cohort',
    });
    expect((await api.get(project.key, '/v1/cohorts/a')).json<CohortDetail>().people).toBe(1);
  });

  it('must be about people alone', async () => {
    for (const filter of [
      { column: 'country', operator: 'is', values: ['NO'] },
      { or: [buyers(1), { property: 'price', operator: 'gt', value: 3 }] },
      { not: { session: 'pages', operator: 'gt', value: 3 } },
    ]) {
      expect(await refused('x', { filter })).toEqual({
        code: 'invalid_query',
        status: 400,
        field: '/filter',
      });
    }
    const inner = { column: 'country', operator: 'is', values: ['NO'] };
    expect((await made('x', { filter: { has_done: { filters: [inner] } } })).people).toBe(0);
  });

  it('that cannot be asked about is not saved', async () => {
    const wrong = { has_done: { filters: [{ column: 'country', operator: 'gt', value: 3 }] } };
    expect(await refused('wrong', { filter: wrong })).toMatchObject({
      code: 'invalid_query',
      field: '/filter/has_done/filters/0',
    });
    expect((await api.get(project.key, '/v1/cohorts/wrong')).statusCode).toBe(404);
  });

  it('is changed with an admin key only, and belongs to its project', async () => {
    await made('mine', { user_ids: ['ann'] });
    const asReader = await put('mine', { user_ids: ['bob'] }, project.key);
    expect(asReader.json()).toMatchObject({ code: 'insufficient_scope', status: 403 });
    const deleted = await api.send(project.key, 'DELETE', '/v1/cohorts/mine');
    expect(deleted.json()).toMatchObject({ code: 'insufficient_scope' });
    const other = await api.createProject();
    expect((await api.get(other.key, '/v1/cohorts/mine')).statusCode).toBe(404);
    expect((await api.get(other.key, '/v1/cohorts')).json()).toEqual({ cohorts: [] });
  });
});
