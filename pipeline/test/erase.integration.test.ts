import { createLogger, ensureProject } from '@sluice/service-kit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { isGenuine, rebuildRollups, type Pipeline } from '../src/index.js';
import { erase, readAccount, readPeople, readRollups, send } from './erase-kit.js';
import { ask, caughtUp, count, openStores, runPipeline, type Message, type Stores } from './kit.js';

const START_MS = Date.now() - 20 * 86_400_000;
let ids = 0;
/** A UUIDv7: it is the id of the event in whichever project. */
function messageId(atMs: number): string {
  ids += 1;
  const time = Math.trunc(atMs).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${ids.toString(16).padStart(12, '0')}`;
}

/** Messages of person `n`: of three devices, signed in on some of them, under two names that are aliased. */
function messageOf(n: number, kind: number, hour: number): Message {
  const atMs = START_MS + hour * 1_800_000 + n * 1_000;
  const device = `device-${n}-${kind % 3}`;
  const common = { messageId: messageId(atMs), timestamp: new Date(atMs).toISOString() };
  const track = {
    ...common,
    type: 'track',
    event: ['View', 'Buy', 'Share'][kind % 3],
    properties: { n: kind },
  };
  switch (kind % 7) {
    case 0:
      return {
        ...common,
        type: 'identify',
        anonymousId: device,
        userId: `user-${n}`,
        traits: { name: `P${n}` },
      };
    case 1:
      return { ...common, type: 'alias', userId: `user-${n}`, previousId: `old-user-${n}` };
    case 2:
      return { ...track, userId: `old-user-${n}` };
    case 3:
      return { ...common, type: 'page', name: 'Home', anonymousId: device, properties: { path: `/${kind}` } };
    case 4:
      return { ...track, userId: `user-${n}`, anonymousId: device };
    default:
      return { ...track, anonymousId: device };
  }
}

describe('erasing a person', () => {
  let stores: Stores;
  let pipeline: Pipeline;

  beforeAll(async () => {
    stores = await openStores(inject('postgresUrl'));
    pipeline = await runPipeline(stores, { maxRecords: 40, maxRollupRestMs: 0 });
  });
  afterAll(async () => {
    await pipeline.stop();
    await stores.close();
  });

  let projects = 0;
  async function newProject(): Promise<Pick<Stores, 'log' | 'projectId'>> {
    projects += 1;
    return { log: stores.log, projectId: await ensureProject(stores.postgres.pool, `people ${projects}`) };
  }

  it('leaves what a warehouse holds that never knew the person', async () => {
    const step = fc.record({
      person: fc.integer({ min: 0, max: 4 }),
      kind: fc.integer({ min: 0, max: 41 }),
      hour: fc.integer({ min: 0, max: 90 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 0, max: 4 }),
        fc.integer({ min: 0, max: 4 }),
        async (steps, erased, name) => {
          const messages = steps.map(({ person, kind, hour }) => ({
            person,
            message: messageOf(person, kind, hour),
          }));
          const meta = { receivedAtMs: START_MS + 100 * 3_600_000 };
          const [whole, without] = [await newProject(), await newProject()];
          await send(
            whole,
            messages.map(({ message }) => message),
            meta,
          );
          const others = messages.filter(({ person }) => person !== erased);
          await send(
            without,
            others.map(({ message }) => message),
            meta,
          );
          await caughtUp(stores);
          // By whichever id: those that nobody has merged are named together.
          const named = [
            `user-${erased}`,
            `old-user-${erased}`,
            ...[0, 1, 2].map((d) => `device-${erased}-${d}`),
          ];
          const receipt = await erase(stores, whole.projectId, named[name]!, ...named);
          expect(receipt.remaining).toBe(0);
          expect(isGenuine(receipt)).toBe(true);
          expect(await readRollups(stores, whole.projectId)).toEqual(
            await readRollups(stores, without.projectId),
          );
          expect(await readPeople(stores, whole.projectId)).toEqual(
            await readPeople(stores, without.projectId),
          );
          const account = await readAccount(stores, whole.projectId);
          expect(account).toEqual({
            logged: messages.length,
            landed: others.length,
            duplicates: 0,
            deadLettered: 0,
            erased: messages.length - others.length,
            rows: others.length,
          });
        },
      ),
      { numRuns: 8 },
    );
  });

  it('finds by any one id all that were merged', async () => {
    const project = await newProject();
    const messages = [
      { type: 'track', event: 'View', anonymousId: 'phone' },
      { type: 'identify', anonymousId: 'phone', userId: 'ann' },
      { type: 'identify', anonymousId: 'laptop', userId: 'ann' },
      { type: 'track', event: 'View', userId: 'ann-before' },
      { type: 'alias', previousId: 'ann-before', userId: 'ann' },
      { type: 'track', event: 'View', userId: 'bob', anonymousId: 'tablet' },
    ].map((message) => ({
      ...message,
      messageId: messageId(Date.now()),
      timestamp: new Date().toISOString(),
    }));
    await send(project, messages);
    await caughtUp(stores);
    const receipt = await erase(stores, project.projectId, 'laptop');
    expect(receipt).toMatchObject({ ids: 4, remaining: 0, erased: { postgres: { events: 5, profiles: 1 } } });
    expect(JSON.stringify(receipt)).not.toMatch(/ann|laptop|phone/);
    const left = await stores.postgres.pool.query<{ user_id: string }>(
      'select user_id from users where project_id = $1',
      [project.projectId],
    );
    expect(left.rows).toEqual([{ user_id: 'bob' }]);
    const stored = await stores.postgres.pool.query<{ ids: unknown }>(
      'select ids from erasures where project_id = $1',
      [project.projectId],
    );
    expect(stored.rows).toEqual([{ ids: null }]);
  });

  it('does not take back what is sent again, and takes what the person does from then on', async () => {
    const project = await newProject();
    const at = (offsetMs: number): string => new Date(Date.now() + offsetMs).toISOString();
    const first = {
      type: 'track',
      event: 'View',
      userId: 'cleo',
      messageId: 'cleo-1',
      timestamp: at(-60_000),
    };
    const undated = { type: 'track', event: 'View', userId: 'cleo', messageId: 'cleo-undated' };
    const late = {
      type: 'track',
      event: 'View',
      userId: 'cleo',
      messageId: 'cleo-late',
      timestamp: at(-30_000),
    };
    await send(project, [first, undated]);
    await caughtUp(stores);
    await erase(stores, project.projectId, 'cleo');
    const anew = { type: 'track', event: 'View', userId: 'cleo', messageId: 'cleo-2', timestamp: at(1) };
    await send(project, [first, undated, late, late, anew, anew]);
    await caughtUp(stores);
    const rows = await stores.postgres.pool.query<{ message_id: string }>(
      'select message_id from events where project_id = $1',
      [project.projectId],
    );
    expect(rows.rows).toEqual([{ message_id: 'cleo-2' }]);
    expect(await readAccount(stores, project.projectId)).toEqual({
      logged: 8,
      landed: 1,
      duplicates: 1,
      deadLettered: 0,
      erased: 6,
      rows: 1,
    });
    expect((await readRollups(stores, project.projectId))['counts_15m']).toHaveLength(1);
  });

  it('takes the id of a shared device out of what others did on it, and leaves them the rest', async () => {
    const project = await newProject();
    const common = {
      type: 'track',
      event: 'View',
      anonymousId: 'shared',
      timestamp: new Date().toISOString(),
    };
    await send(project, [
      { ...common, type: 'identify', userId: 'dan', messageId: messageId(Date.now()) },
      { ...common, userId: 'dan', messageId: messageId(Date.now()) },
      { ...common, userId: 'eve', messageId: messageId(Date.now()) },
    ]);
    await caughtUp(stores);
    const receipt = await erase(stores, project.projectId, 'dan');
    expect(receipt.remaining).toBe(0);
    const rows = await stores.postgres.pool.query<{
      user_id: string;
      anonymous_id: string | null;
      message: object;
    }>('select user_id, anonymous_id, message from events where project_id = $1', [project.projectId]);
    expect(rows.rows).toMatchObject([{ user_id: 'eve', anonymous_id: null }]);
    expect(JSON.stringify(rows.rows)).not.toContain('shared');
    const before = await readRollups(stores, project.projectId);
    expect(before['events']).toHaveLength(1);
    expect(before['sessions']).toHaveLength(1);
    await rebuildRollups({ ...stores, logger: createLogger('rebuild', 'silent') });
    expect(await readRollups(stores, project.projectId)).toEqual(before);
  });

  it('deletes the dead letters and changes the notes that name the person', async () => {
    const project = await newProject();
    const { pool } = stores.postgres;
    const key = { anonymousId: 'finn-phone', messageId: 'finn-1', timestamp: new Date().toISOString() };
    await send(project, [
      { type: 'identify', userId: 'finn', anonymousId: 'finn-phone', messageId: messageId(Date.now()) },
      { type: 'track', event: 'Broken', userId: 'gil', messageId: { no: 'id' } },
      { ...key, type: 'track', event: '' },
    ]);
    await caughtUp(stores);
    expect(await count(stores, `dead_letters where project_id = ${project.projectId}`)).toBe(2);
    await pool.query(
      `insert into cohorts (project_id, name, kind, user_ids) values ($1, 'friends', 'static', '{gil,finn}')`,
      [project.projectId],
    );
    await pool.query(
      `insert into annotations (project_id, at, text) values ($1, now(), 'finn called, finnish too')`,
      [project.projectId],
    );
    const receipt = await erase(stores, project.projectId, 'finn-phone');
    expect(receipt).toMatchObject({ erased: { dead_letters: { letters: 1 }, notes: { changed: 2 } } });
    const notes = await pool.query<{ text: string; user_ids: string[] }>(
      'select text, user_ids from annotations join cohorts using (project_id) where project_id = $1',
      [project.projectId],
    );
    expect(notes.rows).toEqual([{ text: '[erased] called, finnish too', user_ids: ['gil'] }]);
    // Refused again, it would be a letter again.
    await send(project, [{ ...key, type: 'track', event: '' }]);
    await caughtUp(stores);
    expect(await count(stores, `dead_letters where project_id = ${project.projectId}`)).toBe(1);
  });

  it('erases while events of everybody keep coming, and no number is off', async () => {
    const project = await newProject();
    let sent = 0;
    const stop = new AbortController();
    const sending = (async () => {
      while (!stop.signal.aborted && sent < 1_500) {
        const messages = Array.from({ length: 10 }, (_, n) => ({
          type: 'track',
          event: 'View',
          userId: `fan-${n % 5}`,
          messageId: messageId(Date.now()),
          timestamp: new Date().toISOString(),
        }));
        await send(project, messages);
        sent += messages.length;
      }
    })();
    await caughtUpWith(project.projectId, 50);
    for (const fan of ['fan-0', 'fan-1', 'fan-2']) {
      expect((await erase(stores, project.projectId, fan)).remaining).toBe(0);
    }
    stop.abort();
    await sending;
    await caughtUp(stores);
    const account = await readAccount(stores, project.projectId);
    expect(account.logged).toBe(sent);
    expect(account.landed + account.erased).toBe(sent);
    expect(account.rows).toBe(account.landed);
    expect(account.erased).toBeGreaterThan(0);
    const sums = await ask<Record<string, number>>(
      stores,
      ['events', 'counts_15m', 'receipts_1m', 'user_days', 'active_days', 'sessions', 'actors']
        .map(
          (table) =>
            `(select ${table === 'events' ? 'count()' : 'sum(events)'} from {db}.${table} where project_id = ${project.projectId}) as ${table}`,
        )
        .join(', ')
        .replace(/^/, 'select '),
    );
    expect(new Set(Object.values(sums[0]!).map(Number))).toEqual(new Set([account.landed]));
  });

  async function caughtUpWith(projectId: number, rows: number): Promise<void> {
    for (;;) {
      if ((await count(stores, `events where project_id = ${projectId}`)) >= rows) return;
    }
  }
});
