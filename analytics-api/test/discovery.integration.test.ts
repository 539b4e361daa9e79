import { randomBytes } from 'node:crypto';
import type {
  Annotation,
  AnnotationList,
  EventNames,
  Properties,
  PropertyValues,
  UserPage,
} from '@sluice/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askFoundUsers } from '../src/questions/find-users.js';
import { openApiFixture, type ApiFixture, type Project, type TestEvent } from './api-fixture.js';

let api: ApiFixture;
let project: Project;
let admin: string;

const at = (minute: number) => new Date(Date.UTC(2024, 4, 1) + minute * 60_000).toISOString();

beforeAll(async () => {
  api = await openApiFixture();
  await api.completeThrough('2024-06-01T00:00:00Z');
  project = await api.createProject();
  admin = await api.createAdminKey(project.projectId);
  const events: TestEvent[] = [
    ...Array.from({ length: 3 }, (_, n) => ({
      userId: 'ann',
      at: at(n),
      event: 'buy',
      properties: {
        price: n === 0 ? 'free' : n,
        'a.b': 'dotted',
        cart: { size: n, gift: true },
        tags: ['x'],
      },
      columns: { country: 'NO' },
    })),
    {
      userId: 'bob',
      at: at(60),
      event: 'view',
      properties: { price: 7, page: 'home' },
      columns: { country: 'NL' },
    },
    { userId: 'bob', at: at(61), event: 'view', properties: { page: 'Help' } },
    { userId: 'ann', at: at(62), type: 'identify', properties: { plan: 'pro', address: { city: 'Oslo' } } },
    { userId: 'bob', at: at(63), type: 'identify', properties: { plan: 'free' } },
  ];
  await api.land(project.projectId, events);
});
afterAll(async () => api.close());

async function get<Answer>(path: string, key = project.key): Promise<Answer> {
  const response = await api.get(key, path);
  expect(response.statusCode, response.body).toBe(200);
  return response.json<Answer>();
}

describe('names of events', () => {
  it('are listed with how often and when they were seen, the most frequent first', async () => {
    const { names, complete_through } = await get<EventNames>('/v1/events/names');
    expect(names.map(({ event, type, events }) => [event, type, events])).toEqual([
      ['buy', 'track', 3],
      ['', 'identify', 2],
      ['view', 'track', 2],
    ]);
    expect(names[0]).toMatchObject({ first_seen: at(0), last_seen: at(0) });
    expect(complete_through).toBe('2024-06-01T00:00:00.000Z');
    const found = await get<EventNames>('/v1/events/names?prefix=VI&limit=1');
    expect(found.names.map(({ event }) => event)).toEqual(['view']);
  });
});

describe('properties', () => {
  it('of an event are listed as questions name them, with their types and how often they are there', async () => {
    const answer = await get<Properties>('/v1/properties?event=buy');
    expect(answer).toMatchObject({ events_looked_at: 3, sampled: false });
    expect(answer.properties).toEqual([
      { property: 'a.b', types: ['string'], events: 3 },
      { property: ['cart', 'gift'], types: ['boolean'], events: 3 },
      { property: ['cart', 'size'], types: ['number'], events: 3 },
      { property: 'price', types: ['string', 'number'], events: 3 },
      { property: 'tags', types: ['array'], events: 3 },
    ]);
  });

  it('of all events and of people are listed, too, and found by what they begin with', async () => {
    const all = await get<Properties>('/v1/properties?prefix=P');
    expect(all.properties.map(({ property, events }) => [property, events])).toEqual([
      ['price', 4],
      ['page', 2],
      ['plan', 2],
    ]);
    expect(all.events_looked_at).toBe(7);
    const dotted = await get<Properties>('/v1/properties?prefix=cart.s');
    expect(dotted.properties).toMatchObject([{ property: ['cart', 'size'] }]);
    const traits = await get<Properties>('/v1/properties?of=user');
    expect(traits.properties.map(({ property, events }) => [property, events])).toEqual([
      ['plan', 2],
      [['address', 'city'], 1],
    ]);
    expect(traits.events_looked_at).toBe(2);
  });

  it('have values with counts: of events, of people, of columns, of nested keys', async () => {
    const values = async (query: string): Promise<[string, number][]> => {
      const answer = await get<PropertyValues>(`/v1/properties/values?${query}`);
      return answer.values.map(({ value, events }) => [value, events]);
    };
    expect(await values('property=price&event=buy')).toEqual([
      ['1', 1],
      ['2', 1],
      ['free', 1],
    ]);
    expect(await values('property=cart&property=gift')).toEqual([['true', 3]]);
    expect(await values('property=a.b')).toEqual([['dotted', 3]]);
    expect(await values('property=page&prefix=h')).toEqual([
      ['Help', 1],
      ['home', 1],
    ]);
    expect(await values('user_property=plan&prefix=p')).toEqual([['pro', 1]]);
    expect(await values('column=country')).toEqual([
      ['NO', 3],
      ['NL', 1],
    ]);
    expect(await values('column=country&event=view')).toEqual([['NL', 1]]);
    expect(await values('property=nothing')).toEqual([]);
  });

  it.each([
    'values',
    'values?property=a&column=country',
    'values?column=actor_id',
    'values?property=',
    'values?property=a%5E%60b',
    'values?user_property=plan&event=buy',
    'values?prefix=x',
  ])('/v1/properties/%s is refused', async (path) => {
    const response = await api.get(project.key, `/v1/properties/${path}`);
    expect(response.statusCode, response.body).toBe(400);
  });

  it('are those of the newest events where there are many, and the answer says so', async () => {
    const many = await api.createProject();
    const event = (n: number, properties: object, name = 'tick'): TestEvent => ({
      ...{ userId: 'u', at: Date.UTC(2024, 4, 1) + n * 1_000, event: name },
      properties: properties as Record<string, unknown>,
    });
    const old = Array.from({ length: 500 }, (_, n) => event(n, { old: 1 }));
    const middle = Array.from({ length: 9_000 }, (_, n) =>
      event(1_000 + n, { recent: n % 2 === 0 ? 1 : 'x' }),
    );
    const newest = Array.from({ length: 1_000 }, (_, n) =>
      event(20_000 + n, { newest: 1 }, `other ${n % 3}`),
    );
    for (const rows of [old, middle, newest]) await api.land(many.projectId, rows);
    const all = await get<Properties>('/v1/properties', many.key);
    expect(all).toMatchObject({ events_looked_at: 10_000, sampled: true });
    expect(all.properties).toEqual([
      { property: 'recent', types: ['string', 'number'], events: 9_000 },
      { property: 'newest', types: ['number'], events: 1_000 },
    ]);
    const one = await get<Properties>('/v1/properties?event=tick', many.key);
    expect(one).toMatchObject({ events_looked_at: 9_500, sampled: false });
    expect(one.properties.map(({ property }) => property)).toEqual(['recent', 'old']);
  });
});

describe('people', () => {
  beforeAll(async () => {
    const people: [string, object][] = [
      ['u_1', { email: 'Ann@Example.com', name: 'Ann Lee' }],
      ['u_2', { email: 'bob@example.com', name: 'Bob 100%' }],
      ['u%3', { name: 'anna' }],
      ['ann', {}],
      ['Übung', { email: 7 }],
    ];
    for (const [id, traits] of people) {
      await api.pool.query(
        `insert into users (project_id, user_id, first_seen, last_seen, events, traits)
         values ($1, $2, '2024-05-01', '2024-05-02', 3, $3)`,
        [project.projectId, id, JSON.stringify(traits)],
      );
    }
  });
  const found = async (search: string): Promise<string[]> => {
    const { users } = await get<UserPage>(`/v1/users?search=${encodeURIComponent(search)}`);
    return users.map(({ user_id }) => user_id).sort();
  };

  it('are found by what their id, email or name begins with, whatever the case', async () => {
    expect(await found('ann')).toEqual(['ann', 'u%3', 'u_1']);
    expect(await found('BOB@')).toEqual(['u_2']);
    expect(await found('ann lee')).toEqual(['u_1']);
    expect(await found('übu')).toEqual(['Übung']);
    expect(await found('lee')).toEqual([]);
    expect(await found('7')).toEqual(['Übung']);
  });

  it('are searched for with letters, not patterns', async () => {
    expect(await found('u_')).toEqual(['u_1', 'u_2']);
    expect(await found('u%')).toEqual(['u%3']);
    expect(await found('%')).toEqual([]);
    expect(await found('bob 100%')).toEqual(['u_2']);
    expect(await found('\\')).toEqual([]);
  });

  it('are listed in pages, each once', async () => {
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: UserPage = await get(`/v1/users?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
      expect(page.users.length).toBeLessThanOrEqual(2);
      seen.push(...page.users.map(({ user_id }) => user_id));
      cursor = page.next_cursor;
    }
    expect(seen.sort()).toEqual(['ann', 'u%3', 'u_1', 'u_2', 'Übung']);
    const { users } = await get<UserPage>('/v1/users?search=u_1');
    expect(users[0]).toEqual({
      user_id: 'u_1',
      first_seen: expect.stringContaining('2024-05-01') as string,
      last_seen: expect.stringContaining('2024-05-02') as string,
      events: 3,
      traits: { email: 'Ann@Example.com', name: 'Ann Lee' },
    });
    expect((await api.get(project.key, '/v1/users?cursor=AA')).statusCode).toBe(400);
    const other = await api.createProject();
    expect((await get<UserPage>('/v1/users?search=ann', other.key)).users).toEqual([]);
  });

  it('are found in the order of what they were found by, each once, in pages of any size', async () => {
    const { projectId, key } = await api.createProject();
    const people: [string, object][] = [
      ['Mia-2', { email: 'mia@example.com', name: 'Mia' }],
      ['mia-1', {}],
      ['mia-"é', { name: 'Mia' }],
      ['x-1', { email: 'MIA.b@example.com', name: 'mia' }],
      ['x-2', { email: 'mia.a@example.com' }],
      ['x-3', { email: 'x@example.com', name: 'Mia Zorn' }],
      ['x-5', { name: 'mia adler' }],
      ['x-4', { name: 'Mia Adler' }],
      ['other', { email: 'other@mia.example', name: 'Other Mia' }],
    ];
    for (const [id, traits] of people) {
      await api.pool.query(
        `insert into users (project_id, user_id, first_seen, last_seen, traits) values ($1, $2, now(), now(), $3)`,
        [projectId, id, JSON.stringify(traits)],
      );
    }
    for (const limit of [1, 2, 3, 50]) {
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const more: string = cursor === null ? '' : `&cursor=${cursor}`;
        const page: UserPage = await get(`/v1/users?search=mIa&limit=${limit}${more}`, key);
        seen.push(...page.users.map(({ user_id }) => user_id));
        cursor = page.next_cursor;
      } while (cursor !== null);
      expect(seen).toEqual(['mia-"é', 'mia-1', 'Mia-2', 'x-2', 'x-1', 'x-4', 'x-5', 'x-3']);
    }
  });

  it('have cursors of their own: one of the list is none of a search', async () => {
    const { next_cursor: listed } = await get<UserPage>('/v1/users?limit=1');
    const { next_cursor: found } = await get<UserPage>('/v1/users?search=u&limit=1');
    const refused = [`/v1/users?search=u&cursor=${listed}`, `/v1/users?cursor=${found}`];
    for (const url of refused) expect((await api.get(project.key, url)).statusCode).toBe(400);
  });

  it('may have names longer than an index holds', async () => {
    const { projectId, key } = await api.createProject();
    const name = `Long ${randomBytes(6_000).toString('hex')}`;
    await api.pool.query(
      `insert into users (project_id, user_id, first_seen, last_seen, traits) values ($1, 'l', now(), now(), $2)`,
      [projectId, JSON.stringify({ name })],
    );
    const { users } = await get<UserPage>(`/v1/users?search=${name.slice(0, 256)}`, key);
    expect(users.map(({ user_id }) => user_id)).toEqual(['l']);
  });

  it('are found in the order of indexes, with nothing but a page to sort, however many there are', async () => {
    const { projectId } = await api.createProject();
    await api.pool.query(
      `insert into users (project_id, user_id, first_seen, last_seen, traits)
       select $1, gen_random_uuid(), now(), now(),
         jsonb_build_object('email', 'person-' || n || '@example.com', 'name', 'Person ' || n)
       from generate_series(1, 20000) as n`,
      [projectId],
    );
    await api.pool.query('analyze users');
    const { sql, params } = askFoundUsers(projectId, { search: 'person', after: undefined, limit: 50 });
    const { rows } = await api.pool.query<{ 'QUERY PLAN': string }>(`explain ${sql}`, [...params]);
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    for (const index of ['users_by_id', 'users_by_email', 'users_by_name']) {
      expect(plan).toContain(`Index Scan using ${index}`);
    }
    expect(plan.match(/Sort {2}/g)).toHaveLength(1);
    expect(plan).not.toContain('Seq Scan');
  });
});

describe('annotations', () => {
  it('are made and deleted with an admin key, and listed by their time', async () => {
    const note = async (text: string, hour: number): Promise<Annotation> => {
      const body = { at: `2024-05-01T${hour}:00:00+02:00`, text };
      const response = await api.send(admin, 'POST', '/v1/annotations', body);
      expect(response.statusCode, response.body).toBe(201);
      return response.json<Annotation>();
    };
    const list = async (query = ''): Promise<string[]> =>
      (await get<AnnotationList>(`/v1/annotations${query}`)).annotations.map(({ text }) => text);
    const second = await note('release 2', 12);
    const first = await note('release 1', 11);
    expect(first).toMatchObject({ at: '2024-05-01T09:00:00.000Z', text: 'release 1' });
    expect(await list()).toEqual(['release 1', 'release 2']);
    expect(await list('?from=2024-05-01T10:00:00Z')).toEqual(['release 2']);
    expect(await list('?to=2024-05-01T10:00:00Z')).toEqual(['release 1']);
    const gone = await api.send(admin, 'DELETE', `/v1/annotations/${second.annotation_id}`);
    expect(gone.json()).toMatchObject({ text: 'release 2' });
    expect(await list()).toEqual(['release 1']);
    const again = await api.send(admin, 'DELETE', `/v1/annotations/${second.annotation_id}`);
    expect(again.json()).toMatchObject({ code: 'annotation_not_found', status: 404 });

    const asReader = await api.send(project.key, 'POST', '/v1/annotations', { at: at(0), text: 'x' });
    expect(asReader.json()).toMatchObject({ code: 'insufficient_scope' });
    const other = await api.createAdminKey((await api.createProject()).projectId);
    const stranger = await api.send(other, 'DELETE', `/v1/annotations/${first.annotation_id}`);
    expect(stranger.statusCode).toBe(404);
    expect((await api.send(admin, 'POST', '/v1/annotations', { at: 'noon', text: 'x' })).statusCode).toBe(
      400,
    );
  });
});
